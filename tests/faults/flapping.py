"""The case of time: a primary that comes and goes for a minute, on a clock that the case moves by hand."""

import random
import time
from collections import Counter
from pathlib import Path

import aiohttp
import orjson

from policies.load import loads
from router.app import Gateway
from router.services import Opening
from tests.faults.cases import STREAM
from tests.faults.fleet import CONFIG
from tests.faults.row import Row
from tests.faults.server import Provider, provider
from tests.faults.verdict import judged
from tests.router.gateway import Reply, chat
from tests.router.server import serving
from tiers.build import build
from tiers.openai_http import HttpSession
from tiers.pool import Tier
from tiers.types import TierSpec

FLAPS_S, PERIOD_S, BACK_WITHIN_S = 60, 10, 30


class Clock:
    """Real time, and what was added to it."""

    def __init__(self) -> None:
        self.added_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.added_s


async def flap(folder: Path) -> Row:
    """One request each second: down for 10 s, up for 10 s, and so on for a minute, then up for good."""
    folder.mkdir()
    clock, began = Clock(), time.monotonic()

    def made(spec: TierSpec, session: HttpSession) -> Tier:
        return build(spec, session=session, clock=clock, rng=random.Random(0))

    async with provider(name="s") as primary, provider(name="l") as other:
        path = folder / "flap.yaml"
        path.write_text(
            CONFIG.format(
                folder=folder, short=f'{{url: "{primary.url}"}}', long=f'{{url: "{other.url}"}}', fallback="{}",
                engines=("vllm", "vllm"), cache="false",
            )
        )  # fmt: skip
        app = Gateway(lambda: Opening(path, lambda: loads(path.read_bytes(), "flap.yaml", {}), build=made))
        async with serving(app) as url, aiohttp.ClientSession() as client:
            served = [await _second(client, url, clock, primary, at) for at in range(FLAPS_S + BACK_WITHIN_S)]
    return _row(served, primary, time.monotonic() - began)


async def _second(client: aiohttp.ClientSession, url: str, clock: Clock, primary: Provider, at: int) -> str:
    """One request, and a second passes. The tier that served it, or what was wrong."""
    primary.mode = "500" if at < FLAPS_S and at // PERIOD_S % 2 == 0 else "ok"
    body = orjson.dumps(chat("Count.", **STREAM))
    async with client.post(url + "/v1/chat/completions", data=body) as reply:
        got = Reply(reply.status, {k.lower(): v for k, v in reply.headers.items()}, await reply.read())
    clock.added_s += 1.0
    verdict, why = judged(got, STREAM, STREAM["max_tokens"])
    return got.headers["x-tiergate-tier"] if verdict == "whole answer" else f"{verdict} {why}"


def _row(served: list[str], primary: Provider, seconds: float) -> Row:
    counted = Counter(served)
    failed = primary.attempts - counted["short"]
    wrong = {
        "not every answer was whole": set(counted) - {"short", "long"},
        f"{failed} requests met the broken primary": failed > FLAPS_S // 2 * 0.7,
        f"the primary did not serve again within {BACK_WITHIN_S} s": served[-1] != "short",
        "the primary was never taken out": counted["long"] <= failed,
    }
    surprise = "; ".join(what for what, is_so in wrong.items() if is_so)
    asked = (f"1st {primary.attempts} times, {failed} in vain", f"2nd {counted['long']} times")
    name = "the primary flaps for a minute (clock moved by hand)"
    return Row(name, "SURPRISE" if surprise else "whole answer", f"({len(served)} times)", asked, seconds, (), surprise)
