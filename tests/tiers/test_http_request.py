"""What HttpEngine sends: the caller's request with the engine's own model, and nothing lost."""

import copy

import pytest

from tests.faults.server import provider
from tests.tiers.conftest import KEY, chat
from tiers.engines.registry import DIALECTS
from tiers.errors import Misconfigured, Unreachable
from tiers.types import Call, Load


async def sent(engine, call, kind="vllm"):
    async with provider("ok") as p:
        made = engine(p, kind)
        if call.stream:
            _ = [chunk async for chunk in await made.stream(call)]
        else:
            await made.complete(call)
        return p


async def test_unknown_fields_pass_and_the_model_is_ours(engine):
    """Everything but `model` arrives as the caller wrote it."""
    extra = {"guided_json": {"a": [1]}, "temperature": 0.5, "cache_salt": "t"}
    p = await sent(engine, chat(**extra))
    assert p.requests == [{"model": "m", "messages": [{"role": "user", "content": "hello"}], **extra}]


@pytest.mark.parametrize("kind", sorted(DIALECTS))
async def test_the_callers_mapping_is_not_changed(engine, kind):
    """The same request goes to another engine after this one failed."""
    call = chat(stream=True, stream_options={"x": 1}, max_completion_tokens=5)
    before = copy.deepcopy(call.body)
    await sent(engine, call, kind)
    assert call.body == before


async def test_a_stream_always_asks_for_usage(engine):
    """Also when the caller did not, and beside what the caller did ask."""
    p = await sent(engine, chat(stream=True, stream_options={"continuous_usage_stats": True}))
    assert p.requests[0]["stream"] is True
    assert p.requests[0]["stream_options"] == {"continuous_usage_stats": True, "include_usage": True}


async def test_a_whole_call_says_nothing_of_streams(engine):
    """The router may want a whole answer where its caller wanted a stream."""
    call = Call("/v1/chat/completions", {**chat().body, "stream": True, "stream_options": {}}, False, "r1")
    p = await sent(engine, call)
    assert not {"stream", "stream_options"} & set(p.requests[0])


async def test_key_and_request_id_are_headers(engine):
    """And nothing else that would tell who we are: no cookies."""
    p = await sent(engine, chat())
    assert p.headers[0]["authorization"] == f"Bearer {KEY}"
    assert p.headers[0]["x-request-id"] == "r1"
    assert "cookie" not in p.headers[0]


@pytest.mark.parametrize("kind", ["tgi", "triton", "ollama", "llama-server"])
async def test_a_limit_is_sent_by_the_name_the_engine_knows(engine, kind):
    """`max_completion_tokens` is `max_tokens` where the newer name would be ignored."""
    p = await sent(engine, chat(max_completion_tokens=5), kind)
    assert p.requests[0]["max_tokens"] == 5
    assert "max_completion_tokens" not in p.requests[0]


async def test_tgi_is_asked_for_its_only_model(engine):
    """Any other name would be taken for an adapter."""
    p = await sent(engine, chat(), "tgi")
    assert p.requests[0]["model"] == "tgi"


@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("/v1", "/v1/chat/completions"),
        ("/v1/", "/v1/chat/completions"),
        ("/x/openai", "/x/openai/chat/completions"),
    ],
)
async def test_the_path_joins_the_base(engine, base, path):
    """The base mostly ends in /v1; another base is taken as it is."""
    async with provider("ok") as p:
        await engine(p.url.removesuffix("/v1") + base).complete(chat())
        assert p.paths == [path]


async def test_redirects_are_not_followed(engine):
    """A prompt and a key do not go where nobody configured them to go."""
    async with provider("redirect") as p:
        with pytest.raises(Misconfigured, match="redirect"):
            await engine(p).complete(chat())
        assert p.attempts == 1


@pytest.mark.parametrize("kind", sorted(DIALECTS))
async def test_opening_and_asking_for_load_generate_nothing(engine, kind):
    """Health and metrics are read with GET alone, in every dialect."""
    async with provider("500") as p:
        made = engine(p, kind)
        await made.open()
        await made.load()
        await made.close()
        assert p.attempts == 0


async def test_load_is_what_the_engine_prints(engine):
    """vLLM's gauges reach the router; an engine without metrics gives none."""
    async with provider("ok") as p:
        full = Load(running=3, waiting=1, kv_cache=0.25, prompt_tokens=1500, output_tokens=42)
        assert await engine(p).load() == full
        assert await engine(p, "ollama").load() == Load()


async def test_a_wrong_model_shows_when_the_engine_is_opened(engine):
    """The message names what the engine serves and what was configured."""
    async with provider("ok") as p:
        with pytest.raises(Misconfigured, match="serves m; `model` is other"):
            await engine(p, model="other").open()


async def test_opening_what_is_not_there_is_unreachable(engine):
    """So that the tier goes on without it and tries again."""
    with pytest.raises(Unreachable):
        await engine("http://127.0.0.1:1/v1").open()
