"""A provider's bill: read from CSV whatever its columns are called, and set beside the ledger."""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

from policies.schema import Config
from router.ledger.sums import AttemptSums, sums
from router.money import NUSD_PER_USD, usd
from router.reconcile.gap import Cause, Gap

NAMES = {
    "time": ("date", "day", "hour", "time", "timestamp", "start_time", "usage_date", "chargeperiodstart"),
    "model": ("model", "model_name", "model_id", "snapshot_id", "servicename"),
    "cost": ("cost", "cost_usd", "amount", "amount_usd", "amount_value", "billedcost"),
    "input": ("input_tokens", "prompt_tokens", "n_context_tokens_total"),
    "output": ("output_tokens", "completion_tokens", "n_generated_tokens_total"),
}
_NEEDED = ("time", "model", "cost")
_RELEASE = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8})$")
_HOUR = timedelta(hours=1)
_OFFSETS = range(-12, 15)  # hours of the world's time zones


class BillError(ValueError):
    """The file is no bill that can be read; the message says where, what was found and what is allowed."""


@dataclass(slots=True)
class Billed:
    """One model of a bill. tokens: None where the bill does not tell them."""

    cost_nusd: int = 0
    input: int | None = None
    output: int | None = None

    def add(self, cost_nusd: int, input_tokens: int | None, output_tokens: int | None) -> None:
        self.cost_nusd += cost_nusd
        self.input = _sum(self.input, input_tokens)
        self.output = _sum(self.output, output_tokens)


@dataclass(slots=True)
class Bill:
    """start, end: what it covers, by its own dates taken as UTC; end is exclusive."""

    start: datetime
    end: datetime
    models: dict[str, Billed] = field(default_factory=lambda: defaultdict(Billed))


def read_bill(path: Path) -> Bill:
    """A CSV with a heading line. Needed: a time, a model and a cost in USD; token counts where it has them.

    Raises BillError naming the line, OSError.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        columns = _columns(path, reader.fieldnames or ())
        rows = [(place, row) for place, row in enumerate(reader, 2) if any(row.values())]
    if not rows:
        raise BillError(f"{path}: found no rows, allowed one for each time and model")
    times = [_time(path, place, row[columns["time"]]) for place, row in rows]
    step = _HOUR if any(time.hour for time in times) else timedelta(days=1)
    bill = Bill(min(times), max(times) + step)
    for place, row in rows:
        _add(bill.models[_name(row[columns["model"]].strip())], path, place, row, columns)
    return bill


def against_bill(path: Path, config: Config, bill: Bill) -> list[Gap]:
    """One gap in USD for each model of the bill or of a managed tier, and in tokens where the bill tells them.

    path: the ledger. Blocks. Raises LedgerError.
    """
    managed = {_name(tier.model) for tier in config.tiers.values() if tier.engine == "litellm"}
    margin = max(abs(hours) for hours in _OFFSETS) * _HOUR
    hours = _by_model(path, bill.start - margin, bill.end + margin)
    gaps: list[Gap] = []
    billed: dict[str, Billed] = defaultdict(Billed)
    for name, what in bill.models.items():
        billed[_known(name, hours)].add(what.cost_nusd, what.input, what.output)
    for model in sorted({*billed, *(name for name in managed if name in hours)}):
        gaps += _compared(model, bill, billed.get(model, Billed()), hours.get(model, {}))
    return gaps


Hours = Mapping[int, AttemptSums]  # Unix nanoseconds of the hour


def _compared(model: str, bill: Bill, billed: Billed, hours: Hours) -> Iterable[Gap]:
    inside = _inside(hours, bill, 0)
    cost = sum(each.cost_nusd for each in inside)
    causes = [*_zone(bill, billed, hours, cost), *_causes(inside, billed, cost)]
    yield Gap(model, "cost", "nUSD", cost, billed.cost_nusd, causes)
    counted = {
        "input": (billed.input, sum(each.input_tokens + each.cached_input_tokens for each in inside)),
        "output": (billed.output, sum(each.output_tokens for each in inside)),
    }
    for figure, (theirs, ours) in counted.items():
        if theirs is not None:
            yield Gap(model, figure, "tokens", ours, theirs, causes[: len(causes) if theirs != ours else 0])


def _zone(bill: Bill, billed: Billed, hours: Hours, cost: int) -> Iterable[Cause]:
    """A time zone under which the bill's days hold exactly, or much more nearly, what was billed."""
    gap = abs(billed.cost_nusd - cost)
    if not gap:
        return
    shifted = {hour: sum(each.cost_nusd for each in _inside(hours, bill, hour)) for hour in _OFFSETS}
    best = min(shifted, key=lambda hour: (abs(billed.cost_nusd - shifted[hour]), abs(hour)))
    if best and abs(billed.cost_nusd - shifted[best]) * 2 < gap:
        told = f"the bill's days seem to begin {best:+d} h from UTC: {usd(shifted[best])} USD of the ledger lie in them"
        yield Cause("time zone", told, explained=shifted[best] - cost)


