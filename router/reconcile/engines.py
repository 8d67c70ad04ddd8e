"""The ledger against the engines' own token counters."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path

from router.ledger.sqlite import connect_reader
from router.ledger.sums import AttemptSums, sums
from router.meter.store import Piece, read
from router.reconcile.gap import Cause, Gap

HOUR_NS = 3_600_000_000_000
# Whether an engine's counter of prompt tokens has the cached ones in it; of others both ways are tried.
COUNTS_CACHED = {"vllm": True, "llama.cpp": True, "sglang": True, "llama-server": False}
_ABORTED = ("cancelled", "rejected", "timeout", "cut")
_IN_FLIGHT = """
SELECT count(*), coalesce(sum(input_tokens + cached_input_tokens), 0), coalesce(sum(output_tokens), 0) FROM attempt
WHERE tier = ? AND replica = ? AND started_ns >= ? AND started_ns < ? AND ended_ns > ?
"""


@dataclass(frozen=True, slots=True)
class Side:
    """What the ledger has of one replica. by_end: its attempts by how they ended."""

    by_end: Mapping[str, AttemptSums]
    in_flight: tuple[int, int, int] = (0, 0, 0)  # attempts that ended after the last reading, prompt, output tokens

    def total(self, name: str) -> int:
        return sum(getattr(each, name) for each in self.by_end.values())

    def attempts(self, *ends: str) -> int:
        return sum(self.by_end[end].attempts for end in ends if end in self.by_end)


def against_engines(path: Path, *, since_ns: int, until_ns: int) -> list[Gap]:
    """Two gaps, prompt and output tokens, for each replica whose engine counts, over the time it was metered.

    Blocks. Raises LedgerError.
    """
    metered: dict[tuple[str, str], list[Piece]] = defaultdict(list)
    for piece in read(path, since_ns=since_ns, until_ns=until_ns):
        metered[piece.tier, piece.replica].append(piece)
    gaps: list[Gap] = []
    for (tier, replica), pieces in sorted(metered.items()):
        if all(p.prompt_tokens is not None and p.output_tokens is not None for p in pieces):
            gaps += compared(pieces, _ledger(path, tier, replica, pieces))
    return gaps


def uncounted(path: Path, *, since_ns: int, until_ns: int) -> list[str]:
    """Replicas that were metered and whose engines have no such counters."""
    pieces = read(path, since_ns=since_ns, until_ns=until_ns)
    return sorted({f"{p.tier}/{p.replica}" for p in pieces if p.prompt_tokens is None or p.output_tokens is None})


def compared(pieces: Sequence[Piece], ledger: Side) -> list[Gap]:
    """pieces: of one replica."""
    first = pieces[0]
    prompt, output = sum(p.prompt_tokens or 0 for p in pieces), sum(p.output_tokens or 0 for p in pieces)
    fresh, cached = ledger.total("input_tokens"), ledger.total("cached_input_tokens")
    with_cached = COUNTS_CACHED.get(first.engine)
    if with_cached is None:
        with_cached = abs(prompt - fresh - cached) <= abs(prompt - fresh)
    ours = fresh + cached if with_cached else fresh
    where = f"{first.tier}/{first.replica}"
    causes = _causes(pieces, ledger)
    cached_told = () if with_cached or not cached else (
        Cause("cached", f"{cached} cached prompt tokens are not in this engine's counter, nor in the ledger's figure"),
    )  # fmt: skip
    return [
        Gap(where, "prompt", "tokens", ours, prompt, (*_in_flight(ledger, 1), *cached_told, *causes)),
        Gap(where, "output", "tokens", ledger.total("output_tokens"), output, (*_in_flight(ledger, 2), *causes)),
    ]


def spans(pieces: Sequence[Piece]) -> list[tuple[int, int]]:
    """The metered time, from and until: pieces that follow each other without a gap are one span."""
    found: list[tuple[int, int]] = []
    for piece in pieces:
        if found and found[-1][1] == piece.from_ns:
            found[-1] = found[-1][0], piece.until_ns
        else:
            found.append((piece.from_ns, piece.until_ns))
    return found


def _ledger(path: Path, tier: str, replica: str, pieces: Sequence[Piece]) -> Side:
    by_end: dict[str, AttemptSums] = {}
    late = (0, 0, 0)
    where = {"tier": tier, "replica": replica}
    for since_ns, until_ns in spans(pieces):
        for row in sums(path, ("end",), since_ns=since_ns, until_ns=until_ns, where=where):
            end = row.by["end"]
            by_end[end] = added(by_end[end], row.attempts) if end in by_end else row.attempts
        with closing(connect_reader(path)) as connection:
            bounds = (until_ns - HOUR_NS, until_ns, until_ns)
            more = connection.execute(_IN_FLIGHT, (tier, replica, *bounds)).fetchone()
        late = (late[0] + more[0], late[1] + more[1], late[2] + more[2])
    return Side(by_end, late)


def added(one: AttemptSums, other: AttemptSums) -> AttemptSums:
    return AttemptSums(*(getattr(one, field.name) + getattr(other, field.name) for field in fields(AttemptSums)))


def _in_flight(ledger: Side, place: int) -> Iterable[Cause]:
    count, tokens = ledger.in_flight[0], ledger.in_flight[place]
    if count:
        yield Cause(
            "in flight", f"{count} attempts ended after the last reading, with {tokens} tokens", explained=-tokens
        )


def _causes(pieces: Sequence[Piece], ledger: Side) -> Iterable[Cause]:
    """What may lie behind a gap, told whether there is one or not; how much of it is not known."""
    told = (
        ("aborts", ledger.attempts(*_ABORTED), "attempts were broken off: an engine may have gone on a little"),
        ("retries", ledger.attempts("failed"), "attempts failed: an engine may have read their prompts"),
        ("estimated", ledger.total("estimated"), "attempts whose tokens the engine did not tell were counted here"),
        ("unseen", ledger.attempts("unseen"), "attempts ended while no gateway ran: their tokens are not known"),
        ("resets", sum(piece.resets for piece in pieces), "times the engine began anew between two readings"),
    )
    return tuple(Cause(name, f"{count} {words}") for name, count, words in told if count)
