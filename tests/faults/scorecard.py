"""The scorecard: every way to break, what the caller got of it, who was asked and when, and what the ledger says.

`python -m tests.faults.scorecard` prints it and exits 1 on a hang, a truncated success or any other surprise.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from router.ledger.read import recent
from tests.faults.cases import CASES, Case
from tests.faults.flapping import flap
from tests.faults.row import Row
from tests.faults.stage import Place, Stage, staged
from tests.faults.verdict import judged
from tests.router.gateway import Reply, chat

HANG_S = 20.0
TOGETHER = 6


async def play(stage: Stage, case: Case) -> Row:
    """Send the case's requests and judge the last one."""
    place = stage.places[case.name]
    for _ in range(case.repeat):
        began = time.monotonic()
        request_id = f"{place.model}-{began}"
        try:
            async with asyncio.timeout(HANG_S):
                reply = await _ask(stage, place.model, case.ask, request_id)
        except TimeoutError:
            return Row(case.name, "SURPRISE", "", (), HANG_S, (), f"no end within {HANG_S:g} s")
    seconds = time.monotonic() - began
    got, code = judged(reply, case.ask, case.tokens)
    recorded = await _row(stage, request_id)
    ledger = tuple(f"{attempt['kind']} {attempt['outcome']}" for attempt in recorded["tried"])
    row = Row(case.name, got, code, _asked(place, began), seconds, ledger)
    return replace(row, surprise=_surprise(case, row, place, recorded))


def _surprise(case: Case, row: Row, place: Place, recorded: Mapping[str, Any]) -> str:
    """What is not as it must be; empty where all is."""
    if row.got == "SURPRISE":
        return row.code
    wanted = "whole answer" if case.outcome == "whole" else "clean error"
    reached = tuple(sum(one.attempts for one in tier) for tier in (place.first, place.then))
    wrong = {
        f"{wanted} wanted": row.got != wanted,
        f"code {case.code} wanted": bool(case.code) and row.code != case.code,
        f"requests that reached them {reached}, wanted {case.reached}": not _as_many(reached, case.reached),
        f"ledger wanted {case.ledger}": case.ledger not in (None, row.ledger),
        f"over {case.within_s:g} s": row.seconds > case.within_s,
        "the request costs what its attempts cost": recorded["cost_nusd"]
        != sum(attempt["cost_nusd"] for attempt in recorded["tried"]),
    }
    return "; ".join(what for what, is_so in wrong.items() if is_so)


def _as_many(reached: tuple[int, ...], wanted: tuple[int | range, ...] | None) -> bool:
    return wanted is None or all(
        count in (many if isinstance(many, range) else (many,)) for count, many in zip(reached, wanted, strict=True)
    )


def _asked(place: Place, began: float) -> tuple[str, ...]:
    tiers = (("1st", place.first), ("2nd", place.then))
    came = sorted((at - began, tier) for tier, providers in tiers for one in providers for at in one.times)
    return tuple(f"{tier} {at:.2f}" for at, tier in came if at >= 0)


async def _ask(stage: Stage, model: str, ask: Mapping[str, Any], request_id: str) -> Reply:
    fields = dict(ask)
    text = "Count." + "x " * (fields.pop("pad", 0) // 2)
    async with stage.client.post(
        stage.url + "/v1/chat/completions", data=orjson.dumps(chat(text, model=model, **fields)),
        headers={"x-request-id": request_id},
    ) as reply:  # fmt: skip
        return Reply(reply.status, {k.lower(): v for k, v in reply.headers.items()}, await reply.read())


async def _row(stage: Stage, request_id: str) -> Any:
    await stage.services.ledger.flush()
    return next(row for row in recent(stage.folder / "ledger.db", 500) if row["request_id"] == request_id)


async def play_all(folder: Path, cases: tuple[Case, ...] = CASES) -> list[Row]:
    """Every case on one gateway, a few at a time."""
    turn = asyncio.Semaphore(TOGETHER)
    async with staged(folder, cases) as stage:

        async def one(case: Case) -> Row:
            async with turn:
                return await play(stage, case)

        rows = await asyncio.gather(*(one(case) for case in cases if not case.alone))
        return [*rows, *[await play(stage, case) for case in cases if case.alone]]


def table(rows: list[Row]) -> Table:
    made = Table("case", "the caller got", "reached at (s)", "seconds", "the ledger", box=None, pad_edge=False)
    for row in rows:
        got = f"{row.got} {row.code}".strip() if not row.surprise else f"SURPRISE: {row.surprise}"
        style = "red" if row.surprise else None
        made.add_row(row.case, got, ", ".join(row.asked), f"{row.seconds:.2f}", ", ".join(row.ledger), style=style)
    return made


def main() -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        rows = [*asyncio.run(play_all(Path(folder))), asyncio.run(flap(Path(folder) / "flap"))]
    wrong = [row for row in rows if row.surprise]
    console = Console(width=None if sys.stdout.isatty() else 190)
    console.print(table(rows))
    console.print(f"{len(rows)} cases in {time.monotonic() - began:.1f} s, {len(wrong)} surprises.", highlight=False)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
