"""Lives of a gateway that all end by kill -9, and what its ledger must have afterwards."""

import asyncio
import random
from contextlib import closing
from pathlib import Path

from router.ledger import Ledger
from router.ledger.sqlite import connect_reader
from router.ledger.sums import sums
from router.ledger.verify import differences
from tests.router.ledger.crash import Life, Load, Upstream, counting


class Lives:
    """sent: request ids. promised: dispatched, exact: answered, more than 50 ms before their gateway was killed."""

    def __init__(self) -> None:
        self.upstream: Upstream
        self.sent: set[str] = set()
        self.promised: set[str] = set()
        self.exact: set[str] = set()


async def lives(folder: Path, rounds: int, seed: int) -> Lives:
    """Kill a gateway `rounds` times at random moments under load."""
    chance = random.Random(seed)
    told = Lives()
    async with counting(chance) as upstream:
        told.upstream = upstream
        for number in range(rounds):
            life = Life(folder, upstream)
            await life.ready()
            load = Load(life, f"life{number}")
            await load.answered(chance.randrange(1, 120))
            await asyncio.sleep(chance.random() * 0.03)
            before_ns = life.kill()
            await load.stop()
            told.sent |= load.sent
            told.promised |= {name for name, came in upstream.came.items() if name in load.sent and came[0] < before_ns}
            told.exact |= {name for name, at in load.done.items() if at < before_ns}
    return told


def check(path: Path, told: Lives) -> dict[str, int]:
    """The ledger after the last recovery against the upstream's own count."""
    Ledger.open(path).close()
    with closing(connect_reader(path)) as connection:
        rows = connection.execute(
            "SELECT request_id, outcome, input_tokens, output_tokens, cost_nusd, reserved_nusd FROM attempt"
        ).fetchall()
        assert differences(connection) == []
        reserved = connection.execute("SELECT count(*) FROM reservation").fetchone()[0]
    by_request = {row["request_id"]: row for row in rows}
    assert len(by_request) == len(rows) == reserved, "an attempt is there twice, or was never settled"
    assert by_request.keys() <= told.sent
    missing = told.promised - by_request.keys()
    assert not missing, f"attempts that were dispatched are missing: {sorted(missing)}"
    seen = {name: row for name, row in by_request.items() if row["outcome"] == "ok"}
    assert not told.exact - seen.keys(), "answers that were complete are not settled exactly"
    for name, row in seen.items():
        assert (row["input_tokens"], row["output_tokens"]) == told.upstream.served[name]
        assert row["cost_nusd"] == 1_000 * row["input_tokens"] + 2_000 * row["output_tokens"]
    assert all(row["cost_nusd"] == row["reserved_nusd"] for row in rows if row["outcome"] == "unseen")
    (whole,) = sums(path)
    assert whole.attempts.cost_nusd == sum(row["cost_nusd"] for row in rows)
    assert whole.attempts.attempts == reserved
    return {"attempts": reserved, "unseen": whole.attempts.unseen, "promised": len(told.promised)}
