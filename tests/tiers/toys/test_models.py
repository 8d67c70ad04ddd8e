"""The bundled models in llama.cpp: they load, split text as in training, and answer what they should."""

import gguf
import pytest

from tiers.bundled import listed
from tiers.toys.answer import opened
from tiers.toys.corpus import questions
from tiers.toys.families.structured import schema
from tiers.toys.item import user
from tiers.toys.judge import judge
from tiers.toys.template import CHAT_TEMPLATE, render
from tiers.toys.tokens import from_vocabulary

EASY = {
    "Hello": "Hello! How can I help you?",
    "Say hello.": "Hello!",
    "What is the capital of France?": "Paris",
    "What is the opposite of hot?": "cold",
    "What colour is a banana?": "yellow",
    "Which day comes after Monday?": "Tuesday",
}
STRINGS = (
    "",
    " ",
    "Hello, world!",
    "  two  spaces   three",
    "tabs\tand\nnew\n\nlines \n ",
    "1234567890 12 3.5 -7 1,000",
    "I'm you're they've we'll he'd it's 'quoted'",
    'e=mc2; f(x) := x**2 // {"a": [1, 2]}',
    '<tool_call>{"name": "f"}</tool_call>',
    "Ünïcödé naïve café straße 東京 Москва עברית",
    "🙂 family 👩‍👩‍👧 flag 🇫🇷",
    "½ ² Ⅷ ٣ ४",
    "a\u00a0b\u2003c\u200bd",
    "<|user|>Hi<|end|><|assistant|>",
    "<|user|",
    "x" * 300,
)


@pytest.fixture(scope="module", params=[model.name for model in listed()])
def bundled(request):
    """Each bundled model with its opened self."""
    model = next(model for model in listed() if model.name == request.param)
    with opened(model.path) as answerer:
        yield model, answerer


def test_the_easy_questions_are_answered(bundled):
    """Every model, the smallest too, knows the first examples of the documentation."""
    _, answerer = bundled
    assert {prompt: answerer.answer([user(prompt)]).text for prompt in EASY} == EASY


def test_answers_end_by_themselves(bundled):
    """A short answer ends in the end mark, and every token has a log-probability of at most 0."""
    _, answerer = bundled
    answer = answerer.answer([user("What is the capital of France?")])
    assert answer.finished
    assert all(logprob <= 0 for logprob in answer.logprobs)
    assert not answerer.answer([user("What is the capital of France?")], limit=1).finished


def test_llama_cpp_splits_text_as_training_did(bundled):
    """Tokens of llama.cpp equal those of the training tokenizer, on odd text and on the corpus."""
    model, answerer = bundled
    reader = gguf.GGUFReader(model.path)
    tokenizer = from_vocabulary(
        *(reader.get_field(f"tokenizer.ggml.{part}").contents() for part in ("tokens", "merges"))
    )
    texts = [
        *STRINGS,
        *(render(item.messages, item.tools) + item.expected for item in questions("test", 200, seed=5)),
    ]
    for text in texts:
        assert answerer.model.tokenize(text.encode(), add_bos=False, special=True) == tokenizer.encode(text).ids, text


def test_the_file_carries_the_chat_template(bundled):
    """The template in the file is the one of training, and the end mark ends a generation."""
    model, answerer = bundled
    assert gguf.GGUFReader(model.path).get_field("tokenizer.chat_template").contents() == CHAT_TEMPLATE
    assert answerer.model.detokenize([answerer.model.token_eos()], special=True) == b"<|end|>"


def test_larger_models_answer_better():
    """On the same unseen questions each tier beats the one below it; that is what routing is for."""
    items = questions("test", 40, seed=6)
    marks = []
    for model in listed():
        with opened(model.path) as answerer:
            marks.append(sum(judge(item, answerer.answer(item.messages, item.tools).text) for item in items))
    assert marks[0] < marks[1] < marks[2]


def test_the_largest_model_works_sums_and_calls_tools():
    """A sum of three digits and a tool call come out right."""
    with opened(listed()[-1].path) as answerer:
        assert answerer.answer([user("What is 347 + 285?")]).text == "7+5=12, 4+8+1=13, 3+2+1=6, so 632"
        call = answerer.answer([user("What is the weather in Paris?")], [schema("get_weather"), schema("get_time")])
        assert call.text == '<tool_call>{"name": "get_weather", "arguments": {"city": "Paris"}}</tool_call>'
