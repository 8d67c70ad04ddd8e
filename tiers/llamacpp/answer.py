"""The answer: what the worker has said of one request, waiting on the gateway's side to be read."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from tiers.errors import Broken, EngineFailed, Phase, TierError, TimedOut
from tiers.types import Timeouts, Usage

IDLE: Phase = "idle"
FIRST_TOKEN: Phase = "first_token"  # noqa: S105 - no secret


class Token(NamedTuple):
    """One sampled token of one choice; `text` is what it lets out, which may be nothing or more than itself.

    logprobs: [bytes as Latin-1, log-probability, [[bytes, log-probability], ...]]. calls: OpenAI's `tool_calls`
    deltas. finish: the finish reason on a choice's last. sampled: 0 where a grammar ended the answer without a token.
    """

    choice: int
    text: str
    logprobs: list[Any] | None
    calls: list[dict[str, Any]]
    finish: str | None
    sampled: int


class Answer:
    """A mailbox with deadlines. The worker's side calls `begin`, `put` and `fail`; one reader calls `take`."""

    def __init__(self, *, choices: int, timeouts: Timeouts, clock: Callable[[], float]) -> None:
        self.prompt_tokens = 0
        self.cached_tokens = 0
        self.output_tokens = 0
        self.done = False
        self.dead = False  # the worker is gone: nothing more will come
        self._open_choices = choices
        self._timeouts = timeouts
        self._clock = clock
        self._started_s = self._last_s = clock()
        self._tokens: deque[Token] = deque()
        self._error: TierError | None = None
        self._arrived = asyncio.Event()
        self._begun = False

    def begin(self, prompt_tokens: int, cached_tokens: int) -> None:
        self.prompt_tokens, self.cached_tokens = prompt_tokens, cached_tokens

    def put(self, token: Token) -> None:
        self._tokens.append(token)
        self.output_tokens += token.sampled
        if token.finish is not None:
            self._open_choices -= 1
            self.done = self._open_choices == 0
        self._arrived.set()

    def fail(self, error: TierError) -> None:
        self._error = error
        self._arrived.set()

    def died(self, reason: str) -> None:
        """The worker is gone: the answer breaks where it had begun, else it can be asked for elsewhere."""
        self.dead = True
        began = self._begun or bool(self._tokens)
        self.fail(Broken(reason) if began else EngineFailed(reason))

    def usage(self) -> Usage:
        """What the worker has counted so far."""
        return Usage(
            input=self.prompt_tokens - self.cached_tokens, cached_input=self.cached_tokens, output=self.output_tokens
        )

    async def take(self) -> list[Token]:
        """The tokens that came since the last time, at least one; none once the answer is whole. Raises TierError."""
        if not self._tokens and self.done:
            return []
        while not self._tokens:
            if self._error is not None:
                raise self._error
            self._arrived.clear()
            await self._wait()
        taken = list(self._tokens)
        self._tokens.clear()
        self._begun, self._last_s = True, self._clock()
        return taken

    async def _wait(self) -> None:
        limit_s, phase = self._deadline()
        try:
            async with asyncio.timeout(limit_s):
                await self._arrived.wait()
        except TimeoutError as error:
            raise TimedOut(f"the embedded engine passed its {phase} limit", phase=phase) from error

    def _deadline(self) -> tuple[float, Phase]:
        """Seconds from now, and which limit it is."""
        limits, now_s = self._timeouts, self._clock()
        if self._begun:
            nearer_s, phase = self._last_s + limits.idle_s - now_s, IDLE
        else:
            nearer_s, phase = self._started_s + limits.first_token_s - now_s, FIRST_TOKEN
        whole_s = self._started_s + limits.total_s - now_s
        return (whole_s, "total") if whole_s < nearer_s else (nearer_s, phase)
