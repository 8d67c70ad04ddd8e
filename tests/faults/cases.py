"""The cases of the scorecard: how the providers break, and what must come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.faults.modes import Mode, status

Outcome = Literal["whole", "error"]
STREAM: Mapping[str, Any] = {"stream": True, "max_tokens": 60}
WHOLE: Mapping[str, Any] = {"max_tokens": 60}
TOOLS = [{"type": "function", "function": {"name": "count", "parameters": {"type": "object"}}}]


@dataclass(frozen=True, slots=True)
class Case:
    """One way to break.

    first, then: the modes of the two tiers' replicas; a mode that begins with `http` is the address itself, of nobody.
    engines: of the two tiers. ask: the request; repeat: how often it is sent, one after the other, the last being
    judged. outcome: what the caller must get; code: of the error. reached: how many requests must reach the providers
    of each tier, None where chance decides. ledger: kind and outcome of each attempt, None where it depends
    on the moment. within_s: the most that the last
    request may take, on a machine that is busy with other things too. tokens: how many make the whole answer.
    first_token_s: the limit that both tiers have.
    """

    name: str
    first: tuple[str | Mode, ...]
    then: tuple[str | Mode, ...] = ("ok",)
    engines: tuple[str, str] = ("vllm", "vllm")
    ask: Mapping[str, Any] = field(default_factory=lambda: STREAM)
    repeat: int = 1
    outcome: Outcome = "whole"
    code: str = ""
    reached: tuple[int | range, int | range] | None = (1, 1)
    ledger: tuple[str, ...] | None = ("primary failed", "fallback ok")
    within_s: float = 5.0
    tokens: int = 60
    first_token_s: float = 1.5

    @property
    def alone(self) -> bool:
        """Whether it keeps the machine so busy that the others' times would tell nothing."""
        return "pad" in self.ask


def _both(name: str, mode: str, **how: Any) -> list[Case]:
    """Streamed and not."""
    return [Case(f"{name}, streamed", (mode,), **how), Case(f"{name}, whole", (mode,), ask=WHOLE, **how)]


_TIMED_OUT = ("primary timeout", "fallback ok")
_CUT = ("primary cut", "continuation ok")
_RETRIED_CUT = ("primary cut", "fallback ok")
_STALLED = ("primary timeout", "continuation ok")
_OK = ("primary ok",)

BEFORE_ANY_BYTE = [
    *_both("429 without Retry-After", "429"),
    *_both("429 with Retry-After: 7", "429-retry-after"),
    Case("429, another replica at once", ("429-retry-after", "ok"), repeat=3, reached=None, ledger=_OK),
    Case(
        "429, nobody else: refused, never hammered", (status(429, Retry_After="60"),), (), repeat=4, outcome="error",
        code="overloaded", reached=(1, 0), ledger=(),
    ),
    *_both("500 once", "500-once"),
    *_both("503", "503"),
    Case("503 for ever, 6 requests", ("503",), repeat=6, reached=(range(1, 4), 6), ledger=None),
    Case("500 for ever, 8 requests: the circuit opens", ("500",), repeat=8, reached=(range(5, 8), 8), ledger=None),
    *_both("reset before the headers", "reset-before-headers"),
    *_both("accepted and silent", "silent", ledger=_TIMED_OUT, within_s=8.0),
    Case("slow first token", ("slow-first-token",), ledger=_TIMED_OUT),
    *_both("context too long", "context-too-long"),
    Case("context too long, nobody is larger", ("context-too-long", "context-too-long"), (), outcome="error",
         code="context_length_exceeded", reached=(1, 0), ledger=("primary failed",)),
    *_both("wrong key there", "401"),
    *_both("no such model there", "404"),
    *_both("a web page with 502", "html"),
    *_both("a web page with 200", "html-200"),
    *_both("200 with an error body", "200-error-body"),
    Case("wrong content type, streamed", ("wrong-content-type",)),
    Case("wrong content type, whole", ("wrong-content-type",), ask=WHOLE, reached=(1, 0), ledger=_OK),
    *_both("redirected", "redirect"),
    *_both("empty body", "empty", ledger=_RETRIED_CUT),
    Case("the name does not resolve", ("http://nowhere.invalid:1/v1",), reached=(0, 1), ledger=_OK),
    Case("TLS broken", ("https",), reached=(0, 1), ledger=_OK),
    Case("nobody listens", ("http://127.0.0.1:9/v1",), reached=(0, 1), ledger=_OK),
    Case("upstream that never reads", ("deaf",), ask={**STREAM, "pad": 6_000_000}, reached=(0, 1),
         ledger=_TIMED_OUT, first_token_s=3.0, within_s=10.0),
    Case("all candidates down", ("500",), ("503",), outcome="error", code="overloaded",
         ledger=("primary failed", "fallback failed")),
]  # fmt: skip

