"""Quoting: from what the configuration, the catalogue and the engines' counters say to a tier's price."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from policies.schema import Config
from policies.schema_tiers import Figures, Gpu, Tier
from policies.schema_tiers import Price as Given
from router.money import Price, gpu_price
from router.prices.book import Basis, PriceBook, Quote
from router.prices.catalogue import FIGURES, Catalogue, Listed, price_of

CLASSES = ("reserved", "spot", "on-demand")


@dataclass(frozen=True, slots=True)
class Throughput:
    """Tokens a second of one busy replica. prompt: None where prompt and output tokens are counted alike."""

    output: float
    prompt: float | None = None


def price_book(config: Config, *, on: date, measured: Mapping[str, Throughput] | None = None) -> PriceBook:
    """Every tier's price on a day. measured: tier name to what its engines' counters showed."""
    catalogue = Catalogue.bundled() if any(_asks_catalogue(tier) for tier in config.tiers.values()) else None
    known = measured or {}
    return PriceBook.of({name: quote(tier, catalogue, on, known.get(name)) for name, tier in config.tiers.items()})


def quote(tier: Tier, catalogue: Catalogue | None, on: date, measured: Throughput | None = None) -> Quote:
    """What a token costs on this tier; an unknown price where nothing says it. catalogue: None where none is asked."""
    if tier.gpu is not None:
        return _of_gpu(tier.gpu, measured)
    if catalogue is not None and _asks_catalogue(tier):
        return _of_catalogue(tier, catalogue, on)
    if tier.price is None:
        return Quote(None, "unknown", "neither `price` nor `gpu` is set")
    return Quote(_merged(tier.price, None), "given", "price")


def hourly_usd(gpu: Gpu, kind: str) -> Decimal:
    """USD per hour of all GPUs of one replica of that class."""
    own = getattr(gpu.rates, kind.replace("-", "_"), None)
    return (gpu.usd_per_hour if own is None else own) * gpu.count


def rated(gpu: Gpu, measured: Throughput | None) -> Throughput | None:
    """The throughput to price by: the owner's, else the measured one."""
    if gpu.tokens_per_second is None:
        return measured
    return Throughput(gpu.tokens_per_second, gpu.prompt_tokens_per_second)


def _of_gpu(gpu: Gpu, measured: Throughput | None) -> Quote:
    speed = rated(gpu, measured)
    if speed is None:
        return Quote(None, "unknown", "gpu.tokens_per_second is not set, and nothing has been measured yet")
    basis: Basis = "GPU, measured" if gpu.tokens_per_second is None else "GPU, rated"
    told = f"{gpu.count} x {gpu.kind} at {gpu.usd_per_hour} USD/h each, {speed.output:g} tokens/s"
    if speed.prompt is not None:
        told += f" generated, {speed.prompt:g} tokens/s read"
    by_class: dict[str, Price] = {
        kind: gpu_price(hourly_usd(gpu, kind), 1, speed.output, speed.prompt)
        for kind in CLASSES
        if getattr(gpu.rates, kind.replace("-", "_")) is not None
    }
    return Quote(gpu_price(gpu.usd_per_hour, gpu.count, speed.output, speed.prompt), basis, told, by_class=by_class)


def _asks_catalogue(tier: Tier) -> bool:
    return tier.engine == "litellm" or (tier.price is not None and tier.price.catalogue is not None)


def _of_catalogue(tier: Tier, catalogue: Catalogue, on: date) -> Quote:
    given = tier.price
    model = (given.catalogue if given else None) or tier.model
    listed = catalogue.find(model, on)
    own = _own(given)
    if listed is None and not {"input", "output"} <= own.keys():
        return Quote(None, "unknown", f"{catalogue.source} does not list '{model}': set `price`")
    price = _merged(given, listed)
    if listed is None or {"input", "output"} <= own.keys():
        return Quote(price, "given", "price")
    basis: Basis = "catalogue, overridden" if own else "catalogue"
    source = f"{listed.provider}/{listed.model}, {catalogue.source}"
    return Quote(price, basis, source, listed.since or f"as of {catalogue.newest_change}")


def _own(given: Given | None) -> dict[str, Decimal]:
    return {} if given is None else {name: figure for name in FIGURES if (figure := getattr(given, name)) is not None}


def _merged(given: Given | None, listed: Listed | None) -> Price:
    """The owner's figures over the catalogue's. An owner who gives both input and output has written a price."""
    own = _own(given)
    base = {} if listed is None or {"input", "output"} <= own.keys() else dict(listed.figures)
    steps = {
        bound: price_of({**figures, **own}, {}, None) for bound, figures in (listed.over if base and listed else ())
    }
    batch = price_of(listed.batch, {}, None) if base and listed and listed.batch else None
    if given is not None and given.over:
        steps = {step.prompt_tokens: _plain(step) for step in given.over}
    if given is not None and given.batch is not None:
        batch = _plain(given.batch)
    return price_of({**base, **own}, steps, batch)


def _plain(figures: Figures) -> Price:
    return Price.of(**{name: getattr(figures, name) for name in FIGURES})
