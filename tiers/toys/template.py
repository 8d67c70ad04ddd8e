"""The toy models' chat template: how messages become the text that they are trained on."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

BOS, END, PAD = "<|bos|>", "<|end|>", "<|pad|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>", "<|tool|>")
SPECIAL = (PAD, BOS, END, *ROLES)

# Tools become one line each, `name(parameters): description`, in the system message.
CHAT_TEMPLATE = """\
{{- '<|bos|>' -}}
{%- macro text(content) -%}
{%- if content is string -%}{{- content -}}
{%- elif content -%}{%- for part in content -%}{{- part.text or '' -}}{%- endfor -%}
{%- endif -%}
{%- endmacro -%}
{%- set first = messages[0] if messages else {} -%}
{%- set system = text(first.content) if first.role in ('system', 'developer') else '' -%}
{%- if system or tools -%}
{{- '<|system|>' + system -}}
{%- if tools -%}
{{- ('\\n' if system else '') + 'Tools:' -}}
{%- for tool in tools -%}
{%- set f = tool.function -%}
{%- set names = ((f.parameters or {}).properties or {}) | join(', ') -%}
{{- '\\n' + f.name + '(' + names + '): ' + (f.description or '') -}}
{%- endfor -%}
{%- endif -%}
{{- '<|end|>' -}}
{%- endif -%}
{%- for message in messages -%}
{%- if not (loop.first and message.role in ('system', 'developer')) -%}
{{- '<|' + ('system' if message.role == 'developer' else message.role) + '|>' -}}
{{- text(message.content) -}}
{%- for call in message.tool_calls or [] -%}
{{- '<tool_call>{"name": "' + call.function.name + '", "arguments": ' -}}
{{- call.function.arguments if call.function.arguments is string else call.function.arguments | tojson -}}
{{- '}</tool_call>' -}}
{%- endfor -%}
{{- '<|end|>' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"""


@cache
def _compiled() -> Template:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value, **_: json.dumps(value, ensure_ascii=False)
    return environment.from_string(CHAT_TEMPLATE)


def render(
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]] = (),
    *,
    add_generation_prompt: bool = True,
) -> str:
    """The text of a conversation; with `add_generation_prompt` it ends where the assistant begins."""
    return _compiled().render(messages=messages, tools=list(tools), add_generation_prompt=add_generation_prompt)
