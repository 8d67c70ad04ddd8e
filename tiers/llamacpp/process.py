"""The process: one life of the worker, from its start to its last words."""

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any, cast

from tiers.errors import EngineFailed, Misconfigured
from tiers.llamacpp import frames
from tiers.llamacpp.options import EngineOptions

# Compute threads wait for each other some 500 times a step. By default OpenMP lets them spin for milliseconds, which
# on a machine that also runs something else (the gateway, for one) makes a step up to twenty times longer.
WAIT_BRIEFLY = {"GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "0"}
LAST_LINES = 20  # of the worker's stderr, kept for the message when it dies
LINE_BYTES = 1000  # of one line; llama.cpp repeats whole grammars when it does not like them
READ_BYTES = 65536
STOP_S = 5.0  # how long the worker may take to end once it was hung up on

log = logging.getLogger(__name__)


async def start_worker(options: EngineOptions) -> "WorkerProcess":
    """Start the process and wait until the model is loaded. Raises TierError with the process's last words."""
    worker = await _spawn()
    try:
        await worker.load_model(options)
    except BaseException:
        await worker.stop()
        raise
    return worker


async def _spawn() -> "WorkerProcess":
    ours, theirs = socket.socketpair()
    with theirs:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-P", "-m", "tiers.llamacpp.worker", str(theirs.fileno())),
            pass_fds=(theirs.fileno(),),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={**WAIT_BRIEFLY, **os.environ},
            start_new_session=True,  # Ctrl-C at the terminal is for the gateway, which then hangs up
        )
    ours.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=ours)
    return WorkerProcess(process, reader, writer)


class WorkerProcess:
    """A running worker. `messages` ends when the process does."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._stderr = asyncio.create_task(self._keep_stderr())

    async def load_model(self, options: EngineOptions) -> None:
        """Wait until the worker has its model. Raises Misconfigured where it cannot, EngineFailed where it died."""
        self.post(asdict(options))
        answer = await frames.read(self._reader)
        if answer is None:
            raise EngineFailed(await self.obituary())
        if "failed" in answer:
            await self._end()
            raise Misconfigured(answer["failed"] + self._said())

    @property
    def pid(self) -> int:
        return self._process.pid

    def post(self, message: Any) -> None:
        """Send a message; does nothing where the process is gone (`messages` ends and says so)."""
        data = frames.encode(message)
        if not self._writer.is_closing():
            self._writer.write(data)

    async def messages(self) -> AsyncIterator[Any]:
        """What the worker says; ends when it is gone, or when it makes no sense any more, which ends it."""
        try:
            while (message := await frames.read(self._reader)) is not None:
                yield message
        except frames.FrameError as error:
            self._last_lines.append(str(error))
            self._kill()

    async def obituary(self) -> str:
        """How the process ended and what it last said; waits for its end."""
        code = await self._end()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        return f"the llama.cpp process {how}{self._said()}"

    async def stop(self) -> None:
        """Hang up, and kill the process where that does not end it. Never raises."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_S)
        except TimeoutError:
            self._kill()
        await self._end()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def _end(self) -> int:
        """The exit code, once all that was said has been read."""
        code = await self._process.wait()
        await self._stderr
        return code

    def _said(self) -> str:
        return "; it said: " + " | ".join(self._last_lines) if self._last_lines else ""

    async def _keep_stderr(self) -> None:
        stderr = cast(asyncio.StreamReader, self._process.stderr)  # piped by _spawn
        unfinished = b""
        while data := await stderr.read(READ_BYTES):
            *lines, unfinished = (unfinished + data).split(b"\n")
            self._note(lines)
            unfinished = unfinished[:LINE_BYTES]
        self._note([unfinished])

    def _note(self, lines: list[bytes]) -> None:
        for line in lines:
            if text := line[:LINE_BYTES].decode("utf-8", "replace").rstrip():
                self._last_lines.append(text)
                log.warning("llama.cpp process %d: %s", self.pid, text)
