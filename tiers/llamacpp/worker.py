"""The worker: the process that holds the model, reads requests from one end of a socket and answers on it."""

import os
import queue
import socket
import sys
import threading
import time
import traceback
from typing import Any, NoReturn

from tiers.llamacpp import frames
from tiers.llamacpp.loop import Loop
from tiers.llamacpp.model import Model, ModelError, send_log_to_stderr
from tiers.llamacpp.options import EngineOptions
from tiers.llamacpp.prepare import Preparer
from tiers.llamacpp.refusal import Refusal
from tiers.llamacpp.sequence import Sequence

SWITCH_S = 0.0005  # how long another thread may keep the decoding one from going on, Python's 5 ms being a whole step


class Worker:
    """Three threads: one reads frames, one prepares requests, and the main one decodes.

    llama.cpp lets go of Python's lock while it computes, so that reading and preparing cost a step nothing.
    """

    def __init__(self, connection: socket.socket, model: Model) -> None:
        self._connection = connection
        self._preparer = Preparer(model)
        self._loop = Loop(model, clock=time.perf_counter)
        self._inbox: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._bodies: queue.SimpleQueue[tuple[int, str, Any]] = queue.SimpleQueue()
        self._preparing: set[int] = set()
        self._cancelled: set[int] = set()  # while they were being prepared

    def run(self) -> NoReturn:
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._prepare, daemon=True).start()
        while True:
            self._take_messages()
            report = self._loop.step()
            if report.began or report.tokens:
                self._send({"began": report.began, "tokens": report.tokens})
            for request_id, why in report.failed:
                self._refuse(request_id, Refusal(why, kind="failed"))

    def _read(self) -> None:
        """Hand on what the gateway sends; when it hangs up, end the process, whatever is being decoded."""
        try:
            self._read_until_closed()
        except Exception:  # noqa: BLE001 - a thread that died alone would leave the process deaf
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    def _read_until_closed(self) -> None:
        while (message := frames.receive(self._connection)) is not None:
            kind, *rest = message
            if kind == "generate":
                request_id, path, body = rest
                self._preparing.add(request_id)
                self._bodies.put((request_id, path, body))
            else:
                self._inbox.put((kind, rest[0]))

    def _prepare(self) -> None:
        while True:
            request_id, path, body = self._bodies.get()
            self._inbox.put(self._prepared(request_id, path, body))

    def _prepared(self, request_id: int, path: str, body: Any) -> tuple[str, Any]:
        try:
            return "start", self._preparer.prepare(request_id, path, body)
        except Refusal as refused:
            refusal = refused
        except Exception as error:  # noqa: BLE001 - one request's trouble must not end the others
            traceback.print_exc()
            refusal = Refusal(f"the request could not be prepared: {error!r}", kind="failed")
        return "refuse", (request_id, refusal)

    def _take_messages(self) -> None:
        """All that has come; waits for something to come where there is nothing to decode."""
        while True:
            try:
                kind, value = self._inbox.get(block=self._loop.idle)
            except queue.Empty:
                return
            self._handle(kind, value)

    def _handle(self, kind: str, value: Any) -> None:
        if kind == "start":
            self._start(value)
        elif kind == "refuse":
            request_id, refusal = value
            self._forget(request_id)
            self._refuse(request_id, refusal)
        elif kind == "cancel":
            if value in self._preparing:
                self._cancelled.add(value)
            self._loop.cancel(value)
            self._send({"gone": value})
        elif kind == "load":
            self._send({"load": [value, self._loop.load()]})

    def _start(self, sequences: list[Sequence]) -> None:
        """A request that was cancelled while it was being prepared is not begun."""
        if self._forget(sequences[0].request_id):
            for sequence in sequences:
                sequence.close()
        else:
            self._loop.add(sequences)

    def _forget(self, request_id: int) -> bool:
        """Note that the request is prepared; whether it was cancelled meanwhile."""
        cancelled = request_id in self._cancelled
        self._preparing.discard(request_id)
        self._cancelled.discard(request_id)
        return cancelled

    def _refuse(self, request_id: int, refusal: Refusal) -> None:
        self._send({"refused": [request_id, refusal.message()]})

    def _send(self, message: Any) -> None:
        try:
            self._connection.sendall(frames.encode(message))
        except OSError:
            os._exit(0)


def main() -> None:
    """Serve on the socket whose file descriptor is the only argument; the first frame holds the options."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    sys.setswitchinterval(SWITCH_S)
    keep_log = send_log_to_stderr()
    options = frames.receive(connection)
    if options is None:
        return
    try:
        model = Model(EngineOptions(**options))
        model.warm_up()
        worker = Worker(connection, model)
    except ModelError as error:
        connection.sendall(frames.encode({"failed": str(error)}))
        return
    connection.sendall(frames.encode({"ready": True}))
    worker.run()
    del keep_log


if __name__ == "__main__":
    main()