IN_THE_MIDDLE = [
    Case("cut after 40 of 60 tokens", ("cut",), ledger=_CUT),
    Case("cut after 40 of 60 tokens, by a reset", ("cut-reset",), ledger=_CUT),
    Case("cut, then cut again, unless the other replica goes on", ("cut",), ("cut", "ok"), reached=(1, range(1, 3)),
         ledger=None),
    Case("cut, only itself to go on", ("cut-once",), (), reached=(2, 0), ledger=_CUT),
    Case("cut before the finish reason", ("cut-before-end",), reached=(1, 0), ledger=("primary cut",)),
    Case("cut after the finish reason", ("cut-after-end",), reached=(1, 0), ledger=_OK),
    Case("stalls", ("stall",), ledger=_STALLED),
    Case("malformed event", ("malformed-event",), ledger=_CUT),
    Case("error event, then [DONE]", ("error-in-stream",), ledger=_CUT),
    Case("cut, an engine that cannot go on answers anew", ("cut",), engines=("vllm", "openai"), ledger=_CUT),
    Case("cut, the next refuses the prefilled answer", ("cut",), ("refuses-prefill",), reached=(1, 2),
         ledger=("primary cut", "continuation failed", "continuation ok")),
    Case("cut, the next answers otherwise", ("cut",), ("other-words",), engines=("vllm", "openai"), outcome="error",
         code="stream_cut", reached=(3, 1), ledger=("primary cut", *["continuation cut"] * 3)),
    Case("cut in a tool call", ("cut",), ask={"stream": True, "tools": TOOLS}, ledger=_CUT),
    Case("cut, two choices", ("cut",), ask={**STREAM, "n": 2}, reached=(1, 2), ledger=(*_CUT, "continuation ok")),
    Case("all cut", ("cut",), ("cut",), outcome="error", code="stream_cut", reached=(2, 2),
         ledger=("primary cut", *["continuation cut"] * 3)),
    Case("body cut, whole", ("cut",), ask=WHOLE, ledger=_RETRIED_CUT),
    Case("body shorter than promised, whole", ("short-body",), ask=WHOLE, ledger=_RETRIED_CUT),
    Case("body larger than promised, whole", ("long-body",), ask=WHOLE, ledger=_RETRIED_CUT),
    Case("a flood of what is no JSON", ("flood",), ledger=_RETRIED_CUT, within_s=8.0),
]  # fmt: skip

ONLY_ODD = [
    Case(name, (mode,), reached=(1, 0), ledger=_OK)
    for name, mode in {
        "no [DONE]": "no-done", "body shorter than promised, all events came": "short-body", "gzip": "gzip",
        "keep-alive comments": "keep-alive", "ends with its connection": "closes",
    }.items()
]  # fmt: skip
ONLY_ODD += [
    Case("every byte in a chunk of its own", ("byte-by-byte",), ask={**STREAM, "max_tokens": 8}, reached=(1, 0),
         ledger=_OK, tokens=8),
    Case("content filter: passed on, not retried", ("content-filter",), reached=(1, 0), ledger=_OK, tokens=40),
]  # fmt: skip

CASES = (*BEFORE_ANY_BYTE, *IN_THE_MIDDLE, *ONLY_ODD)
