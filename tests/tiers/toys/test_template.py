"""The chat template: what it renders, here and in llama-cpp-python."""

import pytest
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from tiers.toys.families.structured import schema
from tiers.toys.template import BOS, CHAT_TEMPLATE, END, render

ASK = {"role": "user", "content": "What is 1 + 1?"}
CALL = {"id": "c1", "type": "function", "function": {"name": "get_time", "arguments": '{"city": "Oslo"}'}}


def test_a_question_ends_where_the_assistant_begins():
    """The generation prompt is the assistant's mark and nothing more."""
    assert render([ASK]) == "<|bos|><|user|>What is 1 + 1?<|end|><|assistant|>"


def test_without_a_generation_prompt_the_last_message_is_closed():
    """A finished conversation ends in the end mark."""
    assert render([ASK], add_generation_prompt=False).endswith(END)


@pytest.mark.parametrize("role", ["system", "developer"])
def test_the_system_message_comes_first(role):
    """`developer`, OpenAI's newer name, means the same."""
    assert render([{"role": role, "content": "Be brief."}, ASK]).startswith("<|bos|><|system|>Be brief.<|end|><|user|>")


def test_tools_are_listed_with_their_parameters():
    """One line per tool, after the system message where there is one."""
    line = "Tools:\nget_time(city): The time in a city.<|end|>"
    assert render([ASK], [schema("get_time")]).startswith(f"<|bos|><|system|>{line}")
    assert f"<|system|>Be brief.\n{line}" in render(
        [{"role": "system", "content": "Be brief."}, ASK], [schema("get_time")]
    )


def test_a_tool_without_parameters_or_description_renders():
    """Both are optional in OpenAI's API."""
    assert "\nping(): <|end|>" in render([ASK], [{"type": "function", "function": {"name": "ping"}}])


def test_a_past_tool_call_is_rendered_as_it_is_answered():
    """What the model wrote as a call and the API returned as an object becomes the same text again."""
    text = render(
        [
            ASK,
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "content": "12:00"},
        ]
    )
    assert '<|assistant|><tool_call>{"name": "get_time", "arguments": {"city": "Oslo"}}</tool_call><|end|>' in text
    assert "<|tool|>12:00<|end|><|assistant|>" in text


def test_content_in_parts_is_joined():
    """OpenAI allows a list of text parts in place of a string, for the system message too."""
    parts = [{"type": "text", "text": "What is "}, {"type": "text", "text": "1 + 1?"}]
    assert render([{"role": "user", "content": parts}]) == render([ASK])
    system = [{"type": "text", "text": "Be brief."}]
    assert render([{"role": "system", "content": system}, ASK]) == render(
        [{"role": "system", "content": "Be brief."}, ASK]
    )


def test_no_messages_render_as_an_empty_conversation():
    """The template itself does not fail; refusing is the engine's part."""
    assert render([]) == f"{BOS}<|assistant|>"


@pytest.mark.parametrize("tools", [[], [schema("get_time"), schema("add_event")]])
def test_llama_cpp_renders_the_same(tools):
    """The template in the GGUF gives llama-cpp-python the text that the models were trained on."""
    formatter = Jinja2ChatFormatter(CHAT_TEMPLATE, eos_token=END, bos_token=BOS)
    messages = [{"role": "system", "content": "Be brief."}, ASK]
    assert formatter(messages=messages, tools=tools or None).prompt == render(messages, tools)
