"""The throughput learned from counters."""

import pytest

from router.ledger import Ledger
from router.meter.store import Piece, read, write
from router.prices.throughput import learned

S = 1_000_000_000


def piece(at: int, prompt: int | None, output: int | None, busy_s: float, tier: str = "short") -> Piece:
    return Piece(
        tier, "a", "vllm", "reserved", at * 3600 * S, at * 3600 * S + 1, prompt, output, round(busy_s * S), 0, 0
    )


def test_prompt_and_output_tokens_are_told_apart_by_the_time_they_take():
    """4,000 prompt tokens or 500 output tokens a second, in hours of different mixes."""
    mixes = [(400_000, 20_000), (100_000, 50_000), (800_000, 10_000), (0, 90_000), (400_000, 0), (50_000, 60_000)]
    found = learned(piece(at, p, o, p / 4_000 + o / 500) for at, (p, o) in enumerate(mixes))["short"]
    assert (found.prompt, found.output) == (pytest.approx(4_000), pytest.approx(500))


def test_few_hours_or_one_mix_count_all_tokens_alike():
    """What cannot be told apart is not."""
    same = [piece(at, 1_000 * at, 100 * at, 10 * at) for at in range(7, 20)]
    for pieces in (same, same[:2]):
        found = learned(pieces)["short"]
        assert (found.prompt, found.output) == (None, pytest.approx(110))


def test_idle_and_silent_replicas_teach_nothing():
    """An unknown throughput is none."""
    assert learned([piece(1, 10, 10, 5), piece(2, None, None, 500), piece(3, 0, 0, 500)]) == {}


def test_pieces_are_kept_and_grow(tmp_path):
    """A piece that is written again, longer, is there once; a ledger without pieces has none."""
    path = tmp_path / "ledger.db"
    Ledger.open(path).close()
    assert read(path) == []
    short, longer = piece(1, 1, 1, 1), piece(1, 5, 5, 5)
    write(path, [short, piece(2, 1, 1, 1, "long")])
    write(path, [longer])
    assert [p.output_tokens for p in read(path)] == [5, 1]
    assert [p.tier for p in read(path, since_ns=2 * 3600 * S)] == ["long"]
