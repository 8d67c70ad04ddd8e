"""A fake engine: scripted answers, for tests and for measuring what the gateway itself costs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import orjson

from tiers.base import Stream, Whole
from tiers.engines.dialect import Dialect
from tiers.errors import Broken, TimedOut, Unreachable
from tiers.fake_script import Script, Speech
from tiers.replies import failure
from tiers.types import Call, Load, TierSpec

_DIALECT = Dialect(kind="fake", context_words=("context length",))


class FakeEngine:
    """Speaks the OpenAI API without a model; deterministic.

    running: calls under way. seen: every call it was given. sleep: waits between tokens.
    """

    def __init__(self, spec: TierSpec, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self.script = Script(**spec.options)
        self.running = 0
        self.seen: list[Call] = []
        self._model = spec.model
        self._sleep = sleep

    async def open(self) -> None:
        pass

    async def complete(self, call: Call) -> Whole:
        self._begin(call)
        speech = Speech(self.script, call, self._model)
        self.running += 1
        try:
            await self._sleep(self.script.first_s + self.script.token_s * max(0, len(speech.words) - 1))
        finally:
            self.running -= 1
        if self.script.fail == "cut":
            raise Broken("the fake breaks off, as it was told")
        return Whole(orjson.dumps(speech.whole()), self._model)

    async def stream(self, call: Call) -> Stream:
        self._begin(call)
        return FakeStream(self, Speech(self.script, call, self._model), self._model)

    async def load(self) -> Load:
        return Load(running=self.running, waiting=0)

    async def close(self) -> None:
        pass

    def _begin(self, call: Call) -> None:
        self.seen.append(call)
        fail = self.script.fail
        if fail == "unreachable":
            raise Unreachable("the fake cannot be reached, as it was told")
        if fail == "timeout":
            raise TimedOut("the fake is silent, as it was told", phase="first_token")
        if fail.isdecimal():
            body = orjson.dumps({"error": {"message": f"the fake fails with {fail}, as it was told"}})
            raise failure(int(fail), body, {}, dialect=_DIALECT)

    async def speak(self, speech: Speech) -> AsyncIterator[bytes]:
        """Server-sent events, one a token, with the script's pauses."""
        script, chunks = self.script, speech.chunks()
        breaks_at = len(speech.words) // 2 if script.fail == "cut" else len(chunks)
        for i, chunk in enumerate(chunks):
            if i < len(speech.words):
                await self._sleep(script.token_s if i else script.first_s)
            if i >= breaks_at:
                raise Broken("the fake breaks off, as it was told")
            yield b"data: " + orjson.dumps(chunk) + b"\n\n"
        yield b"data: [DONE]\n\n"


class FakeStream:
    """A fake answer under way; counts as running until it ends or is closed."""

    def __init__(self, engine: FakeEngine, speech: Speech, model: str) -> None:
        self.model = model
        self._engine = engine
        self._events = engine.speak(speech)
        self._ended = False
        engine.running += 1

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        try:
            return await anext(self._events)
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        if not self._ended:
            self._ended = True
            self._engine.running -= 1
