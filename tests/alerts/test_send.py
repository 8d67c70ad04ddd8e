"""Messages go out signed, are tried again, and never wait for each other."""

import asyncio
import hashlib
import hmac
import json
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from policies.schema_alerts import Alerts
from router.alerts import message
from router.alerts.send import Post, channels
from router.alerts.types import Alert, Reading

READING = Reading("budget", "team:search month", 0.81, 0.8, "share", "81 % <used>.", "Raise it.", team="search", step=2)
ALERT = Alert(READING, "firing", 1000.0, 900.0, 1000.0)


@asynccontextmanager
async def receiver(statuses):
    """An HTTP server that answers with these statuses in turn; yields its address and what it got."""
    got: asyncio.Queue = asyncio.Queue()
    left = list(statuses)

    async def take(request):
        got.put_nowait((dict(request.headers), await request.read()))
        return web.Response(status=left.pop(0) if left else 200)

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook", got
    finally:
        await runner.cleanup()


@asynccontextmanager
async def posting(set_, pauses):
    async def sleep(seconds):
        pauses.append(seconds)

    async with aiohttp.ClientSession() as session:
        posts = [Post(channel, sleep) for channel in channels(set_, session, lambda: 1234.9)]
        for post in posts:
            post.open()
        try:
            yield posts
        finally:
            for post in posts:
                await post.close()


async def test_a_webhook_is_signed_and_tried_again():
    """Each try carries a timestamp and a signature over it and the body; pauses grow until it is taken."""
    pauses: list[float] = []
    async with receiver([500, 429, 302]) as (url, got):
        set_ = Alerts(webhook={"url": url, "secret": "s3cret"})
        async with posting(set_, pauses) as (post,):
            post.put(ALERT)
            for _ in range(4):
                headers, body = await asyncio.wait_for(got.get(), 5)
    assert pauses == [1, 2, 4]
    assert headers["x-tiergate-timestamp"] == "1234"
    wanted = hmac.digest(b"s3cret", b"1234." + body, hashlib.sha256).hex()
    assert headers["x-tiergate-signature"] == f"sha256={wanted}"
    told = json.loads(body)["alert"]
    assert (told["rule"], told["state"], told["team"], told["value"]) == ("budget", "firing", "search", 0.81)


async def test_slack_reads_text():
    """A headline, what and what to do, with Slack's own characters escaped."""
    async with receiver([]) as (url, got), posting(Alerts(slack={"url": url}), []) as (post,):
        post.put(ALERT)
        _, body = await asyncio.wait_for(got.get(), 5)
    text = json.loads(body)["text"]
    assert "FIRING warning: budget (team:search month)" in text
    assert "81 % &lt;used&gt;." in text


async def test_a_channel_that_fails_stops_no_other():
    """Putting returns at once, and the one that works is told while the other still tries."""
    async with receiver([]) as (url, got):
        set_ = Alerts(webhook={"url": "http://127.0.0.1:9/none", "secret": "x"}, slack={"url": url})
        async with posting(set_, []) as posts:
            for post in posts:
                post.put(ALERT)
            await asyncio.wait_for(got.get(), 5)


async def smtp(reader, writer, got):
    """As much of SMTP as a sender without TLS and password needs."""
    writer.write(b"220 test\r\n")
    lines = []
    while line := (await reader.readline()).rstrip(b"\r\n"):
        if line.upper().startswith(b"DATA"):
            writer.write(b"354 go\r\n")
            while (line := await reader.readline()) != b".\r\n":
                lines.append(line)
            writer.write(b"250 ok\r\n")
        elif line.upper().startswith(b"QUIT"):
            writer.write(b"221 bye\r\n")
            break
        else:
            writer.write(b"250 ok\r\n")
    await writer.drain()
    writer.close()
    got.put_nowait(b"".join(lines).decode())


async def test_a_mail_is_sent_off_the_loop():
    """Subject, sender, receivers and both sentences arrive."""
    got: asyncio.Queue = asyncio.Queue()
    server = await asyncio.start_server(lambda r, w: smtp(r, w, got), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    email = {"host": "127.0.0.1", "port": port, "tls": False, "sender": "t@example.com", "to": ["a@example.com"]}
    async with server, posting(Alerts(email=email), []) as (post,):
        post.put(ALERT)
        text = await asyncio.wait_for(got.get(), 5)
    assert "Subject: [Tiergate] FIRING warning: budget (team:search month)" in text
    assert "To: a@example.com" in text
    assert "What to do: Raise it." in text


def test_a_headline_is_one_line():
    """A subject that a caller wrote cannot add a header to the mail."""
    reading = Reading("key-jump", "k\r\nBcc: all@example.com", 1, 0, "usd", "", "")
    email = Alerts(email={"host": "h", "sender": "t@example.com", "to": ["a@example.com"]}).email
    mail = message.mail(Alert(reading, "firing", 0, 0, 0), email)
    assert mail["Bcc"] is None
    assert "\n" not in mail["Subject"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": {"host": "h", "sender": "t@e.x", "to": ["a@e.x"], "username": "u"}},
        {"budget_percent": [80, 50]},
        {"webhook": {"url": "ftp://e.x", "secret": "s"}},
        {"every_s": 0},
    ],
)
def test_a_wrong_setting_is_refused(wrong):
    """A name without its password, percents that do not ascend, an address that is no web address."""
    with pytest.raises(ValueError, match=r"budget_percent|username|url|every_s|validation"):
        Alerts(**wrong)
