"""The verdict: what a caller got, told as one of three things."""

from collections.abc import Mapping
from typing import Any, Literal

from tests.faults.speech import Speech
from tests.router.gateway import Reply

Got = Literal["whole answer", "clean error", "SURPRISE"]


def judged(reply: Reply, ask: Mapping[str, Any], tokens: int) -> tuple[Got, str]:
    """(what it is, the error's code or what surprises). tokens: how many make the answer whole."""
    if reply.status != 200:
        return _clean(reply.json)
    if not ask.get("stream"):
        return _whole({0: reply.text}, ask, tokens)
    return _streamed(reply, ask, tokens)


def _streamed(reply: Reply, ask: Mapping[str, Any], tokens: int) -> tuple[Got, str]:
    *chunks, last = reply.chunks or [{}]
    if "error" in last:
        if b"[DONE]" in reply.events:
            return "SURPRISE", "[DONE] beside an error"
        begun = all(_expected(ask, index, tokens).startswith(text) for index, text in _texts(chunks).items())
        return _clean(last) if begun else ("SURPRISE", "wrong text before the error")
    if reply.events[-1:] != [b"[DONE]"] or reply.events.count(b"[DONE]") != 1:
        return "SURPRISE", "no error and no [DONE]"
    if len({(chunk["id"], chunk["model"]) for chunk in reply.chunks}) != 1:
        return "SURPRISE", "two ids or models in one answer"
    ends = {c["index"]: c["finish_reason"] for chunk in reply.chunks for c in chunk["choices"] if c["finish_reason"]}
    if len(ends) != ask.get("n", 1):
        return "SURPRISE", "a choice without its end"
    return _whole(_texts(reply.chunks), ask, tokens)


def _whole(texts: Mapping[int, str], ask: Mapping[str, Any], tokens: int) -> tuple[Got, str]:
    wanted = {index: _expected(ask, index, tokens) for index in range(ask.get("n", 1))}
    return ("whole answer", "") if texts == wanted else ("SURPRISE", f"the text is {texts}")


def _texts(chunks: list[Any]) -> dict[int, str]:
    """Text or arguments of each choice."""
    texts: dict[int, str] = {}
    for choice in [choice for chunk in chunks for choice in chunk["choices"]]:
        calls = choice["delta"].get("tool_calls") or ()
        said = (choice["delta"].get("content") or "") + "".join(call["function"]["arguments"] for call in calls)
        texts[choice["index"]] = texts.get(choice["index"], "") + said
    return texts


def _expected(ask: Mapping[str, Any], index: int, tokens: int) -> str:
    return "".join(Speech(ask).choices[index][:tokens])


def _clean(body: Any) -> tuple[Got, str]:
    """An error in OpenAI's shape, with nothing of the engine's own pages or addresses in it."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict) or set(error) != {"message", "type", "param", "code"} or not error["message"]:
        return "SURPRISE", f"no error object: {body}"
    if "<html" in error["message"] or "127.0.0.1" in error["message"]:
        return "SURPRISE", "the engine's page or address in the message"
    return "clean error", str(error["code"])
