"""Whatever is sent, the answer is OpenAI's error shape and the gateway lives on."""

import asyncio
import io
import string

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.errors import ApiError
from router.wire import validate
from tests.router.gateway import CHAT, chat, gateway

_MESSAGES = [{"role": "user", "content": "hi"}]

BAD_BODIES = {
    "empty": b"",
    "not JSON": b"{model: auto}",
    "not an object": b"[1, 2]",
    "null": b"null",
    "not UTF-8": b'{"model": "auto", "messages": [{"role": "user", "content": "\xff\xfe"}]}',
    "raw null byte": b'{"model": "auto\x00", "messages": []}',
    "deep JSON": b'{"model":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "lone surrogate": b'{"model": "auto", "messages": [{"role": "user", "content": "\\ud800"}]}',
    "no model": orjson.dumps({"messages": _MESSAGES}),
    "model is a number": orjson.dumps({"model": 7, "messages": _MESSAGES}),
    "no messages": orjson.dumps({"model": "auto"}),
    "empty messages": orjson.dumps({"model": "auto", "messages": []}),
    "messages is a string": orjson.dumps({"model": "auto", "messages": "hi"}),
    "a message is a string": orjson.dumps({"model": "auto", "messages": ["hi"]}),
    "no role": orjson.dumps({"model": "auto", "messages": [{"content": "hi"}]}),
    "an unknown role": orjson.dumps({"model": "auto", "messages": [{"role": "king", "content": "hi"}]}),
    "content is a number": orjson.dumps({"model": "auto", "messages": [{"role": "user", "content": 5}]}),
    "stream is a string": orjson.dumps({"model": "auto", "messages": _MESSAGES, "stream": "yes"}),
    "n is 0": orjson.dumps({"model": "auto", "messages": _MESSAGES, "n": 0}),
    "n is huge": orjson.dumps({"model": "auto", "messages": _MESSAGES, "n": 10**6}),
    "max_tokens is negative": orjson.dumps({"model": "auto", "messages": _MESSAGES, "max_tokens": -1}),
    "temperature is a string": orjson.dumps({"model": "auto", "messages": _MESSAGES, "temperature": "hot"}),
    "top_p is over 1": orjson.dumps({"model": "auto", "messages": _MESSAGES, "top_p": 1.5}),
    "tools is an object": orjson.dumps({"model": "auto", "messages": _MESSAGES, "tools": {}}),
    "response_format is a string": orjson.dumps({"model": "auto", "messages": _MESSAGES, "response_format": "json"}),
    "metadata is a list": orjson.dumps({"model": "auto", "messages": _MESSAGES, "metadata": []}),
}


async def test_every_bad_body_is_a_clear_400(tmp_path):
    """Each names what is wrong in OpenAI's shape, and a good request is answered afterwards."""
    async with gateway(tmp_path) as running:
        for name, body in BAD_BODIES.items():
            reply = await running.post(body)
            error = reply.json["error"]
            assert reply.status == 400, (name, reply.body)
            assert set(error) == {"message", "type", "param", "code"}, name
            assert error["type"] == "invalid_request_error" and len(error["message"]) > 10, name
            assert reply.headers["x-request-id"], name
        assert (await running.post(chat())).status == 200


async def test_a_body_that_is_too_large_is_refused_early(tmp_path):
    """Over the limit: 413 by its length, and 413 where the length is not told; a little under it is answered."""
    async with gateway(tmp_path) as running:
        big = orjson.dumps(chat("x" * (10 << 20)))
        async with running.client.post(running.url + CHAT, data=io.BytesIO(big)) as reply:
            assert reply.status == 413

        async def pieces():
            for start in range(0, len(big), 1 << 20):
                yield big[start : start + (1 << 20)]

        async with running.client.post(running.url + CHAT, data=pieces()) as reply:
            assert reply.status == 413
        assert (await running.post(chat())).status == 200


async def test_a_prompt_that_fits_no_tier_says_so(tmp_path):
    """OpenAI's code for it, and no attempt is made."""
    async with gateway(tmp_path) as running:
        reply = await running.post(chat("word " * 60_000))
        assert (reply.status, reply.json["error"]["code"]) == (400, "context_length_exceeded")


async def test_unknown_models_paths_methods_and_controls(tmp_path):
    """404 and 405 have the same shape as everything else; wrong request controls are named."""
    async with gateway(tmp_path) as running:
        missing = await running.post(chat(model="gpt-9"))
        assert (missing.status, missing.json["error"]["code"]) == (404, "model_not_found")
        assert "auto" in missing.json["error"]["message"]
        for path in ("/v1/nothing", "/v1/models/nothing", "/"):
            reply = await running.get(path)
            assert reply.status == 404 and reply.json["error"]["message"], path
        wrong_method = await running.get(CHAT)
        assert wrong_method.status in (404, 405) and wrong_method.json["error"]
        for name, value in {
            "x-tiergate-policy": "nope", "x-tiergate-cache": "maybe", "x-tiergate-tags": "no-equals-sign",
        }.items():  # fmt: skip
            reply = await running.post(chat(), headers={name: value})
            assert reply.status == 400 and name in reply.json["error"]["message"]


async def test_a_caller_that_sends_half_a_request_and_goes(tmp_path):
    """Connections dropped at any byte of the request leave nothing behind."""
    body = orjson.dumps(chat())
    head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    async with gateway(tmp_path) as running:
        host, port = running.url.removeprefix("http://").split(":")
        whole = head + body
        for cut in range(1, len(whole), 17):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(whole[:cut])
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        assert (await running.post(chat())).status == 200
        assert all(tier.inflight == 0 for tier in running.services.snapshot.tiers.values())


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(string.printable, max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = st.sampled_from(
    ["model", "messages", "prompt", "input", "stream", "n", "max_tokens", "temperature", "tools", "stop", "metadata",
     "response_format", "logprobs", "top_logprobs", "stream_options", "logit_bias"]
)  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(_FIELDS, _JSON, max_size=6),
    st.sampled_from(["/v1/chat/completions", "/v1/completions", "/v1/embeddings"]),
)
def test_validation_accepts_or_says_what_is_wrong(body, path):
    """Any JSON object either passes or raises a 400 that names a field; nothing else ever comes out."""
    refused = None
    try:
        validate.check(path, body)
    except ApiError as error:
        refused = error
    assert refused is None or (refused.status == 400 and refused.param)


@pytest.mark.parametrize("raw", [b"\x00", b"\xff", b'"', b"{", b'{"a":1,}', b"NaN", b"{" * 5000])
def test_unreadable_bytes_are_a_400(raw):
    """Bytes that are no JSON object never raise anything but ApiError."""
    with pytest.raises(ApiError) as caught:
        validate.parse(raw)
    assert caught.value.status == 400
