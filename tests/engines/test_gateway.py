"""The same gateway in front of a real vLLM and a real llama.cpp, through the official SDK."""

import time
import urllib.request
from collections.abc import Iterator

import openai
import pytest

from router.ledger.read import recent
from tests.engines.conftest import VllmServer
from tests.sdk.process import Served, serve

pytestmark = pytest.mark.engines

CONFIG = """
version: 1
tiers:
  edge: {{engine: llama.cpp, model: "bundled:edge", context: 2048, price: {{input: 0.02, output: 0.06}},
         options: {{threads: 1, slots: 4}}}}
  short: {{engine: vllm, model: {model}, context: {context}, replicas: [{{url: "{url}"}}],
          gpu: {{kind: A100-80GB, usd_per_hour: 1.39, tokens_per_second: 1000}}}}
models:
  auto: {{policy: default}}
  edge: {{tier: edge}}
  short: {{tier: short}}
policies:
  default:
    rules: [{{name: draft-first, use: [edge, short], cascade: true}}]
    cascade: {{first: edge, then: [short], accept: 1.0, hold_tokens: 4}}
"""
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture(scope="module")
def fleet(vllm_server: VllmServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """edge: the bundled toy in the embedded llama.cpp; short: vLLM. Every draft on edge is rejected (accept: 1.0)."""
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "fleet.yaml").write_text(
        CONFIG.format(model=vllm_server.model, context=vllm_server.context, url=vllm_server.url)
    )
    with serve(folder, ["--config", "fleet.yaml"]) as served:
        yield served


@pytest.fixture
def client(fleet: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=fleet.url + "/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest.mark.parametrize("model", ["edge", "short"])
def test_whole_and_streamed(client, model):
    """Both engines answer both ways, with the engine's own usage."""
    asked = {"model": model, "messages": QUESTION, "temperature": 0, "max_tokens": 12}
    whole = client.chat.completions.create(**asked)
    assert whole.usage.completion_tokens > 0
    chunks = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


@pytest.mark.parametrize("model", ["edge", "short"])
def test_log_probabilities(client, model):
    """As many entries as sampled tokens, each with its alternatives."""
    answer = client.chat.completions.create(
        model=model, messages=QUESTION, logprobs=True, top_logprobs=2, max_tokens=6, temperature=0
    )
    assert all(len(entry.top_logprobs) == 2 for entry in answer.choices[0].logprobs.content)


def test_a_draft_on_llama_cpp_escalates_to_vllm(client, fleet):
    """The answer is vLLM's; the ledger holds both attempts, the draft's tokens as the engine counted them."""
    raw = client.chat.completions.with_raw_response.create(
        model="auto", messages=QUESTION, max_tokens=8, temperature=1.5, seed=1, extra_headers={"x-request-id": "esc-1"}
    )
    assert raw.headers["x-tiergate-tier"] == "short"
    assert raw.headers["x-tiergate-decision"] == "draft-first"
    row = _row(fleet, "esc-1")
    draft, answer = row["tried"]
    assert (draft["kind"], draft["outcome"], draft["estimated"]) == ("draft", "rejected", 0)
    assert (answer["kind"], answer["outcome"], answer["tier"]) == ("escalation", "ok", "short")
    assert row["cost_nusd"] == draft["cost_nusd"] + answer["cost_nusd"]
    assert answer["output_tokens"] == raw.parse().usage.completion_tokens


@pytest.mark.parametrize("model", ["edge", "short"])
def test_a_caller_that_leaves_frees_the_engine(client, fleet, model):
    """After a stream is left, the engine has nothing running, and the ledger says that it was cancelled."""
    name = f"left-{model}"
    stream = client.chat.completions.create(
        model=model, messages=QUESTION, stream=True, max_tokens=400, temperature=1,
        extra_headers={"x-request-id": name}, extra_body={"ignore_eos": True},
    )  # fmt: skip
    for _ in stream:
        break
    stream.close()
    assert _row(fleet, name)["status"] == 499
    metrics = urllib.request.urlopen(fleet.url + "/metrics", timeout=10).read().decode()
    assert 'tiergate_inflight{replica="' in metrics
    assert all(line.endswith(" 0.0") for line in metrics.splitlines() if line.startswith("tiergate_inflight{"))


def test_a_prompt_too_long_for_vllm_is_the_caller_s_error(client):
    """vLLM's own refusal, or ours before it, has OpenAI's code."""
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="short", messages=[{"role": "user", "content": "word " * 5000}])
    assert refused.value.code == "context_length_exceeded"


def _row(fleet: Served, request_id: str) -> dict:
    """The request's row, once the writer has committed it."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for row in recent(fleet.folder / "var" / "ledger.db", 50):
            if row["request_id"] == request_id:
                return row
        time.sleep(0.05)
    raise AssertionError(f"{request_id} is not in the ledger")
