"""Facts: what is read from a request, however odd it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.facts import QUESTION_CHARS, estimate_tokens, facts, prompt_text
from policies.language import guess
from policies.types import Facts
from tests.policies.fleet import NOON

CHAT = "/v1/chat/completions"


def read(body: dict, path: str = CHAT, **more) -> Facts:
    return facts(path, body, tags=more.pop("tags", {}), now=NOON, **more)


def says(text: str, **more) -> Facts:
    return read({"messages": [{"role": "user", "content": text}], **more})


def test_an_ordinary_request():
    """Counts, flags, the caller and the time of day."""
    found = read(
        {
            "model": "auto",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "What is the capital of France?"},
                {"role": "assistant", "content": "Paris."},
                {"role": "user", "content": "And what of Spain and Portugal?"},
            ],
            "max_tokens": 50,
            "stream": True,
            "n": 2,
        },
        tags={"team": "search"},
        team="search",
        user="ann",
        key="k1",
    )
    assert found == Facts(
        path=CHAT,
        model="auto",
        prompt_tokens=36,
        turns=2,
        has_code=False,
        has_tools=False,
        has_images=False,
        wants_json=False,
        wants_logprobs=False,
        language="en",
        stream=True,
        n=2,
        max_tokens=50,
        tags={"team": "search"},
        team="search",
        user="ann",
        key="k1",
        hour=12,
        weekday=5,
    )


@pytest.mark.parametrize(
    ("body", "fact"),
    [
        ({"tools": [{"type": "function"}]}, "has_tools"),
        ({"functions": [{"name": "f"}]}, "has_tools"),
        ({"response_format": {"type": "json_object"}}, "wants_json"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "wants_json"),
        ({"logprobs": True}, "wants_logprobs"),
        ({"logprobs": 0}, "wants_logprobs"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "has_images"),
        ({"stream": True}, "stream"),
    ],
)
def test_flags(body: dict, fact: str):
    """Each is set by what asks for it, and by nothing else."""
    flags = ("has_tools", "has_images", "wants_json", "wants_logprobs", "stream", "has_code")
    assert [flag for flag in flags if getattr(read(body), flag)] == [fact]


@pytest.mark.parametrize(
    "body",
    [
        {"tools": []},
        {"tools": "f"},
        {"response_format": {"type": "text"}},
        {"response_format": "json"},
        {"logprobs": False},
        {"logprobs": None},
        {"stream": "yes"},
        {"stream": 1},
    ],
)
def test_flags_stay_down(body: dict):
    """Empty, off and of the wrong type are absent."""
    found = read(body)
    assert not (found.has_tools or found.wants_json or found.wants_logprobs or found.stream)


def test_the_newer_name_of_the_limit_wins():
    """`max_completion_tokens` before `max_tokens`; neither, 0 and false are no limit."""
    assert read({"max_completion_tokens": 5, "max_tokens": 9}).max_tokens == 5
    assert read({"max_tokens": 9}).max_tokens == 9
    assert read({}).max_tokens is read({"max_tokens": 0}).max_tokens is read({"max_tokens": True}).max_tokens is None


@pytest.mark.parametrize(
    "text",
    [
        "Why?\n```\nx\n```",
        "def f(x):\n    return x",
        "Fix this:\nimport os\nprint(os.name)",
        "int main() {\n  return 0;\n}",
        "const a = [].map(x => { y })",
        "a" * 30_000 + "\nfn main",
    ],
)
def test_code_is_seen(text: str):
    """By a fence anywhere or by marks near either end."""
    assert says(text).has_code


@pytest.mark.parametrize(
    "text", ["Explain what a class of functions is.", "Import duties; export duties.", "", "(a) {b}"]
)
def test_prose_is_no_code(text: str):
    """Words that programs use too are not enough."""
    assert not says(text).has_code


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the capital of France?", "en"),
        ("Was ist die Hauptstadt von Frankreich?", "de"),
        ("Quelle est la capitale de la France ?", "fr"),
        ("¿Cuál es la capital de España?", "es"),
        ("Qual è la capitale d'Italia?", "it"),
        ("Qual é a capital do Brasil?", "pt"),
        ("Wat is de hoofdstad van Nederland?", "nl"),
        ("Jak to jest i czy nie?", "pl"),
        ("法国的首都是哪里", "zh"),
        ("東京はどこですか", "ja"),
        ("프랑스의 수도는 어디입니까", "ko"),
        ("Где находится Москва?", "ru"),
        ("Де знаходиться Київ?", "uk"),
        ("ما هي عاصمة فرنسا؟", "ar"),
        ("The word 你好 means hello in Chinese", "en"),
        ("1 + 1", "und"),
        ("", "und"),
    ],
)
def test_languages(text: str, language: str):
    """By script, else by small words; nothing where nothing speaks for one."""
    assert guess(text) == language


@pytest.mark.parametrize(
    ("text", "tokens", "code"),
    [
        ("The quick brown fox jumps over the lazy dog.", 10, False),
        ("def f(values):\n    return [v * 2 for v in values if v]\n", 19, True),
        ("法国的首都是哪里", 8, False),
        ("Где находится столица Франции?", 8, False),
    ],
)
def test_estimates_are_near(text: str, tokens: int, code: bool):
    """Within a factor of two of what a current tokenizer counts, which the context limit allows for."""
    assert tokens / 2 <= estimate_tokens(text, code=code) <= tokens * 2.6


def test_everything_that_is_sent_counts():
    """Tools, images, token ids, completions prompts and embeddings inputs are tokens too."""
    assert says("x", tools=[{"type": "function", "function": {"name": "f" * 400}}]).prompt_tokens > 100
    image = {"type": "image_url", "image_url": {"url": "data:"}}
    assert read({"messages": [{"role": "user", "content": [image, image]}]}).prompt_tokens > 1000
    assert read({"prompt": [1, 2, 3]}, "/v1/completions").prompt_tokens == 3
    assert read({"prompt": [[1, 2], [3]]}, "/v1/completions").prompt_tokens == 3
    assert read({"prompt": "a" * 400}, "/v1/completions").prompt_tokens == 100
    assert read({"input": ["a" * 400, "b" * 400]}, "/v1/embeddings").prompt_tokens >= 200


def test_the_question_comes_first():
    """The classifier reads the last user message, then what came before, newest first."""
    messages = [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": None},
        {"role": "user", "content": [{"type": "text", "text": "last"}, {"type": "image_url"}]},
        {"role": "assistant", "content": "prefill"},
    ]
    assert prompt_text({"messages": messages}) == "last\n\nfirst\nS"
    assert prompt_text({"prompt": ["a", "b"]}) == "a\nb"
    assert prompt_text({"messages": [{"role": "tool", "content": "out"}]}) == "out"


def test_a_question_after_a_long_document_is_read():
    """Of a message that is too long to be read whole, the beginning and the end are."""
    document = "The annals of the harbour. " * 400
    for body in (
        {"messages": [{"role": "user", "content": f"Begin.\n{document}\nWho kept the light?"}]},
        {"prompt": f"Begin.\n{document}\nWho kept the light?"},
    ):
        text = prompt_text(body)
        assert len(text) == QUESTION_CHARS
        assert text.startswith("Begin.")
        assert text.endswith("Who kept the light?")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
MESSAGE = st.fixed_dictionaries({}, optional={"role": JSON | st.just("user"), "content": JSON | st.lists(JSON)})
FIELDS = ("model", "tools", "functions", "prompt", "input", "n", "max_tokens", "stream", "response_format", "logprobs")
BODIES = st.fixed_dictionaries(
    {}, optional={"messages": JSON | st.lists(MESSAGE | JSON), **dict.fromkeys(FIELDS, JSON)}
)


@given(BODIES)
def test_odd_bodies_have_facts_too(body: dict):
    """Nothing raises, whatever stands where; checking a request is not this part's work."""
    found = read(body)
    assert found.prompt_tokens >= 0
    assert found.n >= 1
    assert len(prompt_text(body)) <= QUESTION_CHARS


@given(st.text(max_size=300), st.text(max_size=50))
def test_a_longer_text_never_counts_less(text: str, more: str):
    """Adding to a prompt does not make it shorter."""
    assert estimate_tokens(text) <= estimate_tokens(text + more)
