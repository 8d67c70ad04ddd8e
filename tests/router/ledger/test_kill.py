"""kill -9 at any moment: nothing is lost, nothing is counted twice."""

import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path

from router.ledger import Ledger

PROMISED_NS = 50_000_000
ROUNDS = 10

# Dispatches attempts, ends two of three of them, and says of each row when it was handed over. Beside that a
# thread that only beats, which shows how long the machine let no thread of this process run.
GATEWAY = """
import os, sys, threading, time
from pathlib import Path
from router.ledger import Ledger, Reservation, Settlement

def say(what, of):
    os.write(1, f"{what} {of} {time.monotonic_ns()}\\n".encode())

def beat():
    while True:
        say("beat", "-")
        time.sleep(0.002)

ledger, life = Ledger.open(Path(sys.argv[1])), sys.argv[2]
threading.Thread(target=beat, daemon=True).start()
for number in range(1_000_000):
    attempt = f"{life}-{number}"
    ledger.reserve(Reservation(attempt, attempt, 1, "primary", "edge", "local", "m", 1_000, cost_nusd=50))
    say("reserved", attempt)
    if number % 3:
        ledger.settle(Settlement(attempt, 2_000, "ok", 200, 7, 0, 3, 0, False, 40, "p1"))
        say("settled", attempt)
    time.sleep(0.0002)
"""


def killed(path: Path, life: int, after_lines: int) -> list[tuple[str, str]]:
    """Run a gateway, kill it, and return the rows that it handed over more than 50 ms of running time before."""
    process = subprocess.Popen([sys.executable, "-c", GATEWAY, str(path), str(life)], stdout=subprocess.PIPE)
    with process, process.stdout as output:
        said = [output.readline() for _ in range(after_lines)]
        killed_ns = time.monotonic_ns()
        process.send_signal(signal.SIGKILL)
        said += output.readlines()
    rows = [(what, of, int(at)) for what, of, at in (line.decode().split() for line in said if line.endswith(b"\n"))]
    promised_before = killed_ns - PROMISED_NS - stood_still_ns([at for what, _, at in rows if what == "beat"])
    return [(what, of) for what, of, at in rows if what != "beat" and at < promised_before]


def stood_still_ns(beats: list[int]) -> int:
    """The longest that the beating thread got no turn in the last half second, above what is usual."""
    gaps = [later - earlier for earlier, later in pairwise(beats) if later > beats[-1] - 500_000_000]
    return max(0, *(gap - 10_000_000 for gap in gaps), 0)


def test_kill_9_loses_nothing_and_counts_nothing_twice(tmp_path):
    """Over ten lives, every row older than 50 ms at the death is there, and each attempt is paid once."""
    path, chance = tmp_path / "ledger.db", random.Random(9)
    promised = [row for life in range(ROUNDS) for row in killed(path, life, chance.randrange(1, 900))]
    ledger = Ledger.open(path)
    ledger.close()
    with closing(sqlite3.connect(path)) as connection:
        reserved = [row[0] for row in connection.execute("SELECT attempt_id FROM reservation")]
        outcomes = dict(connection.execute("SELECT attempt_id, outcome FROM settlement").fetchall())
        settled = connection.execute("SELECT count(*) FROM settlement").fetchone()[0]
        costs = connection.execute("SELECT DISTINCT outcome, cost_nusd FROM attempt").fetchall()
    assert len(promised) > 100
    assert {attempt for what, attempt in promised if what == "reserved"} <= set(reserved)
    assert {attempt for what, attempt in promised if what == "settled"} <= {
        attempt for attempt, outcome in outcomes.items() if outcome == "ok"
    }
    assert len(reserved) == len(set(reserved)) == settled == len(outcomes)
    assert set(reserved) == outcomes.keys()
    assert sorted(costs) == [("ok", 40), ("unseen", 50)]
