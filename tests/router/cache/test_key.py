"""What may be cached, and under which key."""

import pytest

from router.cache.key import NOT_IN_KEY, cacheable, key, storable

BODY = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}


def of(body: dict, scope: str = "team:a", path: str = "/v1/chat/completions", policy: str = "default") -> bytes:
    return key(scope, path, policy, body)


@pytest.mark.parametrize("field", sorted(NOT_IN_KEY))
def test_what_does_not_change_the_answer_is_not_in_the_key(field):
    """Request ids, users, tags and the way of travel never keep a repeat from hitting."""
    assert of({**BODY, field: "anything"}) == of(BODY)


@pytest.mark.parametrize(
    "other",
    [
        {"temperature": 0},
        {"max_tokens": 5},
        {"seed": 1},
        {"logprobs": True},
        {"logprobs": 0},
        {"response_format": {"type": "json_object"}},
        {"cache_salt": "mine"},
        {"a_field_of_next_year": 1},
        {"model": "long"},
        {"messages": [{"role": "user", "content": "hi "}]},
    ],
)
def test_anything_else_is(other):
    """What may change the answer changes the key, known to us or not."""
    assert of({**BODY, **other}) != of(BODY)


def test_the_same_question_in_other_words_of_json_is_the_same():
    """The order of members, explicit nulls and OpenAI's defaults make no difference."""
    turned = {"messages": [{"content": "hi", "role": "user"}], "seed": None, "n": 1, "model": "auto"}
    assert of(turned) == of(BODY)


def test_scope_path_and_policy_are_in_the_key():
    """Neither another tenant, another endpoint nor another policy shares an answer, however names join."""
    keys = {of(BODY), of(BODY, scope="team:b"), of(BODY, path="/v1/completions"), of(BODY, policy="strict"),
            of(BODY, scope="team:", path="a/v1/chat/completions")}  # fmt: skip
    assert len(keys) == 5


@pytest.mark.parametrize(
    ("given", "may"),
    [
        ({}, True),
        ({"temperature": 0}, True),
        ({"temperature": 1.0}, True),
        ({"temperature": 1.3}, False),
        ({"temperature": 1.3, "seed": 7}, True),
        ({"n": 1}, True),
        ({"n": 2}, False),
        ({"best_of": 2}, False),
        ({"tools": [{"type": "function"}]}, False),
        ({"tools": []}, True),
        ({"functions": [{}]}, False),
        ({"web_search_options": {"search_context_size": "low"}}, False),
    ],
)
def test_what_may_be_answered_from_the_cache(given, may):
    """Not what acts, not what asks for several answers, not what asks for variety."""
    assert cacheable({**BODY, **given}) is may


def whole(**choice: object) -> dict:
    said = {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
    return {"object": "chat.completion", "choices": [{**said, **choice}]}


@pytest.mark.parametrize(
    ("answer", "may"),
    [
        (whole(), True),
        (whole(finish_reason="length"), False),
        (whole(finish_reason="content_filter"), False),
        (whole(finish_reason=None), False),
        (whole(message={"content": "", "role": "assistant"}), False),
        (whole(message={"content": None, "tool_calls": [{"id": "1"}]}), False),
        (whole(message={"content": "ok", "refusal": "no"}), False),
        (whole(message=None, text="ok"), True),
        (whole(message=None, text=""), False),
        ({"choices": [*whole()["choices"], {"finish_reason": "length", "text": "x"}]}, False),
        ({"choices": []}, False),
        ({"choices": ["odd"]}, False),
        ({"error": {"message": "no"}, **whole()}, False),
        ({}, False),
        ({"object": "list", "data": [{"embedding": [0.5]}]}, True),
        ({"object": "list", "data": [{"embedding": [0.5]}, {"embedding": []}]}, False),
        ({"object": "list", "data": []}, False),
    ],
)
def test_only_whole_answers_are_kept(answer, may):
    """A cut, filtered, empty, refused, acting or broken answer is never served twice."""
    assert storable(answer) is may
