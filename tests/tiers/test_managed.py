"""ManagedEngine against an OpenAI-shaped provider, through the real litellm."""

import asyncio
import sys

import orjson
import pytest

from tests.faults.server import provider
from tests.faults.speech import WORDS
from tests.tiers.conftest import KEY, chat
from tiers.errors import (
    Broken,
    ContextTooLong,
    EngineFailed,
    Misconfigured,
    Overloaded,
    Refused,
    TierError,
    TimedOut,
    Unavailable,
    Unreachable,
    Unsupported,
)
from tiers.managed import ManagedEngine
from tiers.managed_errors import as_tier_error
from tiers.types import Call, ReplicaSpec, TierSpec, Timeouts

pytestmark = [
    # litellm's own use of what its dependencies have deprecated.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:litellm"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:pydantic"),
    # Its types, as pydantic reads them; it hides this warning itself where the filters allow.
    pytest.mark.filterwarnings("ignore:.*using the `ReadOnly` qualifier:UserWarning"),
]


async def managed(p, model="openai/m", **timeouts):
    replica = ReplicaSpec(url=p.url, name="a")
    spec = TierSpec("managed", "litellm", model, (), replicas=(replica,), api_key=KEY, timeouts=Timeouts(**timeouts))
    engine = ManagedEngine(spec, replica)
    await engine.open()
    return engine


async def read(engine, call):
    try:
        if not call.stream:
            return (await engine.complete(call)).body
        return b"".join([chunk async for chunk in await engine.stream(call)])
    except TierError as error:
        return error


async def test_a_whole_answer_has_openais_shape():
    """Text, finish reason and usage are the provider's; the key is ours."""
    async with provider("ok") as p:
        body = orjson.loads((await (await managed(p)).complete(chat())).body)
    assert body["choices"][0]["message"]["content"] == "".join(WORDS)
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"]["completion_tokens"] == len(WORDS)
    assert p.headers[0]["authorization"] == f"Bearer {KEY}"
    assert p.requests[0]["model"] == "m"


async def test_a_stream_is_events_with_usage_last():
    """Every word, one finish reason, usage without choices, then [DONE]."""
    async with provider("ok") as p:
        data = await read(await managed(p), chat(stream=True))
    lines = data.decode().split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    chunks = [orjson.loads(line.removeprefix("data: ")) for line in lines[:-2]]
    choices = [c["choices"][0] for c in chunks[:-1]]
    assert "".join(c["delta"].get("content", "") for c in choices) == "".join(WORDS)
    assert [c["finish_reason"] for c in choices if c["finish_reason"]] == ["stop"]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["prompt_tokens"] == 5


async def test_a_caller_cannot_steer_litellm():
    """Fields that litellm would take for its own settings reach the provider as plain JSON, or not at all."""
    async with provider("ok") as p, provider("ok") as thief:
        engine = await managed(p)
        await engine.complete(chat(api_base=thief.url, base_url=thief.url, api_key="x", foo=1))
        assert thief.attempts == 0
    assert p.headers[0]["authorization"] == f"Bearer {KEY}"
    assert p.requests[0]["foo"] == 1


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("401", Misconfigured),
        ("404", Misconfigured),
        ("429-retry-after", Overloaded),
        ("503", Overloaded),
        ("500", EngineFailed),
        ("html", EngineFailed),
        ("context-too-long", ContextTooLong),
        ("reset-before-headers", Unreachable),
    ],
)
async def test_a_failure_is_tried_once_and_named(mode, kind, stream):
    """litellm does not retry, and its wording, keys and web pages are not shown."""
    async with provider(mode) as p:
        got = await read(await managed(p), chat(stream=stream))
        assert p.attempts == 1
    assert type(got) is kind
    assert not any(secret in f"{got.message} {got.error}" for secret in (KEY, "litellm.", "<", "10.0.0.9"))


@pytest.mark.parametrize("mode", ["cut", "cut-reset", "error-in-stream"])
async def test_a_stream_that_breaks_is_broken(mode):
    """Words came and then the connection or the engine broke."""
    async with provider(mode) as p:
        assert type(await read(await managed(p), chat(stream=True))) is Broken


@pytest.mark.parametrize("mode", ["empty", "200-error-body"])
async def test_an_end_that_the_provider_did_not_announce_is_no_success(mode):
    """litellm would invent a finish reason."""
    async with provider(mode) as p:
        assert isinstance(await read(await managed(p), chat(stream=True)), TierError)


@pytest.mark.parametrize(
    ("mode", "stream", "limit", "phase"),
    [
        ("silent", False, {"total_s": 0.3}, "total"),
        ("silent", True, {"first_token_s": 0.3}, "first_token"),
        ("stall", True, {"idle_s": 0.3}, "idle"),
    ],
)
async def test_limits_hold(mode, stream, limit, phase):
    """The tier's timeouts are kept here and not left to litellm."""
    async with provider(mode) as p:
        got = await read(await managed(p, **limit), chat(stream=stream))
    assert (type(got), got.phase) == (TimedOut, phase)


async def test_closing_a_stream_closes_the_connection():
    """The provider stops working for a caller who left."""
    async with provider("stall") as p:
        stream = await (await managed(p)).stream(chat(stream=True))
        await anext(aiter(stream))
        await stream.aclose()
        await stream.aclose()
        await asyncio.wait_for(p.left.wait(), 5)


async def test_other_paths_are_unsupported_and_a_closed_engine_unavailable():
    """What it cannot do is said before anything is sent."""
    async with provider("ok") as p:
        engine = await managed(p)
        assert type(await read(engine, Call("/v1/responses", {}, False, "r"))) is Unsupported
        assert p.attempts == 0
    shut = ManagedEngine(TierSpec("m", "litellm", "openai/m"), ReplicaSpec())
    assert type(await read(shut, chat())) is Unavailable


async def test_its_absence_names_the_extra(monkeypatch):
    """Somebody who configures a managed tier without the extra is told what to install."""
    monkeypatch.setitem(sys.modules, "litellm", None)
    with pytest.raises(Misconfigured, match=r"pip install 'tiergate\[managed\]'"):
        await ManagedEngine(TierSpec("m", "litellm", "openai/m"), ReplicaSpec()).open()


class UnsupportedParamsError(Exception):
    status_code = 400


class OddError(Exception):
    pass


class BadRequestError(Exception):
    status_code = 400


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (UnsupportedParamsError("no tools"), Unsupported),
        (BadRequestError("OpenAIException - bad"), Refused),
        (OddError("boom"), EngineFailed),
    ],
)
def test_exceptions_are_told_apart_by_name_and_status(error, kind):
    """Also those that have no status."""
    assert type(as_tier_error(error, secret=None)) is kind
