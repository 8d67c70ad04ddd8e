"""The embedded engine: the gateway's side of a llama.cpp model that runs in a process of its own."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from tiers.base import Stream, Whole
from tiers.errors import Misconfigured
from tiers.llamacpp.answer import Answer, Token
from tiers.llamacpp.options import EngineOptions
from tiers.llamacpp.refusal import as_tier_error
from tiers.llamacpp.render import Choice, Head, StreamRenderer, whole
from tiers.llamacpp.supervisor import Supervisor
from tiers.types import Call, Load, TierSpec

BUNDLED = "bundled:"
CHAT = "/v1/chat/completions"
LOAD_S = 5.0  # how long a worker may take to say how busy it is: one step, with much to spare


class EmbeddedEngine:
    """A tier's model, decoded in a process of its own; implements `tiers.base.Engine`."""

    def __init__(
        self,
        spec: TierSpec,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._spec = spec
        self._clock = clock
        self._wall_clock = wall_clock
        self._model = spec.model if spec.model.startswith(BUNDLED) else Path(spec.model).stem
        self._ids = itertools.count(1)
        self._answers: dict[int, Answer] = {}
        self._loads: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._supervisor: Supervisor | None = None

    async def open(self) -> None:
        """Load the model. Raises Misconfigured where the file or an option is wrong, EngineFailed where it crashes."""
        options = EngineOptions.from_spec(self._spec, model_file(self._spec))
        supervisor = Supervisor(
            options, on_message=self._on_message, on_death=self._on_death, clock=self._clock
        )
        await supervisor.start()
        self._supervisor = supervisor

    async def ready(self) -> None:
        """Wait until the process serves, as after a crash."""
        await self._open_supervisor().ready()

    async def complete(self, call: Call) -> Whole:
        head = self._head(call)
        choices: dict[int, Choice] = {}
        with self._asked(call) as answer:
            while tokens := await answer.take():
                for token in tokens:
                    choices.setdefault(token[1], Choice()).add(token)
        return Whole(body=whole(head, choices, answer), model=self._model)

    async def stream(self, call: Call) -> Stream:
        """Returns when the first token is there; raises what prevented it."""
        stack = contextlib.ExitStack()
        try:
            answer = stack.enter_context(self._asked(call))
            first = await answer.take()
        except BaseException:
            stack.close()
            raise
        wants_usage = bool((call.body.get("stream_options") or {}).get("include_usage"))
        renderer = StreamRenderer(self._head(call), with_usage=wants_usage)
        return EmbeddedStream(self._model, answer, first, renderer, stack.close)

    async def load(self) -> Load:
        worker = self._open_supervisor().worker
        number = next(self._ids)
        future = self._loads[number] = asyncio.get_running_loop().create_future()
        worker.post(["load", number])
        try:
            async with asyncio.timeout(LOAD_S):
                return Load(**await future)
        finally:
            del self._loads[number]

    async def close(self) -> None:
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            await supervisor.stop()
        self._on_death("the engine was closed")

    @contextlib.contextmanager
    def _asked(self, call: Call) -> Any:
        """Ask the worker; on leaving before the answer is whole, cancel it there."""
        worker = self._open_supervisor().worker
        choices = call.body.get("n")
        choices = choices if isinstance(choices, int) and choices > 0 else 1
        number = next(self._ids)
        answer = self._answers[number] = Answer(
            choices=choices, timeouts=self._spec.timeouts, clock=self._clock
        )
        worker.post(["generate", number, call.path, dict(call.body)])
        try:
            yield answer
        finally:
            del self._answers[number]
            if not answer.done:
                worker.post(["cancel", number])

    def _open_supervisor(self) -> Supervisor:
        if self._supervisor is None:
            raise Misconfigured(f"tier {self._spec.name}: the engine is not open")
        return self._supervisor

    def _head(self, call: Call) -> Head:
        chat = call.path == CHAT
        prefix = "chatcmpl-" if chat else "cmpl-"
        return Head(
            chat=chat, id=prefix + call.request_id, created=int(self._wall_clock()), model=self._model
        )

    def _on_message(self, message: dict[str, Any]) -> None:
        for number, prompt_tokens, cached_tokens in message.get("began", ()):
            if (answer := self._answers.get(number)) is not None:
                answer.begin(prompt_tokens, cached_tokens)
        for token in message.get("tokens", ()):
            if (answer := self._answers.get(token[0])) is not None:
                answer.put(token)
        if "refused" in message:
            number, refusal = message["refused"]
            if (answer := self._answers.get(number)) is not None:
                answer.fail(as_tier_error(refusal))
        if "load" in message:
            number, load = message["load"]
            if number in self._loads and not self._loads[number].done():
                self._loads[number].set_result(load)

    def _on_death(self, reason: str) -> None:
        for answer in self._answers.values():
            answer.died(reason)


class EmbeddedStream:
    """Server-sent events of one answer."""

    def __init__(
        self,
        model: str,
        answer: Answer,
        first: list[Token],
        renderer: StreamRenderer,
        leave: Callable[[], None],
    ) -> None:
        self.model = model
        self._leave = leave
        self._events = self._render(answer, first, renderer)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._events

    async def aclose(self) -> None:
        await self._events.aclose()
        self._leave()

    async def _render(self, answer: Answer, tokens: list[Token], renderer: StreamRenderer) -> Any:
        try:
            while tokens:
                yield renderer.events(tokens)
                tokens = await answer.take()
            yield renderer.end(answer)
        finally:
            self._leave()


def model_file(spec: TierSpec) -> Path:
    """The tier's GGUF file. Raises Misconfigured naming the file and what is wrong with it."""
    if spec.model.startswith(BUNDLED):
        from tiers.bundled import resolve

        path = resolve(spec.model)
    else:
        path = Path(spec.model).expanduser()
    where = f"tiers.{spec.name}.model"
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise Misconfigured(f"{where}: cannot read {path}: {error.strerror}") from error
    if magic != b"GGUF":
        raise Misconfigured(f"{where}: {path} is not a GGUF file; `tiergate models list` shows what there is")
    return path
