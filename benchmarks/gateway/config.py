"""The configurations of the gateways that are compared."""

from pathlib import Path

TIERGATE = """
version: 1
server: {{auth: keys}}
tiers:
  short:
    engine: openai
    model: canned
    replicas: [{{url: "{url}/v1"}}]
    price: {{input: 1, output: 2}}
    limits: {{max_inflight: 4096}}
  long:
    engine: openai
    model: canned
    replicas: [{{url: "{url}/v1"}}]
    price: {{input: 2, output: 4}}
    limits: {{max_inflight: 4096}}
models: {{auto: {{policy: default}}}}
policies:
  default:
    rules: [{{name: code, when: {{has_code: true, prompt_tokens: ">2000"}}, use: [long]}}]
    cache: {{exact: true}}
"""

LITELLM = """
model_list:
  - model_name: auto
    litellm_params: {{model: openai/canned, api_base: "{url}/v1", api_key: x}}
general_settings: {{master_key: sk-bench}}
litellm_settings: {{telemetry: false}}
"""

_ANSWER = (
    '{"id":"c","object":"chat.completion","created":0,"model":"canned","choices":[{"index":0,"message":'
    '{"role":"assistant","content":"A canned answer."},"finish_reason":"stop"}],'
    '"usage":{"prompt_tokens":12,"completion_tokens":4,"total_tokens":16}}'
)


class NGINX:
    """Two configurations of nginx with one worker: one that answers by itself, one that passes on."""

    @staticmethod
    def canned(folder: Path, port: int) -> str:
        answer = f"default_type application/json; return 200 '{_ANSWER}';"
        return _nginx(folder, "canned", f"server {{ listen 127.0.0.1:{port}; location / {{ {answer} }} }}")

    @staticmethod
    def proxy(folder: Path, port: int, upstream: str) -> str:
        pool = f"upstream one {{ server {upstream.removeprefix('http://')}; keepalive 64; }}"
        passing = 'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://one;'
        return _nginx(folder, "proxy", f"{pool} server {{ listen 127.0.0.1:{port}; location / {{ {passing} }} }}")


def _nginx(folder: Path, name: str, server: str) -> str:
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{name}-{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"worker_processes 1; daemon off; pid {folder}/{name}.pid; error_log {folder}/{name}.err;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; keepalive_requests 1000000000; {temporary} {server} }}\n"
    )
