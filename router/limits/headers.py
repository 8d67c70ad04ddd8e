"""The `x-ratelimit-*` headers, as OpenAI's API has them."""

from collections.abc import Iterable

from router.limits.gcra import Rate
from router.limits.store import Charge


def told(charges: Iterable[tuple[str, Charge]], rates: Iterable[Rate]) -> dict[str, str]:
    """charges: each with what it counts, `requests` or `tokens`. Of several limits the one with least left is told."""
    tightest: dict[str, tuple[Charge, Rate]] = {}
    for (what, charge), rate in zip(charges, rates, strict=True):
        known = tightest.get(what)
        if known is None or rate.remaining < known[1].remaining:
            tightest[what] = charge, rate
    headers: dict[str, str] = {}
    for what, (charge, rate) in tightest.items():
        headers[f"x-ratelimit-limit-{what}"] = str(charge.per_minute)
        headers[f"x-ratelimit-remaining-{what}"] = str(rate.remaining)
        headers[f"x-ratelimit-reset-{what}"] = duration(rate.reset_us)
    return headers


def duration(us: int) -> str:
    """As OpenAI writes it: 120ms, 1.5s, 6m0s."""
    ms = -(-us // 1000)
    if ms < 1000:
        return f"{ms}ms"
    minutes, rest = divmod(ms, 60_000)
    seconds = f"{rest / 1000:.3f}".rstrip("0").rstrip(".")
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
