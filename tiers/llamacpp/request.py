"""The request: an OpenAI-shaped body, read and checked, before anything is known of the model's tokens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tiers.llamacpp.fields import Fields, refuse
from tiers.llamacpp.refusal import Refusal
from tiers.llamacpp.sampling import Sampling
from tiers.llamacpp.tools import ToolUse, read_tools

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
MOST_CHOICES = 128
MOST_TOP_LOGPROBS = 20
DEFAULT_COMPLETION_TOKENS = 16  # the OpenAI API's, for /v1/completions only


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. messages: for a chat, else `prompt` is text or token ids.

    max_tokens: None is as many as the context holds. top_logprobs: None where no log-probabilities are wanted.
    schema: the JSON schema that the answer must fit; grammar: the GBNF that it must fit, instead.
    """

    messages: tuple[Mapping[str, Any], ...] | None
    prompt: str | tuple[int, ...]
    choices: int
    max_tokens: int | None
    stops: tuple[str, ...]
    sampling: Sampling
    top_logprobs: int | None = None
    schema: Mapping[str, Any] | None = None
    grammar: str | None = None
    tools: ToolUse | None = None
    ignore_eos: bool = False
    min_tokens: int = 0
    continues_last: bool = False  # the last message is the beginning of the answer
    template_variables: Mapping[str, Any] = field(default_factory=dict)

    @property
    def chat(self) -> bool:
        return self.messages is not None


def read_request(path: str, body: Mapping[str, Any]) -> Request:
    """Raises Refusal; of kind `unsupported` for a path or an input that this engine cannot serve."""
    fields = Fields(body)
    if path == CHAT:
        return _read(fields, messages=_read_messages(fields), prompt="")
    if path == COMPLETIONS:
        if fields.flag("echo"):
            raise Refusal("echo: this engine does not repeat the prompt", param="echo", kind="unsupported")
        return _read(fields, messages=None, prompt=_read_prompt(fields))
    raise Refusal(f"the embedded llama.cpp engine does not serve {path}", kind="unsupported")


def _read(fields: Fields, *, messages: tuple[Mapping[str, Any], ...] | None, prompt: str | tuple[int, ...]) -> Request:
    chat = messages is not None
    limit = fields.integer("max_tokens", None if chat else DEFAULT_COMPLETION_TOKENS, least=1)
    schema = _read_schema(fields)
    tools = read_tools(fields) if chat else None
    grammar = fields.raw("grammar")
    if grammar is not None and (not isinstance(grammar, str) or not grammar.strip() or schema is not None):
        raise refuse("grammar", grammar, "a GBNF grammar as a string, without `response_format`")
    return Request(
        messages=messages,
        prompt=prompt,
        choices=fields.integer("n", 1, least=1, most=MOST_CHOICES) or 1,
        max_tokens=fields.integer("max_completion_tokens", limit, least=1),
        stops=fields.strings("stop", most=16),
        sampling=_read_sampling(fields),
        top_logprobs=_read_logprobs(fields, chat=chat),
        schema=schema,
        grammar=grammar,
        tools=tools,
        ignore_eos=fields.flag("ignore_eos"),
        min_tokens=fields.integer("min_tokens", 0, least=0) or 0,
        continues_last=_read_continuation(fields),
        template_variables=fields.mapping("chat_template_kwargs") or {},
    )


def _read_continuation(fields: Fields) -> bool:
    """As in vLLM: `continue_final_message: true` wants `add_generation_prompt: false` beside it."""
    continues = fields.flag("continue_final_message")
    if continues and fields.flag("add_generation_prompt", default=False):
        raise refuse("add_generation_prompt", True, "false together with `continue_final_message: true`")
    return continues


def _read_messages(fields: Fields) -> tuple[Mapping[str, Any], ...]:
    messages = fields.objects("messages")
    if not messages:
        raise refuse("messages", fields.raw("messages"), "a list of at least one message")
    return tuple(_read_message(message, i) for i, message in enumerate(messages))


