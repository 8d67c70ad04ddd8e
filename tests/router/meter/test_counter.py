"""One replica's counter: from readings to pieces that lose nothing and count nothing twice."""

import pytest

from router.meter.counter import HOUR_NS, Counter
from tiers.types import Load

S = 1_000_000_000


def counter(*, embedded: bool = False) -> Counter:
    return Counter("edge", "local", "vllm", "spot", fresh_from_zero=embedded)


def load(prompt: int | None, output: int | None) -> Load:
    return Load(prompt_tokens=prompt, output_tokens=output)


def totals(counted: Counter) -> tuple[int, int]:
    pieces = counted.pieces()
    return sum(p.prompt_tokens or 0 for p in pieces), sum(p.output_tokens or 0 for p in pieces)


def test_what_was_counted_before_the_first_reading_is_not_ours():
    """A server that has run for days begins at nothing here."""
    ours = counter()
    ours.read(0, load(5_000, 700))
    ours.read(60 * S, load(5_010, 703))
    assert totals(ours) == (10, 3)


def test_an_embedded_engine_is_counted_from_its_start():
    """It began with this gateway, also where its first reading failed."""
    ours = counter(embedded=True)
    ours.read(0, None)
    ours.read(60 * S, load(10, 3))
    assert totals(ours) == (10, 3)


def test_a_counter_that_begins_anew_is_a_reset():
    """What a restarted engine shows was all counted since; nothing goes below zero."""
    ours = counter()
    for at, reading in enumerate([load(100, 10), load(150, 20), load(7, 2), load(9, 3)]):
        ours.read(at * S, reading)
    assert totals(ours) == (50 + 9, 10 + 3)
    assert ours.pieces()[-1].resets == 1


def test_each_hour_has_its_own_piece_and_none_is_lost():
    """Pieces follow each other without a gap, and a finished one is given up once it is kept."""
    ours = counter()
    for at, tokens in ((0, 0), (HOUR_NS - S, 10), (HOUR_NS + S, 15), (HOUR_NS + 2 * S, 18)):
        ours.read(at, load(tokens, tokens))
    first, second = ours.pieces()
    assert (first.output_tokens, second.output_tokens) == (15, 3)
    assert first.until_ns == second.from_ns
    ours.kept([first])
    assert ours.pieces() == [second]


def test_time_is_busy_only_while_it_is_seen_busy():
    """Each look stands for the time since the one before."""
    ours = counter()
    ours.read(0, load(0, 0))
    for at, busy in ((0, True), (10, True), (20, False), (30, True)):
        ours.look(at * S, up=True, busy=busy)
    ours.read(30 * S, load(0, 0))
    (piece,) = ours.pieces()
    assert (piece.busy_ns, piece.up_ns) == (20 * S, 30 * S)


@pytest.mark.parametrize("silent", [None, Load()])
def test_an_engine_without_counters_has_unknown_tokens(silent):
    """Never 0: absent is not zero."""
    ours = counter()
    ours.read(0, silent)
    ours.read(60 * S, Load())
    assert [p.output_tokens for p in ours.pieces()] == [None]
