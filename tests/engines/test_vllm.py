"""HttpEngine against a real vLLM: what the fakes claim of it, it does."""

import asyncio
from collections.abc import AsyncIterator, Callable

import orjson
import pytest

from tiers.engines.registry import DIALECTS
from tiers.errors import ContextTooLong, Misconfigured, Overloaded, Refused
from tiers.openai_http import HttpEngine, HttpSession
from tiers.types import Call, ReplicaSpec, TierSpec, Timeouts

pytestmark = pytest.mark.engines

SLOW = Timeouts(connect_s=10, first_token_s=120, idle_s=60, total_s=300)
ENDLESS = {"max_tokens": 450, "ignore_eos": True}
DRAINED_S = 60


@pytest.fixture
async def vllm(vllm_server) -> AsyncIterator[Callable[..., HttpEngine]]:
    """vllm(): an engine at the server; vllm(model=...): one that is misconfigured."""
    session = HttpSession()
    await session.open()

    def make(model: str = vllm_server.model) -> HttpEngine:
        replica = ReplicaSpec(url=vllm_server.url, name="a")
        spec = TierSpec("short", "vllm", model, replicas=(replica,), timeouts=SLOW)
        return HttpEngine(spec, replica, session, DIALECTS["vllm"])

    yield make
    await session.close()


def chat(content: str = "hello world", *, stream: bool = False, **fields: object) -> Call:
    body = {"model": "auto", "messages": [{"role": "user", "content": content}], **fields}
    return Call("/v1/chat/completions", body, stream, "r1")


async def streamed(engine: HttpEngine, call: Call) -> list[dict]:
    data = b"".join([chunk async for chunk in await engine.stream(call)])
    events = data.decode().split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    return [orjson.loads(event.removeprefix("data: ")) for event in events[:-2]]


async def idle(engine: HttpEngine) -> None:
    """Wait until nothing runs or waits there; its gauges are all there is to watch."""
    async with asyncio.timeout(DRAINED_S):
        while (load := await engine.load()).running or load.waiting:
            await asyncio.sleep(0.1)


async def busy(engine: HttpEngine) -> None:
    async with asyncio.timeout(DRAINED_S):
        while not (await engine.load()).running:
            await asyncio.sleep(0.1)


async def test_it_opens_and_a_wrong_model_shows_at_once(vllm):
    """The model list tells a wrong name before any request does."""
    await vllm().open()
    with pytest.raises(Misconfigured, match="serves toy; `model` is nope"):
        await vllm(model="nope").open()


async def test_a_wrong_model_is_the_owners_fault(vllm):
    """vLLM's 404 is no fault of the caller."""
    with pytest.raises(Misconfigured):
        await vllm(model="nope").complete(chat())


async def test_a_whole_answer(vllm):
    """The body is vLLM's own, with usage and cached tokens."""
    body = orjson.loads((await vllm().complete(chat(max_tokens=4, ignore_eos=True))).body)
    assert body["model"] == "toy"
    assert body["usage"]["completion_tokens"] == 4
    assert "cached_tokens" in body["usage"]["prompt_tokens_details"]
    assert body["choices"][0]["finish_reason"] == "length"


async def test_a_stream_with_logprobs_and_usage(vllm):
    """Usage comes although the caller did not ask for it; every token has its probability."""
    call = chat(stream=True, max_tokens=4, ignore_eos=True, logprobs=True, top_logprobs=2)
    chunks = await streamed(vllm(), call)
    said = [t for c in chunks[:-1] for t in (c["choices"][0].get("logprobs") or {}).get("content", [])]
    assert len(said) == 4
    assert all(token["logprob"] <= 0 and len(token["top_logprobs"]) == 2 for token in said)
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 4


async def test_completions(vllm):
    """The older API goes the same way."""
    call = Call("/v1/completions", {"prompt": "hello", "max_tokens": 3, "ignore_eos": True}, True, "r1")
    chunks = await streamed(vllm(), call)
    assert chunks[-1]["usage"]["completion_tokens"] == 3


async def test_every_gauge_is_there_and_tokens_are_counted(vllm):
    """A renamed metric would show here as None."""
    engine = vllm()
    before = await engine.load()
    assert None not in {before.running, before.waiting, before.kv_cache, before.prompt_tokens, before.output_tokens}
    await engine.complete(chat(max_tokens=5, ignore_eos=True))
    await idle(engine)
    async with asyncio.timeout(DRAINED_S):
        while (await engine.load()).output_tokens < before.output_tokens + 5:
            await asyncio.sleep(0.1)


async def test_closing_a_stream_frees_the_engine(vllm):
    """It stops long before the 450 tokens that were asked for."""
    engine = vllm()
    await idle(engine)
    before = (await engine.load()).output_tokens
    stream = await engine.stream(chat(stream=True, **ENDLESS))
    await anext(aiter(stream))
    await stream.aclose()
    await idle(engine)
    assert (await engine.load()).output_tokens < before + 400


async def test_cancelling_a_whole_call_frees_the_engine(vllm):
    """A caller who leaves before the answer costs no more."""
    engine = vllm()
    await idle(engine)
    before = (await engine.load()).output_tokens
    tasks = [asyncio.create_task(engine.complete(chat(**ENDLESS, n=4))) for _ in range(4)]
    await busy(engine)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all(task.cancelled() for task in tasks)
    await idle(engine)
    assert (await engine.load()).output_tokens < before + 4 * 4 * 400


@pytest.mark.parametrize(
    ("content", "fields"),
    [("hello world " * 600, {}), ("hello world " * 300, {}), ("hello", {"max_tokens": 1000})],
    ids=["characters", "tokens", "max_tokens"],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_what_does_not_fit_is_context_too_long(vllm, content, fields, stream):
    """In each of vLLM's wordings."""
    engine = vllm()
    call = chat(content, stream=stream, **fields)
    with pytest.raises(ContextTooLong):
        await (engine.stream(call) if stream else engine.complete(call))


async def test_a_bad_request_is_refused_with_its_reason(vllm):
    """The caller is told what vLLM says."""
    with pytest.raises(Refused) as caught:
        await vllm().complete(chat(temperature="hot"))
    assert "temperature" in caught.value.error["message"]


async def test_a_full_queue_is_overloaded_and_not_broken(vllm):
    """16 run, 32 wait, the rest are told to go elsewhere."""
    engine = vllm()
    tasks = [asyncio.create_task(engine.complete(chat(f"q{i}", **ENDLESS))) for i in range(80)]
    first = await _first_failure(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await idle(engine)
    assert isinstance(first, Overloaded)
    assert (first.status, first.reason) == (503, "overloaded")


async def _first_failure(tasks: list[asyncio.Task]) -> BaseException | None:
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION, timeout=DRAINED_S)
    return next((task.exception() for task in done if task.exception()), None)
