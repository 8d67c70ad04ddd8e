"""A real gateway, killed under load, out of disk, locked out: its ledger has what the upstream served."""

import random
import resource
import sqlite3
from contextlib import closing

from tests.router.ledger.crash import Life, Load, counting
from tests.router.ledger.lives import Lives, check, lives

ROUNDS = 8


async def test_kill_9_under_load_loses_nothing_and_counts_nothing_twice(tmp_path):
    """Every attempt dispatched 50 ms before is there once, and what was answered is what the upstream counted."""
    told = await lives(tmp_path, ROUNDS, seed=5)
    counted = check(tmp_path / "ledger.db", told)
    assert counted["promised"] > 20 * ROUNDS


async def test_a_locked_ledger_fails_no_request_and_loses_nothing(tmp_path):
    """While another program holds the database requests are answered; afterwards every one of them is there."""
    async with counting(random.Random(1)) as upstream:
        life = Life(tmp_path, upstream)
        await life.ready()
        with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            load = Load(life, "locked")
            await load.answered(60)
            other.execute("ROLLBACK")
        await load.stop()
        life.stop()
    everything_is_there(tmp_path / "ledger.db", upstream, load)


async def test_a_full_disk_fails_no_request_and_loses_nothing(tmp_path):
    """While the operating system refuses every byte that would make a file longer, rows wait; then all are written."""
    async with counting(random.Random(2)) as upstream:
        life = Life(tmp_path, upstream)
        await life.ready()
        load = Load(life, "full")
        resource.prlimit(life.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        await load.answered(60)
        resource.prlimit(life.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await load.stop()
        life.stop()
    assert "rows wait in memory" in (tmp_path / "gateway.log").read_text()
    everything_is_there(tmp_path / "ledger.db", upstream, load)


def everything_is_there(path, upstream, load):
    assert not load.failed
    told = Lives()
    told.upstream, told.sent = upstream, load.sent
    told.promised, told.exact = set(upstream.came), set(load.done)
    assert check(path, told)["attempts"] > 20
