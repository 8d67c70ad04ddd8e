"""The embedded engine: the gateway's side of a llama.cpp model that runs in a process of its own."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from tiers.base import Stream, Whole
from tiers.errors import ContextTooLong, EngineFailed, Misconfigured, TimedOut
from tiers.llamacpp import frames
from tiers.llamacpp.answer import Answer, Token
from tiers.llamacpp.backlog import Backlog
from tiers.llamacpp.options import EngineOptions
from tiers.llamacpp.process import WorkerProcess
from tiers.llamacpp.refusal import as_tier_error
from tiers.llamacpp.render import Choice, Head, StreamRenderer, whole
from tiers.llamacpp.request import CHAT
from tiers.llamacpp.supervisor import Supervisor
from tiers.types import Call, Load, TierSpec

BUNDLED = "bundled:"
LOAD_S = 5.0  # how long the worker may take to say how busy it is: it answers between two steps


class EmbeddedEngine:
    """A tier's model, decoded in a process of its own; implements `tiers.base.Engine`.

    clock: monotonic seconds; wall_clock: Unix seconds. The process is started by `open`, started again when it dies,
    and ended by `close`; it also ends when this process does, however that comes about.
    """

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
        self._leaving: dict[int, Call] = {}  # given up, and still counted until the worker has stopped
        self._loads: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._opened: tuple[Supervisor, Backlog] | None = None

    async def open(self) -> None:
        """Load the model. Raises Misconfigured where a file or option is wrong, EngineFailed where it crashes."""
        if self._opened is not None:
            return
        options = EngineOptions.from_spec(self._spec, model_file(self._spec))
        supervisor = Supervisor(options, on_message=self._on_message, on_death=self._on_death, clock=self._clock)
        await supervisor.start()
        backlog = Backlog(slots=options.slots, max_waiting=options.max_waiting, clock=self._clock)
        self._opened = supervisor, backlog

    async def ready(self) -> None:
        """Wait until the process serves, as after a crash."""
        await self._supervisor.ready()

    @property
    def pid(self) -> int:
        """The process that holds the model now. Raises EngineFailed while there is none."""
        return self._supervisor.worker.pid

    async def complete(self, call: Call) -> Whole:
        """The whole answer; cancelling the task that awaits it frees the slot at the next step."""
        choices: dict[int, Choice] = {}
        with self._asked(call) as answer:
            while tokens := await answer.take():
                for token in tokens:
                    choices.setdefault(token.choice, Choice()).add(token)
        return Whole(body=whole(self._head(call), choices, answer), model=self._model)

    async def stream(self, call: Call) -> Stream:
        """Returns when the first token is there; raises what prevented it."""
        with contextlib.ExitStack() as stack:
            answer = stack.enter_context(self._asked(call))
            first = await answer.take()
            options = call.body.get("stream_options") or {}
            renderer = StreamRenderer(
                self._head(call),
                with_usage=bool(options.get("include_usage")),
                counting=answer if options.get("continuous_usage_stats") else None,
            )
            return EmbeddedStream(self._model, answer, first, renderer, stack.pop_all().close)

    async def load(self) -> Load:
        """What the worker says of itself between two steps. Raises TierError while it is dead or silent."""
        worker = self._supervisor.worker
        number = next(self._ids)
        self._loads[number] = asyncio.get_running_loop().create_future()
        worker.post(["load", number])
        try:
            async with asyncio.timeout(LOAD_S):
                return Load(**await self._loads[number])
        except TimeoutError as error:
            raise TimedOut("the embedded engine does not say how busy it is", phase="idle") from error
        finally:
            del self._loads[number]

    async def close(self) -> None:
        """End the process. Requests in flight get an error."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened[0].stop()
        self._on_death("the engine was closed")

    @property
    def _supervisor(self) -> Supervisor:
        return self._open_parts()[0]

    def _open_parts(self) -> tuple[Supervisor, Backlog]:
        if self._opened is None:
            raise Misconfigured(f"tier {self._spec.name}: the engine is not open")
        return self._opened

    @contextlib.contextmanager
    def _asked(self, call: Call) -> Iterator[Answer]:
        """Ask the worker; on leaving before the answer is whole, cancel it there."""
        supervisor, backlog = self._open_parts()
        worker = supervisor.worker
        number, choices = next(self._ids), _choices(call)
        with backlog.place(choices):
            answer = Answer(choices=choices, timeouts=self._spec.timeouts, clock=self._clock)
            _post_request(worker, number, call)
            self._answers[number] = answer
            try:
                yield answer
            finally:
                self._leave(worker, number, call)

    def _leave(self, worker: WorkerProcess, number: int, call: Call) -> None:
        """Tell the caller the final count; of an answer that was given up the worker has yet to say that it stopped."""
        answer = self._answers[number]
        if not answer.done and not answer.dead:
            self._leaving[number] = call
            worker.post(["cancel", number])
            return
        del self._answers[number]
        if call.on_end is not None:
            call.on_end(answer.usage())

    def _gone(self, number: int) -> None:
        call, answer = self._leaving.pop(number), self._answers.pop(number)
        if call.on_end is not None:
            call.on_end(answer.usage())

    def _head(self, call: Call) -> Head:
        chat = call.path == CHAT
        name = ("chatcmpl-" if chat else "cmpl-") + call.request_id
        return Head(chat=chat, id=name, created=int(self._wall_clock()), model=self._model)

    def _on_message(self, message: dict[str, Any]) -> None:
        """One frame of the worker: a step's report, a refusal, the end of a cancelled request, or its load."""
        for number, prompt_tokens, cached_tokens in message.get("began", ()):
            if (answer := self._answers.get(number)) is not None:
                answer.begin(prompt_tokens, cached_tokens)
        for fields in message.get("tokens", ()):
            if (answer := self._answers.get(fields[0])) is not None:
                answer.put(Token(*fields[1:]))
        if "refused" in message:
            number, refusal = message["refused"]
            if (answer := self._answers.get(number)) is not None:
                answer.fail(as_tier_error(refusal))
        if message.get("gone") in self._leaving:
            self._gone(message["gone"])
        if "load" in message:
            number, load = message["load"]
            if (future := self._loads.get(number)) is not None and not future.done():
                future.set_result(load)

    def _on_death(self, reason: str) -> None:
        for answer in self._answers.values():
            answer.died(reason)
        for number in tuple(self._leaving):
            self._gone(number)
        for future in self._loads.values():
            if not future.done():
                future.set_exception(EngineFailed(reason))


