"""One reader for every shape of error, which repeats neither web pages nor our key."""

from pathlib import Path

import orjson
import pytest

from tiers.engines.registry import DIALECTS
from tiers.errors import ContextTooLong, EngineFailed, Misconfigured, Overloaded, Refused
from tiers.replies import failure, hidden_failure, read_error, retry_after_s

WIRE = Path(__file__).parents[1] / "wire"
VLLM = DIALECTS["vllm"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"message": "bad", "type": "x", "code": "y"}}', "bad"),
        (b'{"error": "Unauthorized"}', "Unauthorized"),
        (b'{"error": "Model is overloaded", "error_type": "overloaded"}', "Model is overloaded"),
        (b'{"object": "error", "message": "too long", "code": 400}', "too long"),
        (b'{"detail": "Not Found"}', "Not Found"),
        (
            b'{"detail": [{"loc": ["body"], "msg": "field required"}]}',
            '[{"loc":["body"],"msg":"field required"}]',
        ),
        (b'"just a string"', "just a string"),
        (b"plain words", "plain words"),
    ],
)
def test_every_shape_becomes_an_openai_error(body, message):
    """Objects, strings, FastAPI's details and plain text all end as message, type, param and code."""
    error = read_error(body)
    assert error["message"] == message
    assert set(error) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    "body", [b"", b"  ", b"{}", b"[]", b'{"error": {}}', b"<html>10.0.0.9</html>", b"\x00\xff\x01"]
)
def test_what_cannot_be_read_is_none(body):
    """Web pages, binary and empty bodies give no message; nothing raises."""
    assert read_error(body) is None


def test_our_key_is_never_repeated():
    """An engine that quotes the key does not make us quote it."""
    body = b'{"error": {"message": "no such thing as sk-1234"}}'
    error = failure(400, body, {}, dialect=VLLM, secret="sk-1234")
    assert "sk-1234" not in str(error) + str(error.error)
    assert error.error["message"] == "no such thing as ***"


@pytest.mark.parametrize("status", [301, 401, 402, 403, 404, 405])
def test_the_owners_fault_is_misconfigured_and_shows_nothing(status):
    """The caller sees neither the engine's words nor an error object."""
    error = failure(status, b'{"error": {"message": "Incorrect key sk-..ab"}}', {}, dialect=VLLM)
    assert type(error) is Misconfigured
    assert error.error is None
    assert "sk-" not in error.message
    assert error.reason == "config"


@pytest.mark.parametrize(("status", "reason"), [(429, "429"), (503, "overloaded"), (529, "overloaded")])
def test_full_is_overloaded_with_the_pause_it_asks_for(status, reason):
    """429 and 503 are "try another", with Retry-After where it was sent."""
    error = failure(status, b"", {"Retry-After": "7"}, dialect=VLLM)
    assert type(error) is Overloaded
    assert (error.reason, error.retry_after_s) == (reason, 7.0)
    assert failure(status, b"", {}, dialect=VLLM).retry_after_s is None


@pytest.mark.parametrize("status", [408, 500, 502, 504])
def test_server_errors_are_the_engines(status):
    """5xx says nothing about the request."""
    error = failure(status, b"<html>oops</html>", {}, dialect=VLLM)
    assert type(error) is EngineFailed
    assert "html" not in error.message


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refusal_carries_the_engines_words(status):
    """The caller should see why."""
    error = failure(status, b'{"error": {"message": "temperature: not a number"}}', {}, dialect=VLLM)
    assert type(error) is Refused
    assert error.error["message"] == "temperature: not a number"


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("vllm", "vllm/error-context.json"),
        ("vllm", "vllm/error-max-tokens.json"),
        ("vllm", "vllm/error-context-tokens.json"),
        ("openai", "openai/error-context.written.json"),
        ("llama-server", "llama_server/error-context.written.json"),
        ("tgi", "tgi/error-context.written.json"),
        ("sglang", "sglang/error-context.written.json"),
    ],
)
def test_too_long_is_known_from_every_engine(kind, file):
    """A tier with a larger context may serve it, so it must be told from other refusals."""
    error = failure(400, (WIRE / file).read_bytes(), {}, dialect=DIALECTS[kind])
    assert type(error) is ContextTooLong
    assert error.error["code"] == "context_length_exceeded"


def test_a_malformed_request_is_not_taken_for_too_long():
    """vLLM's complaint about a field stays a plain refusal."""
    error = failure(400, (WIRE / "vllm/error-request.json").read_bytes(), {}, dialect=VLLM)
    assert type(error) is Refused


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "12"}, 12.0),
        ({"Retry-After": "Sat, 21 Nov 2026 09:00:30 GMT", "Date": "Sat, 21 Nov 2026 09:00:00 GMT"}, 30.0),
        ({"Retry-After": "Sat, 21 Nov 2026 08:00:00 GMT", "Date": "Sat, 21 Nov 2026 09:00:00 GMT"}, 0.0),
        ({"Retry-After": "Sat, 21 Nov 2026 09:00:30 GMT"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({}, None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(headers, seconds):
    """A date counts against the reply's own Date, so no clock of ours is asked."""
    assert retry_after_s(headers) == seconds


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"message": "boom", "code": 500}}, EngineFailed),
        ({"error": {"message": "boom"}}, EngineFailed),
        ({"error": "boom"}, EngineFailed),
        ({"error": {"message": "slow down", "code": 429}}, Overloaded),
        ({"error": {"message": "no", "code": 404}}, Misconfigured),
        ({"error": {"message": "bad", "code": 400}}, Refused),
        ({"error": {"message": "maximum context length is 5", "code": 400}}, ContextTooLong),
        ({"error": {"message": "maximum context length is 5"}}, ContextTooLong),
        ({"object": "error", "message": "boom", "code": 503}, Overloaded),
    ],
)
def test_an_error_with_status_200_is_found(body, kind):
    """The status that the error itself names decides; without one it is the engine's failure."""
    assert type(hidden_failure(orjson.dumps(body), dialect=VLLM)) is kind


@pytest.mark.parametrize(
    "body",
    [
        {"choices": [], "error": None},
        {"choices": [{"message": {"content": '{"error": "quoted"}'}}]},
        {"choices": [{"message": {"content": "error"}}]},
        {"object": "list", "data": ["error"]},
    ],
)
def test_an_answer_that_speaks_of_errors_is_an_answer(body):
    """Text about errors, a null error and the bare word are not failures."""
    assert hidden_failure(orjson.dumps(body), dialect=VLLM) is None
