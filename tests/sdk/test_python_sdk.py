"""The official Python SDK, unchanged, against real models in the embedded engine."""

import json
from collections.abc import Iterator

import openai
import pytest

from tests.sdk.process import Served

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 99},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}


@pytest.fixture
def client(embedded: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=embedded.url + "/v1", api_key="none needed", max_retries=0) as made:
        yield made


def test_models_are_those_of_the_contract(client):
    """The embedded configuration offers auto, edge, short and long, beside the local embedding model."""
    assert [model.id for model in client.models.list()] == ["auto", "edge", "short", "long", "tiergate-embed"]
    assert client.models.retrieve("auto").id == "auto"


@pytest.mark.parametrize("model", ["auto", "edge", "short", "long"])
def test_a_real_model_answers_in_plain_words(client, model):
    """Every tier knows the capital of France, streamed and not, and says how many tokens it took."""
    whole = client.chat.completions.create(model=model, messages=QUESTION, temperature=0)
    assert "Paris" in whole.choices[0].message.content
    assert whole.choices[0].finish_reason == "stop"
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens > 2
    pieces = client.chat.completions.create(model=model, messages=QUESTION, temperature=0, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in pieces if chunk.choices)
    assert text == whole.choices[0].message.content


def test_headers_say_where_an_answer_came_from(client):
    """The raw response carries every header of docs/api.md."""
    raw = client.chat.completions.with_raw_response.create(model="auto", messages=QUESTION, temperature=0)
    for name in ("tier", "model", "decision", "cache", "attempts", "cost-usd"):
        assert raw.headers[f"x-tiergate-{name}"]


def test_usage_in_a_stream(client):
    """`include_usage` adds one last chunk without choices; without it there is none."""
    asked = list(
        client.chat.completions.create(
            model="short", messages=QUESTION, stream=True, stream_options={"include_usage": True}
        )
    )
    assert asked[-1].choices == [] and asked[-1].usage.completion_tokens > 0
    plain = list(client.chat.completions.create(model="short", messages=QUESTION, stream=True))
    assert all(chunk.usage is None and chunk.choices for chunk in plain)


def test_log_probabilities(client):
    """One entry for each sampled token, with as many alternatives as asked for."""
    answer = client.chat.completions.create(
        model="edge", messages=QUESTION, logprobs=True, top_logprobs=3, temperature=0, max_tokens=5
    )
    entries = answer.choices[0].logprobs.content
    assert 0 < len(entries) <= answer.usage.completion_tokens
    assert all(entry.logprob <= 0 and len(entry.top_logprobs) == 3 for entry in entries)
    assert all(entry.logprob == max(top.logprob for top in entry.top_logprobs) for entry in entries)


@pytest.mark.parametrize("stream", [False, True])
def test_a_forced_tool_call(client, stream):
    """`tool_choice` forces a call whose arguments satisfy the tool's schema."""
    made = client.chat.completions.create(
        model="long", messages=[{"role": "user", "content": "What is the weather in Paris?"}], tools=[WEATHER],
        tool_choice={"type": "function", "function": {"name": "get_weather"}}, stream=stream, temperature=0,
    )  # fmt: skip
    if stream:
        deltas = [call for chunk in made for choice in chunk.choices for call in choice.delta.tool_calls or ()]
        name, arguments = deltas[0].function.name, "".join(d.function.arguments or "" for d in deltas)
    else:
        call = made.choices[0].message.tool_calls[0]
        name, arguments = call.function.name, call.function.arguments
        assert made.choices[0].finish_reason in ("tool_calls", "stop")
    assert name == "get_weather"
    assert set(json.loads(arguments)) == {"city"}


def test_a_json_schema_is_kept(client):
    """Even a toy model answers in the shape that `response_format` asks for."""
    answer = client.chat.completions.create(
        model="short", messages=[{"role": "user", "content": "Give me a person in JSON."}], temperature=0,
        response_format={"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON, "strict": True}},
    )  # fmt: skip
    person = json.loads(answer.choices[0].message.content)
    assert set(person) == {"name", "age"} and 0 <= person["age"] <= 99


def test_several_answers_and_stop(client):
    """`n` gives that many choices; `stop` never appears in the text."""
    several = client.chat.completions.create(model="edge", messages=QUESTION, n=3, temperature=1, seed=7)
    assert sorted(choice.index for choice in several.choices) == [0, 1, 2]
    stopped = client.chat.completions.create(model="edge", messages=QUESTION, temperature=0, stop=["Paris"])
    assert "Paris" not in stopped.choices[0].message.content
    assert stopped.choices[0].finish_reason == "stop"


def test_completions_and_embeddings(client):
    """The older API and the local embedding model work through the same client."""
    legacy = client.completions.create(model="edge", prompt="The capital of France is", max_tokens=4)
    assert legacy.choices[0].text and legacy.usage.completion_tokens <= 4
    made = client.embeddings.create(model="tiergate-embed", input=["a red apple", "a green apple", "tax law"])
    near, far = (
        sum(a * b for a, b in zip(made.data[0].embedding, made.data[other].embedding, strict=True)) for other in (1, 2)
    )
    assert near > far


def test_errors_are_the_sdk_s_own_kinds(client, keyed):
    """Bad key, unknown model, malformed body, too long a prompt, a model that the key may not use."""
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="gpt-9", messages=QUESTION)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as malformed:
        client.chat.completions.create(model="auto", messages="hello")  # type: ignore[arg-type]
    assert malformed.value.param == "messages"
    with pytest.raises(openai.BadRequestError) as long:
        client.chat.completions.create(model="edge", messages=[{"role": "user", "content": "word " * 20_000}])
    assert long.value.code == "context_length_exceeded"
    served, secret = keyed
    with (
        openai.OpenAI(base_url=served.url + "/v1", api_key="tg-wrong", max_retries=0) as wrong,
        openai.OpenAI(base_url=served.url + "/v1", api_key=secret, max_retries=0) as right,
    ):
        with pytest.raises(openai.AuthenticationError):
            wrong.chat.completions.create(model="auto", messages=QUESTION)
        with pytest.raises(openai.PermissionDeniedError):
            right.chat.completions.create(model="edge", messages=QUESTION)
        assert right.chat.completions.create(model="auto", messages=QUESTION).choices[0].message.content
        assert [model.id for model in right.models.list()] == ["auto"]