def _read_message(message: Mapping[str, Any], index: int) -> Mapping[str, Any]:
    where = f"messages[{index}]"
    if not isinstance(message.get("role"), str):
        raise refuse(f"{where}.role", message.get("role"), "a string")
    return {**message, "content": _read_content(message.get("content"), f"{where}.content")}


def _read_content(content: Any, where: str) -> str:
    """The text of a message; chat templates want one string, so the parts are joined."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise refuse(where, content, "a string or a list of parts")
    texts = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in {"text", "input_text", "refusal"}:
            raise Refusal(f"{where}: this engine reads text only, found {kind!r}", param=where, kind="unsupported")
        texts.append(str(part.get("refusal" if kind == "refusal" else "text", "")))
    return "".join(texts)


def _read_prompt(fields: Fields) -> str | tuple[int, ...]:
    prompt = fields.raw("prompt")
    if isinstance(prompt, list) and len(prompt) == 1 and isinstance(prompt[0], str | list):
        prompt = prompt[0]
    if isinstance(prompt, str):
        return prompt
    if isinstance(prompt, list) and prompt and all(isinstance(t, int) and not isinstance(t, bool) for t in prompt):
        return tuple(prompt)
    if isinstance(prompt, list) and len(prompt) > 1 and isinstance(prompt[0], str | list):
        raise Refusal("prompt: this engine takes one prompt a request", param="prompt", kind="unsupported")
    raise refuse("prompt", prompt, "a string or a list of token ids")


def _read_sampling(fields: Fields) -> Sampling:
    return Sampling(
        temperature=fields.number("temperature", 1.0, least=0.0, most=100.0),
        top_p=fields.number("top_p", 1.0, least=0.0, most=1.0),
        top_k=max(0, fields.integer("top_k", 0, least=-1) or 0),
        min_p=fields.number("min_p", 0.0, least=0.0, most=1.0),
        presence_penalty=fields.number("presence_penalty", 0.0, least=-2.0, most=2.0),
        frequency_penalty=fields.number("frequency_penalty", 0.0, least=-2.0, most=2.0),
        repetition_penalty=fields.number("repetition_penalty", 1.0, least=0.01, most=100.0),
        seed=fields.integer("seed", None, least=-(2**63), most=2**63 - 1),
        logit_bias=_read_bias(fields),
    )


def _read_bias(fields: Fields) -> tuple[tuple[int, float], ...]:
    given = fields.mapping("logit_bias") or {}
    try:
        bias = tuple((int(token), float(value)) for token, value in given.items())
    except (TypeError, ValueError) as error:
        raise refuse("logit_bias", given, "token ids and numbers from -100 to 100") from error
    if any(token < 0 or not -100.0 <= value <= 100.0 for token, value in bias):
        raise refuse("logit_bias", given, "token ids and numbers from -100 to 100")
    return bias


def _read_logprobs(fields: Fields, *, chat: bool) -> int | None:
    if not chat:
        return fields.integer("logprobs", None, least=0, most=MOST_TOP_LOGPROBS)
    wanted = fields.flag("logprobs")
    top = fields.integer("top_logprobs", None, least=0, most=MOST_TOP_LOGPROBS)
    if top is not None and not wanted:
        raise refuse("top_logprobs", top, "only together with `logprobs: true`")
    return (top or 0) if wanted else None


def _read_schema(fields: Fields) -> Mapping[str, Any] | None:
    wanted = fields.mapping("response_format")
    kind = (wanted or {}).get("type", "text")
    if wanted is None or kind == "text":
        return None
    if kind == "json_object":
        return {"type": "object"}
    schema = (wanted.get("json_schema") or {}).get("schema") if kind == "json_schema" else None
    if not isinstance(schema, dict):
        raise refuse("response_format", wanted, "text, json_object, or json_schema with `json_schema.schema`")
    return schema