def _causes(inside: Sequence[AttemptSums], billed: Billed, cost: int) -> Iterable[Cause]:
    cached = sum(each.cached_input_tokens for each in inside)
    told = (
        ("aborts", sum(each.rejected for each in inside), "drafts were thrown away: a provider may bill all of them"),
        ("estimated", sum(each.estimated for each in inside), "attempts that the provider did not count"),
        ("retries", sum(each.fallbacks for each in inside), "attempts followed a failure, which may be billed"),
        ("cached", cached, "input tokens were cached: see that price.cached_input is what the provider takes"),
        ("unknown cost", sum(each.unknown_cost for each in inside), "attempts have no price here"),
    )  # fmt: skip
    if billed.cost_nusd != cost:
        yield from (Cause(name, f"{count} {words}") for name, count, words in told if count)


def _inside(hours: Hours, bill: Bill, offset: int) -> list[AttemptSums]:
    """Of the bill's days if they began `offset` hours after UTC's."""
    start, end = (int((bound + offset * _HOUR).timestamp()) * 10**9 for bound in (bill.start, bill.end))
    return [each for at_ns, each in hours.items() if start <= at_ns < end]


def _by_model(path: Path, start: datetime, end: datetime) -> dict[str, dict[int, AttemptSums]]:
    since_ns, until_ns = (int(bound.timestamp()) * 10**9 for bound in (start, end))
    found: dict[str, dict[int, AttemptSums]] = defaultdict(dict)
    for row in sums(path, ("model",), since_ns=since_ns, until_ns=until_ns, every="hour"):
        found[_name(row.by["model"])][row.start_ns or 0] = row.attempts
    return found


def _name(model: str) -> str:
    """Without the provider before it."""
    return model.rpartition("/")[2]


def _known(model: str, hours: Mapping[str, Hours]) -> str:
    """The ledger's name of a billed model, which providers tell with the day of its release."""
    without = _RELEASE.sub("", model)
    return without if model not in hours and without in hours else model


def _columns(path: Path, headings: Iterable[str]) -> dict[str, str]:
    given = {heading.strip().lower(): heading for heading in headings}
    found = {what: given[name] for what, names in NAMES.items() for name in names if name in given}
    for what in _NEEDED:
        if what not in found:
            raise BillError(
                f"{path}:1: found no column for the {what} among {', '.join(given) or 'none'}, "
                f"allowed {', '.join(NAMES[what])}"
            )
    return found


def _add(billed: Billed, path: Path, place: int, row: Mapping[str, str], columns: Mapping[str, str]) -> None:
    counts = [
        int(_number(path, place, row[columns[name]])) if name in columns and row[columns[name]].strip() else None
        for name in ("input", "output")
    ]
    billed.add(round(_number(path, place, row[columns["cost"]]) * NUSD_PER_USD), *counts)


def _sum(one: int | None, other: int | None) -> int | None:
    return one if other is None else (one or 0) + other


def _number(path: Path, place: int, text: str) -> Decimal:
    try:
        number = Decimal(text.strip().lstrip("$").replace(",", "") or "0")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise BillError(f"{path}:{place}: found {text!r}, allowed a number")
    return number


def _time(path: Path, place: int, text: str) -> datetime:
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        return datetime.fromtimestamp(seconds, UTC)
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BillError(f"{path}:{place}: found {text!r}, allowed a date such as 2026-11-21, or Unix seconds") from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
