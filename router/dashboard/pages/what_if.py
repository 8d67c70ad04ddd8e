"""What if a threshold of a policy were another: the newest requests decided again, by replay."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from router.dashboard.ask import Ask, Page
from router.dashboard.books import NS, usd
from router.dashboard.dataset import Column, Dataset
from router.errors import bad_request
from router.ledger.sqlite import LedgerError
from router.replay import latency, recorded
from router.replay.again import Replayer
from router.replay.recorded import Recorded
from router.replay.report import Report, reported, with_threshold

_SAMPLE = 300
_GRID = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98)
_KNOBS = {"quality": "route.quality", "accept": "cascade.accept"}


@dataclass(frozen=True, slots=True)
class Question:
    """Of which policy, which of the two thresholds, and what it is now."""

    policy: str
    knob: str
    now: float
    chosen: float


def _question(ask: Ask) -> Question:
    extra, policies = ask.state.extra, ask.snapshot.config.policies
    policy = extra.get("of") or ("default" if "default" in policies else next(iter(policies)))
    knob = extra.get("knob") or "quality"
    if policy not in policies or knob not in _KNOBS:
        raise bad_request(
            f"Invalid 'of' or 'knob': found '{policy[:40]}' and '{knob[:40]}', allowed: a policy"
            f" ({', '.join(policies)}) and {' or '.join(_KNOBS)}."
        )
    described = policies[policy]
    accept = described.cascade.accept if described.cascade else 1.0
    now = accept if knob == "accept" else described.route.quality
    return Question(policy, knob, float(now), _share(extra.get("to_value", ""), float(now)))


def _share(text: str, default: float) -> float:
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise bad_request(f"Invalid 'to_value': found '{text[:20]}', allowed: a number from 0 to 1.")
    return value


def _records(ask: Ask) -> list[Recorded]:
    """The newest requests of the period that the viewer may see."""
    newest = ask.books.requests(ask.state.period, ask.filters, limit=_SAMPLE).rows
    if not newest:
        return []
    wanted = {row["request_id"] for row in newest}
    since_ns, until_ns = newest[-1]["started_ns"], newest[0]["started_ns"] + 1
    found = recorded.read(ask.books.path, since_ns=since_ns, until_ns=until_ns)
    return [record for record in found if record.request_id in wanted]


@dataclass(frozen=True, slots=True)
class _Trial:
    ask: Ask
    question: Question
    records: list[Recorded]

    def at(self, value: float) -> Report:
        knobs: dict[str, float] = {self.question.knob: value}
        config = with_threshold(self.ask.snapshot.config, self.question.policy, **knobs)
        return reported(Replayer(config, self.ask.snapshot.prices, self._latencies()), self.records, lambda _: None)

    def _latencies(self) -> Any:
        """Of the last day before the newest request: what the answers of each tier take."""
        until_ns = round(self.ask.now * NS)
        path, since_ns = self.ask.books.path, until_ns - 86_400 * NS
        return self.ask.books.shared("latencies", lambda: latency.measured(path, since_ns=since_ns, until_ns=until_ns))


def _trial(ask: Ask) -> _Trial:
    try:
        return ask.books.shared("trial", lambda: _Trial(ask, _question(ask), _records(ask)))
    except LedgerError as error:
        raise bad_request(f"The requests cannot be decided again: {error}.") from error


def curve(ask: Ask) -> Dataset:
    """Cost against predicted quality over a range of thresholds, the cheapest first."""
    trial = _trial(ask)
    columns = (
        Column("usd_per_1k", "Per 1k requests", "usd"), Column("quality", "Predicted quality", "ratio"),
        Column("threshold", trial.question.knob, "ratio"), Column("moved", "Would move", "share"),
        Column("latency_s", "Latency", "seconds"),
    )  # fmt: skip
    rows = []
    for value in sorted({*_GRID, trial.question.now}):
        report = ask.books.shared(f"at {value}", lambda value=value: trial.at(value))  # type: ignore[misc]
        if report.replayed and report.after.mean_quality is not None:
            rows.append((
                report.after.cost_nusd / NS / report.replayed * 1000, report.after.mean_quality, value,
                report.moved / report.replayed, report.after.mean_latency_s,
            ))  # fmt: skip
    note = (
        f"The last {len(trial.records)} requests decided again with {_KNOBS[trial.question.knob]} of policy "
        f"'{trial.question.policy}' from {_GRID[0]} to {_GRID[-1]}. Now it is {trial.question.now:g}."
    )
    return Dataset("curve", "Cost and quality", columns, tuple(sorted(rows)), note)


def compared(ask: Ask) -> Dataset:
    """Before and after at the chosen threshold."""
    trial = _trial(ask)
    value = trial.question.chosen
    report = ask.books.shared(f"at {value}", lambda: trial.at(value))
    if not report.replayed:
        return Dataset("compared", "Before and after", (Column("figure", ""),), ())
    before, after = report.before, report.after
    rows: list[tuple[str, Any, Any, str]] = [
        ("Spend", usd(round(before.cost_nusd)), usd(round(after.cost_nusd)), "usd"),
        ("Predicted quality", before.mean_quality, after.mean_quality, "ratio"),
        ("Mean latency", before.mean_latency_s, after.mean_latency_s, "seconds"),
    ]
    for tier in ask.snapshot.config.tiers:
        now, then = before.tiers.get(tier, 0.0), after.tiers.get(tier, 0.0)
        if now or then:
            rows.append((f"Answered by {tier}", now / report.replayed, then / report.replayed, "share"))
    columns = (
        Column("figure", "Figure"), Column("before", f"Now ({trial.question.now:g})", "ratio"),
        Column("after", f"At {value:g}", "ratio"), Column("unit", "Unit"),
    )  # fmt: skip
    note = f"{report.moved} of {report.replayed} requests would go elsewhere. {_left_out(report.skipped)}"
    return Dataset("compared", "Before and after", columns, tuple(rows), note)


def _left_out(skipped: Counter[str]) -> str:
    return "Left out: " + ", ".join(f"{n} {why}" for why, n in skipped.most_common()) + "." if skipped else ""


def context(ask: Ask) -> dict[str, Any]:
    return {"question": _question(ask), "knobs": _KNOBS, "policies": list(ask.snapshot.config.policies)}


PAGE = Page(
    "what_if", "What if", "route", "The newest requests decided again with another threshold; nothing is called.",
    {"curve": curve, "compared": compared}, context, group="hidden",
)  # fmt: skip
