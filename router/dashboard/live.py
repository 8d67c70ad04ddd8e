"""Live figures: what the gateway's counters say, every two seconds, as server-sent events."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import orjson
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from router.dashboard.figures import count, share, usd
from router.dashboard.viewer import Viewer
from router.services import Services

_EVERY_S = 2.0
_MOST_EVENTS = 5
_MOST_READERS = 100


@dataclass(frozen=True, slots=True)
class Counters:
    """Since the gateway started. at: monotonic seconds. cost_usd: of what the viewer may see."""

    at: float
    requests: float
    errors: float
    output_tokens: float
    cost_usd: float


def read(registry: CollectorRegistry, team: str | None, at: float) -> Counters:
    requests = errors = output = cost = 0.0
    for family in registry.collect():
        for sample in family.samples:
            match sample.name:
                case "tiergate_requests_total":
                    requests += sample.value
                    failed = sample.labels["status"] >= "400" and sample.labels["status"] != "499"
                    errors += sample.value if failed else 0
                case "tiergate_tokens_total" if sample.labels["kind"] == "output":
                    output += sample.value
                case "tiergate_cost_usd_total" if team in (None, sample.labels["team"]):
                    cost += sample.value
    return Counters(at, requests, errors, output, cost)


def told(now: Counters, before: Counters, inflight: int, lag_s: float, viewer: Viewer) -> dict[str, str]:
    """What the pages show; a team's key is told its own spend and nothing of the others' traffic."""
    span = max(now.at - before.at, 0.001)
    spend = usd((now.cost_usd - before.cost_usd) / span * 3600)
    if not viewer.sees_all:
        return {"spend": f"{spend}/h"}
    asked = now.requests - before.requests
    return {
        "spend": f"{spend}/h",
        "rate": f"{asked / span:.1f}/s",
        "tokens": f"{count((now.output_tokens - before.output_tokens) / span)}/s",
        "inflight": str(inflight),
        "errors": share((now.errors - before.errors) / asked) if asked else "0 %",
        "lag": f"{lag_s * 1000:.0f} ms",
    }


def endpoint(services: Services, viewer_of: Callable[[Request], Viewer]) -> Callable[[Request], Awaitable[Response]]:
    readers = asyncio.Semaphore(_MOST_READERS)

    async def stream(request: Request) -> Response:
        viewer = viewer_of(request)
        if readers.locked():
            return Response("Too many pages listen.", 503, headers={"retry-after": "30"})
        return StreamingResponse(_events(services, viewer, request, viewer_of, readers), media_type="text/event-stream")

    return stream


async def _events(
    services: Services, viewer: Viewer, request: Request, viewer_of: Callable[[Request], Viewer],
    readers: asyncio.Semaphore,
) -> AsyncIterator[bytes]:  # fmt: skip
    """Ends when the reader leaves, when its key no longer works (`viewer_of` raises then), and after ten seconds.

    The browser asks again by itself; so a gateway that is to stop need not wait for those who listen.
    """
    loop = asyncio.get_running_loop()
    async with readers:
        first = read(services.metrics.registry, viewer.team, loop.time())
        yield b"retry: 1000\n\n"
        for _ in range(_MOST_EVENTS):
            await asyncio.sleep(_EVERY_S)
            viewer = viewer_of(request)
            inflight = sum(tier.inflight for tier in services.snapshot.tiers.values())
            last = read(services.metrics.registry, viewer.team, loop.time())
            figures = told(last, first, inflight, services.ledger.lag_s(), viewer)
            yield b"event: figures\ndata: " + orjson.dumps(figures) + b"\n\n"
