"""What a fake engine says: a script turned into OpenAI-shaped objects."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tiers.types import Call

_DIMENSIONS = 8
_USUAL_WORDS = 20_000


@dataclass(frozen=True, slots=True)
class Script:
    """From a tier's `options`; one word is one token.

    reply: the text; without it the fake says that it is one and repeats the last message. tokens: the reply's
    words are repeated or cut to this number. logprob: of every token. first_s, token_s: pauses in seconds
    before the first and each later token. cached: tokens of the prompt that its usage calls cached. fail: an HTTP
    status, `unreachable`, `timeout`, or `cut` (breaks off half-way).
    """

    reply: str = ""
    tokens: int | None = None
    logprob: float = -0.1
    first_s: float = 0.0
    token_s: float = 0.0
    cached: int = 0
    fail: str = ""


class Speech:
    """The fake's answer to one call."""

    def __init__(self, script: Script, call: Call, model: str) -> None:
        self._script = script
        self._call = call
        self._model = model
        self._chat = call.path == "/v1/chat/completions"
        self.words, self._finish = _spoken(script, call.body)

    def whole(self) -> dict[str, Any]:
        if self._call.path == "/v1/embeddings":
            return self._embeddings()
        choice = self._choice(self.words, self._finish, "message")
        return self._frame("chat.completion", [choice]) | {"usage": self._usage()}

    def chunks(self) -> list[dict[str, Any]]:
        """One object per word, one with the finish reason, one with the usage."""
        choices = [self._choice([word], None, "delta") for word in self.words]
        choices.append(self._choice([], self._finish, "delta"))
        if self._chat:
            choices[0]["delta"] = {"role": "assistant", **choices[0]["delta"]}
        frames = [self._frame("chat.completion.chunk", [choice]) for choice in choices]
        return [*frames, self._frame("chat.completion.chunk", []) | {"usage": self._usage()}]

    def _frame(self, kind: str, choices: list[Any]) -> dict[str, Any]:
        return {
            "id": f"fake-{self._call.request_id}",
            "object": kind if self._chat else "text_completion",
            "created": 0,
            "model": self._model,
            "system_fingerprint": "tiergate-fake",
            "choices": choices,
        }

    def _choice(self, words: Sequence[str], finish: str | None, part: str) -> dict[str, Any]:
        text = "".join(words)
        choice: dict[str, Any] = {"index": 0, "finish_reason": finish, "logprobs": None}
        if not self._chat:
            choice["text"] = text
        elif part == "message":
            choice["message"] = {"role": "assistant", "content": text}
        else:
            choice["delta"] = {"content": text} if words else {}
        if words and self._call.body.get("logprobs"):
            choice["logprobs"] = self._logprobs(words)
        return choice

    def _logprobs(self, words: Sequence[str]) -> dict[str, Any]:
        logprob = self._script.logprob
        if not self._chat:
            return {
                "tokens": list(words),
                "token_logprobs": [logprob] * len(words),
                "top_logprobs": [{word: logprob} for word in words],
                "text_offset": [sum(map(len, words[:i])) for i in range(len(words))],
            }
        said = [{"token": word, "logprob": logprob, "bytes": list(word.encode())} for word in words]
        return {"content": [{**token, "top_logprobs": [token]} for token in said]}

    def _usage(self) -> dict[str, Any]:
        prompt = len(_prompt_text(self._call.body).split())
        cached = {"prompt_tokens_details": {"cached_tokens": self._script.cached}} if self._script.cached else {}
        return {
            "prompt_tokens": prompt,
            "completion_tokens": len(self.words),
            "total_tokens": prompt + len(self.words),
            **cached,
        }

    def _embeddings(self) -> dict[str, Any]:
        given = self._call.body.get("input", "")
        texts = [given] if isinstance(given, str) else list(given)
        prompt = sum(len(str(text).split()) for text in texts)
        return {
            "object": "list",
            "model": self._model,
            "data": [
                {"object": "embedding", "index": i, "embedding": _vector(str(text))} for i, text in enumerate(texts)
            ],
            "usage": {"prompt_tokens": prompt, "total_tokens": prompt},
        }


def _spoken(script: Script, body: Mapping[str, Any]) -> tuple[list[str], str]:
    """The words of the reply, each but the first with its space, and why they end."""
    text = script.reply or f"This is a fake answer to: {_prompt_text(body)}"
    words = text.split(" ")
    count = len(words) if script.tokens is None else script.tokens
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or _USUAL_WORDS
    said = [words[i % len(words)] for i in range(min(count, limit))]
    return [word if i == 0 else f" {word}" for i, word in enumerate(said)], "length" if count > limit else "stop"


def _prompt_text(body: Mapping[str, Any]) -> str:
    """The text of the last message, or the prompt."""
    messages = body.get("messages")
    content = messages[-1].get("content") if messages else body.get("prompt", "")
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def _vector(text: str) -> list[float]:
    """Numbers in [-1, 1] that depend on the text alone."""
    digest = hashlib.sha256(text.encode()).digest()
    return [byte / 127.5 - 1 for byte in digest[:_DIMENSIONS]]
