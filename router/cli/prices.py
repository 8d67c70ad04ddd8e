"""`tiergate prices`: what a token costs on each tier, and where that figure comes from."""

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from policies.schema import Config
from router.cli.check import ConfigOption, read
from router.cli.console import as_json, say, table
from router.cli.period import duration_ns
from router.ledger.sqlite import LedgerError
from router.money import Price, usd
from router.prices.book import PriceBook, Quote
from router.prices.gpu import GpuTime, by_tier, gpu_hours
from router.prices.quote import Throughput, price_book
from router.prices.stored import plain
from router.prices.throughput import measured
from router.services import ledger_path

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _prices() -> None:
    """Prices per token."""


@app.command("list")
def every(
    config: ConfigOption = None,
    since: Annotated[str, typer.Option(help="Metered time for the allocated basis: 24h, 7d, 4w.")] = "7d",
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Each tier's price, basis, source and date; of own GPUs both bases, allocated and usage."""
    described = read(config)
    place = ledger_path(described)
    speeds = measured(place, described)
    book = price_book(described, on=datetime.now(UTC).date(), measured=speeds)
    times = _times(described, time.time_ns() - duration_ns("--since", since))
    if json:
        as_json(
            [_data(described, name, quote, times.get(name), speeds.get(name)) for name, quote in book.quotes.items()]
        )
        return
    _prices_table(book)
    _gpu_table(described, times, speeds, since)


def _times(config: Config, since_ns: int) -> dict[str, GpuTime]:
    """Metered time by tier; none where no gateway has run yet."""
    if not any(tier.gpu for tier in config.tiers.values()):
        return {}
    try:
        return by_tier(gpu_hours(ledger_path(config), config, since_ns=since_ns, until_ns=time.time_ns()))
    except LedgerError:
        return {}


def _prices_table(book: PriceBook) -> None:
    figures = ("input", "cached", "cache write", "output", "reasoning")
    rows = []
    for name, quote in book.quotes.items():
        rows.append((name, *_figures(quote.price), quote.basis, quote.source, quote.since))
        rows += [
            (f"{name} ({kind})", *_figures(price), quote.basis, "gpu.rates", "")
            for kind, price in quote.by_class.items()
        ]
        if quote.price is not None:
            rows += [(f"{name} (over {n} prompt tokens)", *_figures(p), "", "", "") for n, p in quote.price.over]
            rows += [(f"{name} (batch)", *_figures(quote.price.batch), "", "", "")] if quote.price.batch else []
    say("USD per million tokens")
    table(("tier", *figures, "basis", "source", "since"), rows, numbers=figures)


def _figures(price: Price | None) -> tuple[str, ...]:
    if price is None:
        return ("unknown", "", "", "unknown", "")
    own = (price.input, price.cached_input, price.cache_write, price.output, price.reasoning)
    return tuple("" if figure is None else format(figure.normalize(), "f") for figure in own)


def _gpu_table(config: Config, times: dict[str, GpuTime], speeds: Any, since: str) -> None:
    tiers = {name: tier.gpu for name, tier in config.tiers.items() if tier.gpu is not None}
    if not tiers:
        return
    say()
    say(f"Own GPUs, last {since}: allocated is all GPU time over the tokens really served, usage is at full throughput")
    headings = ("tier", "GPU", "USD/h", "paid h", "idle", "cost USD", "tokens", "allocated USD/M", "measured tokens/s")
    rows = [
        (name, f"{gpu.count} x {gpu.kind}", usd(round(gpu.usd_per_hour * gpu.count * 10**9)),
         *_metered(times.get(name)), _speed(speeds.get(name)))
        for name, gpu in tiers.items()
    ]  # fmt: skip
    table(headings, rows, numbers=headings[2:])


def _metered(time: GpuTime | None) -> tuple[str, ...]:
    if time is None:
        return ("-", "-", "-", "-", "unknown")
    per_million = time.allocated_nusd_per_million
    return (
        f"{time.paid_ns / 3.6e12:.1f}", "-" if time.idle_share is None else f"{time.idle_share:.0%}",
        usd(time.cost_nusd), str(time.prompt_tokens + time.output_tokens),
        "unknown" if per_million is None else usd(per_million),
    )  # fmt: skip


def _speed(speed: Throughput | None) -> str:
    if speed is None:
        return "unknown"
    return f"{speed.output:.0f}" if speed.prompt is None else f"{speed.output:.0f} out, {speed.prompt:.0f} in"


def _data(config: Config, name: str, quote: Quote, time: GpuTime | None, speed: Throughput | None) -> dict[str, Any]:
    gpu = config.tiers[name].gpu
    per_million = time.allocated_nusd_per_million if time else None
    return {
        "tier": name, "basis": quote.basis, "source": quote.source, "since": quote.since,
        "version": quote.price.version if quote.price else None,
        "usd_per_million_tokens": plain(quote.price) if quote.price else None,
        "by_class": {kind: plain(price) for kind, price in quote.by_class.items()},
        "gpu": None if gpu is None else {
            "kind": gpu.kind, "count": gpu.count, "usd_per_hour": str(gpu.usd_per_hour),
            "paid_hours": time.paid_ns / 3.6e12 if time else None,
            "idle_share": time.idle_share if time else None,
            "cost_usd": usd(time.cost_nusd) if time else None,
            "allocated_usd_per_million_tokens": None if per_million is None else usd(per_million),
            "measured_tokens_per_second": speed.output if speed else None,
            "measured_prompt_tokens_per_second": speed.prompt if speed else None,
        },
    }  # fmt: skip
