"""`tiergate replay`: yesterday's requests under a new policy, before it ships."""

import sys
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from policies.schema import Config
from router.cli.check import ConfigOption, read
from router.cli.console import as_json, say, table
from router.cli.period import duration_ns
from router.money import usd
from router.replay import recorded
from router.replay.report import Report, Side, plain
from router.replay.report import replay as replay_requests
from router.services import ledger_path


def replay(
    config: ConfigOption = None,
    since: Annotated[str, typer.Option(help="How far back: 90m, 24h, 7d, 4w.")] = "7d",
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """What the ledger's requests would have come to under a configuration; nothing is called."""
    described = read(config)
    until_ns = time.time_ns()
    report = _shown(described, until_ns - duration_ns("--since", since), until_ns)
    if json:
        as_json(plain(report))
        return
    if not report.replayed:
        say(f"No request of the last {since} can be replayed.")
    else:
        _sides(report)
        _moves(report)
    for reason, count in report.skipped.most_common():
        say(f"left out: {count} {reason}")


def _shown(config: Config, since_ns: int, until_ns: int) -> Report:
    place = ledger_path(config)
    total = recorded.count(place, since_ns=since_ns, until_ns=until_ns)
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("deciding again", total=total)
        return replay_requests(
            place, config, since_ns=since_ns, until_ns=until_ns,
            progress=lambda done: progress.update(task, completed=done),
        )  # fmt: skip


def _sides(report: Report) -> None:
    say(f"{report.replayed} requests replayed, {report.moved} would move ({report.moved / report.replayed:.1%})")
    say()
    rows = [
        ("spend USD", _spend(report.before), _spend(report.after)),
        ("predicted quality", _share(report.before.mean_quality), _share(report.after.mean_quality)),
        ("latency s", _seconds(report.before.mean_latency_s), _seconds(report.after.mean_latency_s)),
    ]
    tiers = sorted({*report.before.tiers, *report.after.tiers})
    rows += [
        (f"answered by {tier}", f"{report.before.tiers.get(tier, 0.0):.0f}", f"{report.after.tiers.get(tier, 0.0):.0f}")
        for tier in tiers
    ]
    table(("", "before", "after"), rows, numbers=("before", "after"))


def _moves(report: Report) -> None:
    if not report.moved:
        return
    say()
    table(
        ("requests", "before", "after"),
        [(count, *way) for way, count in report.ways.most_common()],
        numbers=("requests",),
    )
    say()
    say("Those that change the cost most:")
    rows = [
        (m.request_id, m.before, m.after, _known(m.cost_before_nusd), _known(m.cost_after_nusd), m.why)
        for m in report.sample
    ]
    headings = ("request", "before", "after", "USD before", "USD after", "why")
    table(headings, rows, numbers=("USD before", "USD after"))


def _spend(side: Side) -> str:
    unknown = f" and {side.unknown_cost} unknown" if side.unknown_cost else ""
    return usd(round(side.cost_nusd)) + unknown


def _known(nusd: int | None) -> str:
    return "unknown" if nusd is None else usd(nusd)


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"
