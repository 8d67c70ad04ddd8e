"""Continuation: how an answer that broke off is gone on with, from exactly what the caller has of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from router.joining import Continued, Join, Spliced
from router.wire.assemble import Assembler
from router.wire.choice import Choice
from tiers.engines.dialect import Continuation

CHAT = "/v1/chat/completions"
# Requests whose answers must fit a form: an engine that only goes on with text would begin the form again.
_FORMS = frozenset({"grammar", "guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs"})
_LIMITS = ("max_tokens", "max_completion_tokens")
# What a half-written answer cannot be handed over with: its text is not what follows the prompt.
_APART = ("echo", "suffix")


@dataclass(frozen=True, slots=True)
class Way:
    """One way to go on. body: what to ask; choices: how many answers that asks for; join: how to read the stream."""

    body: Mapping[str, Any]
    choices: int
    join: Join


def written_on(path: str, body: Mapping[str, Any], sent: Assembler, able: frozenset[Continuation]) -> Way | None:
    """Ask the engine to write on, one choice at a time; None where it cannot.

    body: as the caller sent it. able: what half-written answers the engine can go on from.
    """
    index = sent.unfinished()[0]
    choice = sent.choice(index)
    asked = _chat(body, choice, able) if path == CHAT else _legacy(body, choice, index)
    if asked is None:
        return None
    text = choice.said("content" if path == CHAT else "text")
    spaces = len(text) - len(text.rstrip())
    return Way(_with_what_is_left(asked, choice.tokens), 1, Continued(sent, index, spaces=spaces))


def answered_anew(body: Mapping[str, Any], sent: Assembler) -> Way:
    """Ask for a fresh answer, which serves where it begins with the same words."""
    return Way(body, len(sent.indexes()), Spliced(sent))


def end_spent(sent: Assembler, body: Mapping[str, Any]) -> bytes:
    """The ends of choices that have had all the tokens they may have, as events; taken into `sent`."""
    limit = _limit(body)
    spent = [index for index in sent.unfinished() if limit is not None and sent.choice(index).tokens >= limit]
    return b"".join(_end(sent, index) for index in spent)


def _end(sent: Assembler, index: int) -> bytes:
    chat = not sent.legacy
    said: dict[str, Any] = {"delta": {}} if chat else {"text": ""}
    chunk = {
        **sent.head,
        "object": "chat.completion.chunk" if chat else "text_completion",
        "choices": [{"index": index, **said, "logprobs": None, "finish_reason": "length"}],
    }
    sent.feed(chunk)
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def _chat(body: Mapping[str, Any], choice: Choice, able: frozenset[Continuation]) -> dict[str, Any] | None:
    """The request with the answer so far as its last message; None where the engine cannot go on from that."""
    if not choice.begun:
        return dict(body)
    needs: set[Continuation] = {"text"}
    if _has_form(body):
        needs.add("schema")
    if choice.tools or _forced(body):
        needs.add("call")
    if not needs <= able or not choice.plain:
        return None
    return _with_last_message(body, choice)


def _with_last_message(body: Mapping[str, Any], choice: Choice) -> dict[str, Any] | None:
    messages = list(body["messages"])
    last: dict[str, Any] = {"role": "assistant", "content": choice.said("content").rstrip()}
    if body.get("continue_final_message"):
        begun = messages.pop()
        if not isinstance(begun.get("content"), str):
            return None
        last = {**begun, "content": (begun["content"] + choice.said("content")).rstrip()}
    if choice.tools:
        last["tool_calls"] = [tool.whole() for tool in choice.tools]
    elif not last["content"]:
        return dict(body)
    messages.append(last)
    return {**body, "messages": messages, "continue_final_message": True, "add_generation_prompt": False}


def _legacy(body: Mapping[str, Any], choice: Choice, index: int) -> dict[str, Any] | None:
    """The request with the answer so far behind its prompt; any engine goes on from that."""
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) > 0 and all(isinstance(one, str) for one in prompt):
        prompt = prompt[index // int(body.get("n") or 1) % len(prompt)]
    if not isinstance(prompt, str) or _has_form(body) or any(body.get(name) for name in _APART):
        return None
    return {**body, "prompt": (prompt + choice.said("text")).rstrip() if choice.begun else prompt}


def _has_form(body: Mapping[str, Any]) -> bool:
    wanted = body.get("response_format")
    kind = wanted.get("type", "text") if isinstance(wanted, dict) else "text"
    return kind != "text" or any(body.get(name) for name in _FORMS)


def _forced(body: Mapping[str, Any]) -> bool:
    return bool(body.get("tools")) and body.get("tool_choice") not in (None, "auto", "none")


def _with_what_is_left(body: dict[str, Any], tokens: int) -> dict[str, Any]:
    """One choice, with the tokens that are left of its limits."""
    left = {name: max(1, body[name] - tokens) for name in _LIMITS if body.get(name)}
    least = {"min_tokens": max(0, body["min_tokens"] - tokens)} if isinstance(body.get("min_tokens"), int) else {}
    single = {name: 1 for name in ("n", "best_of") if body.get(name)}
    return {**body, **left, **least, **single}


def _limit(body: Mapping[str, Any]) -> int | None:
    given = [body[name] for name in _LIMITS if body.get(name)]
    return min(given) if given else None
