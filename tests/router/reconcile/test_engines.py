"""The ledger against counters: what is compared, and what a gap is told to come from."""

from dataclasses import replace

import pytest

from router.ledger.sums import AttemptSums
from router.meter.store import Piece
from router.reconcile.engines import Side, compared, spans
from router.reconcile.gap import Cause, Gap, parsed_tolerance


def piece(prompt: int, output: int, engine: str = "vllm", resets: int = 0) -> Piece:
    return Piece("short", "a", engine, "reserved", 0, 1, prompt, output, 0, 0, resets)


OK = AttemptSums(attempts=3, input_tokens=100, cached_input_tokens=40, output_tokens=30)


@pytest.mark.parametrize(
    ("engine", "counted", "ours"),
    [("vllm", 140, 140), ("llama-server", 100, 100), ("unknown", 140, 140), ("unknown", 100, 100)],
)
def test_cached_prompt_tokens_are_compared_as_the_engine_counts_them(engine, counted, ours):
    """vLLM counts them, llama-server does not; of others the nearer way."""
    prompt, output = compared([piece(counted, 30, engine)], Side({"ok": OK}))
    assert (prompt.ledger, prompt.difference, output.difference) == (ours, 0, 0)


def test_pieces_and_ends_add_up():
    """Every hour of the counters and every attempt, however it ended."""
    cancelled = AttemptSums(attempts=1, input_tokens=10, output_tokens=2)
    prompt, output = compared([piece(100, 30), piece(50, 2)], Side({"ok": OK, "cancelled": cancelled}))
    assert (prompt.difference, output.difference) == (0, 0)


def test_time_that_was_not_metered_is_not_compared():
    """Pieces that follow each other are one span; after a kill the next one begins anew."""
    times = [(0, 10), (10, 20), (25, 30), (30, 31)]
    pieces = [replace(piece(0, 0), from_ns=start, until_ns=end) for start, end in times]
    assert spans(pieces) == [(0, 20), (25, 31)]


def test_causes_are_named_with_their_counts():
    """Aborts, retries, counts of our own and engines that began anew."""
    ends = {
        "cancelled": AttemptSums(attempts=2), "rejected": AttemptSums(attempts=1),
        "failed": AttemptSums(attempts=4), "ok": AttemptSums(attempts=5, estimated=3),
    }  # fmt: skip
    prompt, _ = compared([piece(0, 0, resets=1)], Side(ends))
    told = {cause.name: cause.told.split()[0] for cause in prompt.causes}
    assert told == {"aborts": "3", "retries": "4", "estimated": "3", "resets": "1"}


def test_what_ended_after_the_last_reading_explains_its_tokens():
    """The ledger has them, the reading had not yet."""
    prompt, output = compared([piece(130, 25)], Side({"ok": OK}, in_flight=(1, 10, 5)))
    assert (prompt.difference, prompt.unexplained) == (-10, 0)
    assert (output.difference, output.unexplained) == (-5, 0)


def test_nothing_is_explained_beyond_the_gap():
    """A cause in the other direction, or larger than the gap, leaves no gap of the other sign."""
    gap = Gap("x", "output", "tokens", ledger=10, theirs=16, causes=[Cause("c", "", explained=100)])
    assert gap.unexplained == 0
    assert Gap("x", "output", "tokens", 10, 16, [Cause("c", "", explained=-3)]).unexplained == 6


@pytest.mark.parametrize(("theirs", "within"), [(1000, True), (1001, True), (1002, False), (998, False)])
def test_the_tolerance_is_a_share(theirs, within):
    """0.1 % of a thousand is one."""
    assert Gap("x", "output", "tokens", 1000, theirs).within(parsed_tolerance("0.1%")) == within


@pytest.mark.parametrize("text", ["", "a", "-1", "2", "101%", "nan"])
def test_a_tolerance_that_is_no_share_is_a_clear_error(text):
    """It names the option, what was found and what is allowed."""
    with pytest.raises(ValueError, match="--tolerance: found"):
        parsed_tolerance(text)
