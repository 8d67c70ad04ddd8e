"""Sending: each channel has a queue of its own and tries again later, so that nobody waits for it."""

import asyncio
import logging
import smtplib
import ssl
from collections.abc import Awaitable, Callable
from typing import Protocol

import aiohttp

from policies.schema_alerts import Alerts, Email, Slack, Webhook
from router.alerts import message
from router.alerts.types import Alert

_log = logging.getLogger(__name__)
_TRIES = 8
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 120.0
_MOST_WAITING = 500
_TIMEOUT_S = 10.0
Sleep = Callable[[float], Awaitable[None]]


class Channel(Protocol):
    """A way to tell somebody. Raises whatever goes wrong; the queue before it tries again."""

    name: str

    async def tell(self, alert: Alert) -> None: ...


class WebhookChannel:
    """POST of JSON with `x-tiergate-timestamp` and `x-tiergate-signature`; anything but 2xx is tried again."""

    name = "webhook"

    def __init__(self, to: Webhook, session: aiohttp.ClientSession, now: Callable[[], float]) -> None:
        self._to = to
        self._session = session
        self._now = now

    async def tell(self, alert: Alert) -> None:
        sent, at = message.body(alert), int(self._now())
        headers = {
            "content-type": "application/json",
            "x-tiergate-timestamp": str(at),
            "x-tiergate-signature": message.signed(self._to.secret.get_secret_value(), at, sent),
        }
        await _post(self._session, str(self._to.url), sent, headers)


class SlackChannel:
    name = "slack"

    def __init__(self, to: Slack, session: aiohttp.ClientSession) -> None:
        self._to = to
        self._session = session

    async def tell(self, alert: Alert) -> None:
        headers = {"content-type": "application/json"}
        await _post(self._session, self._to.url.get_secret_value(), message.slack(alert), headers)


class EmailChannel:
    name = "email"

    def __init__(self, to: Email) -> None:
        self._to = to

    async def tell(self, alert: Alert) -> None:
        await asyncio.to_thread(self._send, alert)

    def _send(self, alert: Alert) -> None:
        to = self._to
        context = ssl.create_default_context()
        if to.port == 465:
            server: smtplib.SMTP = smtplib.SMTP_SSL(to.host, to.port, timeout=_TIMEOUT_S, context=context)
        else:
            server = smtplib.SMTP(to.host, to.port, timeout=_TIMEOUT_S)
        with server:
            if to.tls and to.port != 465:
                server.starttls(context=context)
            if to.password is not None:
                server.login(to.username, to.password.get_secret_value())
            server.send_message(message.mail(alert, to))


class Post:
    """The queue before one channel. `put` returns at once; past 500 waiting a new message is dropped and logged."""

    def __init__(self, channel: Channel, sleep: Sleep = asyncio.sleep) -> None:
        self.failing: str | None = None
        self.sent = 0
        self._channel = channel
        self._sleep = sleep
        self._waiting: asyncio.Queue[Alert] = asyncio.Queue(_MOST_WAITING)
        self._task: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return self._channel.name

    def open(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def put(self, alert: Alert) -> None:
        try:
            self._waiting.put_nowait(alert)
        except asyncio.QueueFull:
            _log.error("an alert was not sent by %s, %d wait already: %s", self.name, _MOST_WAITING, alert.id)

    async def _run(self) -> None:
        while True:
            await self._deliver(await self._waiting.get())

    async def _deliver(self, alert: Alert) -> None:
        pause_s = _FIRST_PAUSE_S
        for tried in range(1, _TRIES + 1):
            try:
                await self._channel.tell(alert)
            except Exception as error:  # noqa: BLE001 - whatever it is, the message is tried again
                self.failing = f"{type(error).__name__}: {_without_address(error)}"
                _log.warning("an alert could not be sent by %s (try %d): %s", self.name, tried, self.failing)
            else:
                self.failing = None
                self.sent += 1
                return
            await self._sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
        _log.error("an alert was given up by %s after %d tries: %s", self.name, _TRIES, alert.id)


class NotTaken(Exception):
    """The receiver answered with an error."""


def channels(set_: Alerts, session: aiohttp.ClientSession, now: Callable[[], float]) -> list[Channel]:
    made: list[Channel] = []
    if set_.webhook is not None:
        made.append(WebhookChannel(set_.webhook, session, now))
    if set_.slack is not None:
        made.append(SlackChannel(set_.slack, session))
    if set_.email is not None:
        made.append(EmailChannel(set_.email))
    return made


async def _post(session: aiohttp.ClientSession, url: str, sent: bytes, headers: dict[str, str]) -> None:
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    async with session.post(url, data=sent, headers=headers, timeout=timeout, allow_redirects=False) as reply:
        if not 200 <= reply.status < 300:
            raise NotTaken(f"status {reply.status}")


def _without_address(error: Exception) -> str:
    """An address may carry a secret, as Slack's do: only what went wrong is told."""
    return (
        str(error) if isinstance(error, NotTaken | smtplib.SMTPException | OSError) and "://" not in str(error) else ""
    )
