"""The request: bodies that are read, and bodies that are refused by name."""

import pytest

from tiers.llamacpp.refusal import Refusal
from tiers.llamacpp.request import CHAT, COMPLETIONS, read_request

HELLO = {"messages": [{"role": "user", "content": "hello"}]}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("messages", []),
        ("messages", "hello"),
        ("temperature", -0.1),
        ("temperature", "warm"),
        ("temperature", float("nan")),
        ("top_p", 1.5),
        ("n", 0),
        ("n", True),
        ("max_tokens", 0),
        ("max_completion_tokens", 1.5),
        ("stop", [1]),
        ("stop", ["a"] * 17),
        ("seed", "lucky"),
        ("presence_penalty", 3),
        ("logit_bias", {"x": 1}),
        ("logit_bias", {"1": 500}),
        ("logit_bias", [1]),
        ("top_logprobs", 3),
        ("response_format", {"type": "xml"}),
        ("response_format", {"type": "json_schema"}),
        ("grammar", 5),
        ("grammar", " "),
        ("ignore_eos", "yes"),
        ("min_tokens", -1),
    ],
)
def test_a_wrong_field_is_refused_by_name(field, value):
    """The refusal has OpenAI's shape, names the field and says what was found."""
    with pytest.raises(Refusal) as refused:
        read_request(CHAT, {**HELLO, field: value})
    error = refused.value.error
    assert error["param"] == field
    assert error["type"] == "invalid_request_error"
    assert "found" in error["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"input": "hello"}),
        (COMPLETIONS, {"prompt": "a", "echo": True}),
        (COMPLETIONS, {"prompt": ["a", "b"]}),
        (CHAT, {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}),
    ],
)
def test_what_this_engine_cannot_do_is_unsupported(path, body):
    """Embeddings, echo, several prompts and images are for another tier, not the caller's mistake."""
    with pytest.raises(Refusal) as refused:
        read_request(path, body)
    assert refused.value.kind == "unsupported"


def test_null_is_absent():
    """Clients send null for what they do not set."""
    names = ("temperature", "top_p", "n", "stop", "seed", "logit_bias", "tools", "response_format", "max_tokens")
    assert read_request(CHAT, {**HELLO, **dict.fromkeys(names)}) == read_request(CHAT, HELLO)


def test_parts_of_text_are_joined():
    """A content list of text parts is one text for the template."""
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    request = read_request(CHAT, {"messages": [{"role": "user", "content": parts}]})
    assert request.messages is not None
    assert request.messages[0]["content"] == "ab"


def test_max_completion_tokens_goes_before_max_tokens():
    """The newer name wins; a completion without either has the API's 16."""
    assert read_request(CHAT, {**HELLO, "max_tokens": 5, "max_completion_tokens": 7}).max_tokens == 7
    assert read_request(CHAT, HELLO).max_tokens is None
    assert read_request(COMPLETIONS, {"prompt": "a"}).max_tokens == 16


def test_logprobs_have_the_shape_of_each_api():
    """A flag and a number for chats, a number for completions."""
    assert read_request(CHAT, {**HELLO, "logprobs": True}).top_logprobs == 0
    assert read_request(CHAT, {**HELLO, "logprobs": True, "top_logprobs": 5}).top_logprobs == 5
    assert read_request(CHAT, HELLO).top_logprobs is None
    assert read_request(COMPLETIONS, {"prompt": [1, 2], "logprobs": 2}).top_logprobs == 2


def test_unknown_fields_are_let_through():
    """What this engine does not know is not its business."""
    assert read_request(CHAT, {**HELLO, "service_tier": "auto", "x": 1}) == read_request(CHAT, HELLO)