class EmbeddedStream:
    """Server-sent events of one answer; implements `tiers.base.Stream`."""

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
        """Cancel the answer where it is not whole."""
        await self._events.aclose()
        self._leave()

    async def _render(
        self, answer: Answer, tokens: list[Token], renderer: StreamRenderer
    ) -> AsyncGenerator[bytes, None]:
        try:
            while tokens:
                if data := renderer.events(tokens):
                    yield data
                tokens = await answer.take()
            yield renderer.end(answer)
        finally:
            self._leave()


def model_file(spec: TierSpec) -> Path:
    """The tier's GGUF file. Raises Misconfigured naming the setting, the file and what is wrong with it."""
    path = _path(spec.model)
    where = f"tiers.{spec.name}.model"
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise Misconfigured(f"{where}: cannot read {path}: {error.strerror}") from error
    if magic != b"GGUF":
        raise Misconfigured(f"{where}: {path} is not a GGUF file; `tiergate models list` shows what there is")
    return path


def _path(model: str) -> Path:
    if model.startswith(BUNDLED):
        from tiers.bundled import resolve

        return resolve(model)
    return Path(model).expanduser()


def _post_request(worker: WorkerProcess, number: int, call: Call) -> None:
    try:
        worker.post(["generate", number, call.path, dict(call.body)])
    except frames.FrameError as error:
        raise ContextTooLong(f"the request is too large for this engine: {error}", status=413) from error


def _choices(call: Call) -> int:
    """How many answers are asked for; the worker refuses what is no number."""
    wanted = call.body.get("n")
    return wanted if isinstance(wanted, int) and wanted > 0 else 1
