"""The `x-ratelimit-*` headers, as OpenAI's API has them."""

from collections.abc import Iterable

from router.limits.gcra import Rate
from router.limits.plan import Rated


def told(rated: Iterable[Rated], rates: Iterable[Rate]) -> dict[str, str]:
    """Of several limits of requests, or of tokens, the one with least left is told."""
    tightest: dict[str, tuple[Rated, Rate]] = {}
    for limit, rate in zip(rated, rates, strict=True):
        known = tightest.get(limit.what)
        if known is None or rate.remaining < known[1].remaining:
            tightest[limit.what] = limit, rate
    headers: dict[str, str] = {}
    for what, (limit, rate) in tightest.items():
        headers[f"x-ratelimit-limit-{what}"] = str(limit.per_minute)
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
