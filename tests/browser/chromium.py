"""A headless Chromium, driven over its own debugging protocol: nothing to install but Debian's package."""

import asyncio
import base64
import contextlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = "no Chromium here: apt-get install chromium (Debian), then run again"
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--disable-default-apps", "--disable-domain-reliability", "--no-pings", "--font-render-hinting=none",
    "--remote-debugging-port=0", "--remote-allow-origins=*",
)  # fmt: skip
_WAIT_S = 30
_LOOK_S = 0.02


def found() -> str | None:
    """The browser's path."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class PageError(AssertionError):
    """The page did not do what was asked of it."""


@dataclass
class Tab:
    """One tab. console: errors and warnings that it printed, exceptions too. requests: every address it asked for."""

    socket: aiohttp.ClientWebSocketResponse
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    _next: int = 0
    _answers: dict[int, asyncio.Future[Any]] = field(default_factory=dict)
    _loaded: asyncio.Event = field(default_factory=asyncio.Event)
    _downloaded: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        """Until the socket closes: answers to their askers, events into the lists."""
        async for message in self.socket:
            said = orjson.loads(message.data)
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
            else:
                self._event(said["method"], said["params"])

    async def send(self, method: str, **params: Any) -> Any:
        self._next += 1
        answer = asyncio.get_running_loop().create_future()
        self._answers[self._next] = answer
        asked = {"id": self._next, "method": method, "params": params}
        await self.socket.send_str(orjson.dumps(asked).decode())
        said = await asyncio.wait_for(answer, _WAIT_S)
        if "error" in said:
            raise PageError(f"{method}: {said['error']['message']}")
        return said["result"]

    async def open(self, url: str) -> None:
        """Go there and wait until it is loaded."""
        self._loaded.clear()
        told = await self.send("Page.navigate", url=url)
        if told.get("errorText"):
            raise PageError(f"{url}: {told['errorText']}")
        await asyncio.wait_for(self._loaded.wait(), _WAIT_S)

    async def run(self, script: str) -> Any:
        """The value of a JavaScript expression, awaited where it is a promise."""
        said = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in said:
            raise PageError(f"{script}: {said['exceptionDetails']['exception'].get('description')}")
        return said["result"].get("value")

    async def until(self, condition: str) -> None:
        """Wait until an expression is true. Raises PageError after half a minute."""
        try:
            async with asyncio.timeout(_WAIT_S):
                while not await self._holds(condition):
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            raise PageError(f"never became true: {condition}") from None

    async def _holds(self, condition: str) -> bool:
        """Not while a page goes and another comes."""
        try:
            return bool(await self.run(f"Boolean({condition})"))
        except PageError as error:
            if "navigated" in str(error) or "null" in str(error) or "context" in str(error):
                return False
            raise

    async def press(self, key: str) -> None:
        """Tab, Enter or Escape, as from the keyboard."""
        code = {"Tab": 9, "Enter": 13, "Escape": 27}[key]
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            named = {"key": key, "code": key, "windowsVirtualKeyCode": code}
            await self.send("Input.dispatchKeyEvent", type=kind, **named, **(text if kind == "keyDown" else {}))

    @asynccontextmanager
    async def downloading(self) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """Yields what waits until a download that began inside the block is whole."""
        self._downloaded.clear()

        async def done() -> None:
            await asyncio.wait_for(self._downloaded.wait(), _WAIT_S)

        yield done

    async def shot(self, path: Path, *, whole: bool = True, form: str = "png", quality: int = 80) -> None:
        options: dict[str, Any] = {"format": form, "captureBeyondViewport": whole}
        if form != "png":
            options["quality"] = quality
        if whole:
            size = (await self.send("Page.getLayoutMetrics"))["cssContentSize"]
            options["clip"] = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        path.write_bytes(base64.b64decode((await self.send("Page.captureScreenshot", **options))["data"]))

    async def size(self, width: int, height: int, *, dark: bool = False, scale: float = 1) -> None:
        """The window's size in CSS pixels, and the system's colour scheme."""
        await self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.send("Emulation.setEmulatedMedia", features=[scheme])

    def _event(self, method: str, params: dict[str, Any]) -> None:
        match method:
            case "Page.loadEventFired":
                self._loaded.set()
            case "Browser.downloadProgress" | "Page.downloadProgress" if params["state"] == "completed":
                self._downloaded.set()
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Network.loadingFailed" if not params.get("canceled"):
                self.failed.append(params["errorText"])
            case "Runtime.exceptionThrown":
                self.console.append(params["exceptionDetails"]["exception"].get("description", "an exception"))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                self.console.append(str([part.get("value", part.get("description")) for part in params["args"]]))
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.console.append(params["entry"]["text"])
            case _:
                pass


@asynccontextmanager
async def browser(profile: Path, downloads: Path | None = None) -> AsyncIterator[Tab]:
    """A browser with one empty tab and a profile of its own. Raises FileNotFoundError where there is no Chromium."""
    program = found()
    if program is None:
        raise FileNotFoundError(MISSING)
    process = await asyncio.create_subprocess_exec(
        program, *_FLAGS, f"--user-data-dir={profile}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with aiohttp.ClientSession() as client:
            port = await asyncio.wait_for(_port(process), _WAIT_S)
            async with client.get(f"http://127.0.0.1:{port}/json/list") as reply:
                targets = await reply.json()
            address = next(t["webSocketDebuggerUrl"] for t in targets if t["type"] == "page")
            async with client.ws_connect(address, max_msg_size=0) as socket:
                tab = Tab(socket)
                listening = asyncio.create_task(tab.listen())
                for domain in ("Page", "Network", "Runtime", "Log"):
                    await tab.send(f"{domain}.enable")
                if downloads is not None:
                    await tab.send(
                        "Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads), eventsEnabled=True
                    )
                yield tab
                listening.cancel()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()


async def _port(process: asyncio.subprocess.Process) -> int:
    """The debugging port, which Chromium says on standard error."""
    assert process.stderr is not None
    while line := await process.stderr.readline():
        if b"DevTools listening on" in line:
            return int(line.partition(b"/devtools")[0].rpartition(b":")[2])
    raise PageError("Chromium ended before it listened")
