"""A real HTTP engine in front of a provider that breaks on purpose: what the caller gets and what the ledger says."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from policies.load import loads
from router.app import Gateway
from router.ledger.read import recent
from router.services import Opening
from tests.faults.server import Provider, provider
from tests.router.gateway import Running, chat
from tests.router.server import serving

CONFIG = """
version: 1
state: {{ledger: "sqlite:///{folder}/ledger.db"}}
tiers:
  short: {{engine: vllm, model: m, context: 512, price: {{input: 1, output: 2}}, replicas: [{replicas}],
          timeouts: {{connect_s: 1, first_token_s: 0.4, idle_s: 0.4, total_s: 5}}}}
  long: {{engine: vllm, model: m, context: 4096, price: {{input: 10, output: 20}}, replicas: [{{url: "{long}/v1"}}]}}
models: {{auto: {{policy: default}}, short: {{tier: short}}}}
policies:
  default:
    rules: [{{name: all, use: [short, long]}}]
    cache: {{exact: false}}
"""

BEFORE_ANY_BYTE = [
    "429", "429-retry-after", "500", "503", "reset-before-headers", "silent", "slow-first-token", "200-error-body",
    "html", "html-200", "401", "404", "empty", "redirect",
]  # fmt: skip
IN_MID_STREAM = ["cut", "cut-reset", "stall", "malformed-event", "error-in-stream"]


@asynccontextmanager
async def fleet(folder: Path, modes: list[str]) -> AsyncIterator[tuple[Running, list[Provider], Provider]]:
    """short: a replica for each mode; long: one that works."""
    async with AsyncExitStack() as stack:
        broken = [await stack.enter_async_context(provider(mode)) for mode in modes]
        good = await stack.enter_async_context(provider("ok"))
        replicas = ", ".join(f'{{url: "{one.url}/v1"}}' for one in broken)
        text = CONFIG.format(folder=folder, replicas=replicas, long=good.url)
        path = folder / "t.yaml"
        path.write_text(text)
        app = Gateway(lambda: Opening(path, lambda: loads(path.read_bytes(), "t.yaml", {})))
        url = await stack.enter_async_context(serving(app))
        client = await stack.enter_async_context(aiohttp.ClientSession())
        assert app.services is not None
        yield Running(url, app.services, client, [], {}, path), broken, good


async def last(running: Running) -> dict:
    await running.services.ledger.flush()
    return recent(running.config.parent / "ledger.db", 1)[0]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("mode", BEFORE_ANY_BYTE)
async def test_a_failure_before_the_first_token_goes_elsewhere(tmp_path, mode, stream):
    """One attempt at the broken tier, then a whole answer from the next; both are in the ledger."""
    async with fleet(tmp_path, [mode]) as (running, (broken,), good):
        reply = await running.post(chat(stream=stream))
        assert (reply.status, reply.headers["x-tiergate-tier"]) == (200, "long")
        assert (broken.attempts, good.attempts) == (1, 1)
        if stream:
            assert reply.events[-1] == b"[DONE]"
        row = await last(running)
        assert [attempt["outcome"] for attempt in row["tried"]][1] == "ok"
        assert row["tried"][0]["outcome"] in ("failed", "timeout", "cut")


@pytest.mark.parametrize("mode", IN_MID_STREAM)
async def test_a_stream_that_breaks_is_never_a_short_success(tmp_path, mode):
    """An error event and no [DONE], or a plain error where nothing was sent yet; what was generated is paid for."""
    async with fleet(tmp_path, [mode]) as (running, _, _good):
        reply = await running.post(chat(model="short", stream=True))
        error = reply.chunks[-1]["error"] if reply.status == 200 else reply.json["error"]
        assert b"[DONE]" not in reply.events
        assert error["code"] == ("stream_cut" if reply.status == 200 else "upstream_failed")
        row = await last(running)
        assert (row["status"], row["error_code"]) == (502, error["code"])
        assert row["tried"][0]["output_tokens"] > 0


@pytest.mark.parametrize("mode", ["ok", "no-done", "gzip", "short-body"])
async def test_what_is_only_odd_is_a_whole_answer(tmp_path, mode):
    """A stream without [DONE] or broken after its finish reason, or a compressed answer, is no failure."""
    async with fleet(tmp_path, [mode]) as (running, _, good):
        reply = await running.post(chat(stream=True))
        assert (reply.headers["x-tiergate-tier"], reply.events[-1]) == ("short", b"[DONE]")
        assert good.attempts == 0


async def test_a_prompt_too_long_is_never_sent_to_the_same_context_again(tmp_path):
    """Not to the tier's other replica; once to the tier with a larger context."""
    async with fleet(tmp_path, ["context-too-long", "context-too-long"]) as (running, broken, good):
        reply = await running.post(chat())
        assert (reply.status, reply.headers["x-tiergate-tier"]) == (200, "long")
        assert (sum(one.attempts for one in broken), good.attempts) == (1, 1)
        pinned = await running.post(chat(model="short"))
        assert (pinned.status, pinned.json["error"]["code"]) == (400, "context_length_exceeded")


async def test_another_replica_of_the_tier_comes_before_another_tier(tmp_path):
    """With one of two replicas broken, the tier itself still answers."""
    async with fleet(tmp_path, ["500", "ok"]) as (running, _, good):
        for _ in range(4):
            reply = await running.post(chat())
            assert (reply.status, reply.headers["x-tiergate-tier"]) == (200, "short")
        assert good.attempts == 0


async def test_no_upstream_secret_or_page_reaches_the_caller(tmp_path):
    """HTML, addresses and keys of the engine stay out of the message."""
    async with fleet(tmp_path, ["html"]) as (running, (broken,), _):
        reply = await running.post(chat(model="short"))
        assert reply.status in (502, 503)
        assert b"<html" not in reply.body
        assert broken.url.removeprefix("http://").encode() not in reply.body
