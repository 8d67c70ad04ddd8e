"""The chat template: the model's own text, in a sandbox."""

import pytest

from tiers.llamacpp.refusal import Refusal
from tiers.llamacpp.template import ChatTemplate

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi <b>"}]


def template(source: str | None) -> ChatTemplate:
    return ChatTemplate(source, bos="<s>", eos="</s>")


def test_a_model_without_a_template_gets_chatml():
    """The fallback is ChatML with the assistant's turn opened."""
    assert template(None).render(MESSAGES) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi <b><|im_end|>\n<|im_start|>assistant\n"
    )


def test_the_template_sees_tokens_tools_and_variables():
    """What templates of the field use is there: special tokens, tools, variables, JSON without HTML escapes."""
    source = "{{ bos_token }}{{ tools | tojson }}{{ mood }}{{ eos_token }}{{ add_generation_prompt }}"
    text = template(source).render(MESSAGES, tools=[{"a": "<ü>"}], variables={"mood": "calm"})
    assert text == '<s>[{"a": "<ü>"}]calm</s>True'


def test_absent_tools_are_none_as_templates_expect():
    """`{% if tools %}` and `tools is none` both hold where no tools were sent."""
    assert template("{{ tools is none }}").render(MESSAGES) == "True"


def test_tool_call_arguments_are_objects_in_the_template():
    """The API's JSON text becomes an object, so that templates write it once and not twice encoded."""
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x": [1]}'}}
    source = "{{ messages[0].tool_calls[0].function.arguments | tojson }}"
    assert template(source).render([{"role": "assistant", "content": "", "tool_calls": [call]}]) == '{"x": [1]}'


@pytest.mark.parametrize(
    "source",
    [
        "{{ raise_exception('roles must alternate') }}",
        "{{ messages[0].content + 1 }}",
        "{{ messages.append(1) }}",
        "{{ ''.__class__.__mro__ }}{{ ''.__class__.__mro__[1].__subclasses__() }}",
    ],
)
def test_what_a_template_does_not_take_is_the_callers_error(source):
    """A refusing, failing or misbehaving template ends in a refusal that names `messages`."""
    with pytest.raises(Refusal) as refused:
        template(source).render(MESSAGES)
    assert refused.value.error["param"] == "messages"


def test_today_can_be_asked_for():
    """`strftime_now` is there, as Llama 3's template wants it."""
    assert template("{{ strftime_now('%Y') }}").render(MESSAGES).isdigit()
