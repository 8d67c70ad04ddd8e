"""The fleet whose history is made up: an edge box, two tiers on own GPUs and a managed one, with budgets."""

CONFIG = """
version: 1
state: {{ledger: "sqlite:///{folder}/ledger.db"}}
classifier: {{deadline_ms: 5000}}
tiers:
  edge: {{engine: llama.cpp, model: llama-3.2-1b-q8_0, context: 8192, price: {{input: 0.02, output: 0.06}}}}
  short:
    engine: vllm
    model: Llama-3.1-8B-Instruct
    context: 8192
    gpu: {{kind: RTX-3090, count: 1, usd_per_hour: 0.22, tokens_per_second: 158}}
    replicas: [{{url: "http://127.0.0.1:9/v1", name: short-1}}]
  long:
    engine: vllm
    model: Llama-3.3-70B-Instruct
    context: 32768
    gpu: {{kind: RTX-4090, count: 2, usd_per_hour: 0.34, tokens_per_second: 380}}
    replicas: [{{url: "http://127.0.0.1:9/v1", name: long-1}}]
  managed:
    engine: openai
    model: gpt-4.1-mini
    context: 32768
    price: {{input: 0.4, output: 1.6}}
    replicas: [{{url: "http://127.0.0.1:9/v1", name: provider}}]
models:
  auto: {{policy: default}}
  gpt-4o: {{policy: default}}
  long: {{tier: long}}
policies:
  default:
    rules:
      - {{name: code-to-long, when: {{has_code: true, prompt_tokens: ">9000"}}, use: [long, managed]}}
    route: {{candidates: [edge, short, long], quality: 0.9, short_output_tokens: 200}}
    cascade: {{first: edge, then: [short, long], accept: 0.8, hold_tokens: 16}}
    fallback: {{order: [short, long, managed], attempts: 4}}
    cache: {{exact: true, ttl_s: 3600, scope: team}}
budgets:
  - {{scope: org, limit_usd: 12, period: month, on_exceed: warn}}
  - {{scope: "team:search", limit_usd: 2.5, period: month, on_exceed: downgrade}}
  - {{scope: "team:support", limit_usd: 3, period: month, on_exceed: reject}}
  - {{scope: "team:growth", limit_usd: 2, period: month, on_exceed: reject}}
  - {{scope: "team:docs", limit_usd: 0.25, period: week, on_exceed: warn}}
{more}
"""
