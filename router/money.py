"""Money: whole nano-dollars, and the exact price of a token."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from functools import cached_property
from math import lcm

NUSD_PER_USD = 1_000_000_000
_TOKENS_PER_MILLION = 1_000_000
_FINEST = Decimal("1E-9")  # of a USD per million tokens, for prices that a division gave


@dataclass(frozen=True)
class Price:
    """What a token costs, in USD per million tokens. `version` says which figures these are.

    cached_input: of prompt tokens that the engine had in its prefix cache; cache_write: of those that it put there;
    None bills them as `input`. reasoning: of the output that was reasoning; None bills it as `output`.
    over: (prompt tokens, price): a longer prompt is billed wholly at the price of the last bound that it passes.
    batch: of offline work; None bills it as any other.
    """

    version: str
    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    reasoning: Decimal | None = None
    over: tuple[tuple[int, "Price"], ...] = ()
    batch: "Price | None" = None

    @classmethod
    def of(
        cls,
        *,
        input: Decimal,  # noqa: A002 - the field's name, and the setting's
        output: Decimal,
        cached_input: Decimal | None = None,
        cache_write: Decimal | None = None,
        reasoning: Decimal | None = None,
        over: Mapping[int, "Price"] | None = None,
        batch: "Price | None" = None,
    ) -> "Price":
        """A price whose version is a short hash of its figures: equal figures, equal version, anywhere.

        Raises ValueError for a figure that is negative, infinite or not a number.
        """
        figures = (input, cached_input, output, cache_write, reasoning)
        for figure in figures:
            if figure is not None and not (figure.is_finite() and figure >= 0):
                raise ValueError(f"a price of {figure} USD per million tokens: it must be 0 or more")
        steps = tuple(sorted((over or {}).items()))
        told = [None if figure is None else str(Fraction(figure)) for figure in figures]
        nested = [(bound, price.version) for bound, price in steps], batch.version if batch else None
        version = hashlib.sha256(repr((told, nested)).encode()).hexdigest()[:12]
        return cls(version, input, output, cached_input, cache_write, reasoning, steps, batch)

    @cached_property
    def rates(self) -> "Rates":
        """nUSD per token of each bucket, whatever the prompt's length."""
        cached, written, reasoning = self.cached_input, self.cache_write, self.reasoning
        return Rates.of(
            self.input,
            self.input if cached is None else cached,
            self.input if written is None else written,
            self.output,
            self.output if reasoning is None else reasoning,
        )

    def at(self, prompt_tokens: int) -> "Price":
        """The price that a prompt of this length is billed at."""
        found = self
        for bound, price in self.over:
            if prompt_tokens > bound:
                found = price
        return found


@dataclass(frozen=True, slots=True)
class Rates:
    """nUSD per token of five disjoint buckets: numerators over one denominator `below`."""

    fresh: int
    cached: int
    written: int
    output: int
    reasoning: int
    below: int

    @classmethod
    def of(cls, *usd_per_million: Decimal) -> "Rates":
        exact = [nusd_per_token(figure) for figure in usd_per_million]
        below = lcm(*(rate.denominator for rate in exact))
        fresh, cached, written, output, reasoning = (rate.numerator * (below // rate.denominator) for rate in exact)
        return cls(fresh, cached, written, output, reasoning, below)


@dataclass(frozen=True, slots=True)
class Parts:
    """An attempt's cost in nUSD by bucket; together exactly the whole."""

    input: int
    cached_input: int
    output: int
    reasoning: int


def gpu_price(
    usd_per_hour: Decimal,
    count: int,
    tokens_per_second: Decimal | float,
    prompt_tokens_per_second: Decimal | float | None = None,
) -> Price:
    """The price of a token of own GPUs, from their hourly price and the throughput of all of them together.

        USD per million tokens = usd_per_hour * count / 3600 / tokens_per_second * 1,000,000

    A fully busy machine's cost shared over its tokens, after the field's rule of thumb (1.39 USD an hour at 1,000
    tokens a second is 0.386 USD per million). Where prompt_tokens_per_second is known too, each kind of token pays
    for the GPU time that it takes, and tokens_per_second is of generated ones alone; else both carry the same rate.
    Rounded half-even to 1e-9 USD per million tokens. Raises ValueError for a throughput of 0 or less.
    """
    rates = [Decimal(str(r)) for r in (prompt_tokens_per_second or tokens_per_second, tokens_per_second)]
    if usd_per_hour < 0 or count < 1 or min(rates) <= 0:
        raise ValueError("a GPU price needs usd_per_hour >= 0, count >= 1 and tokens_per_second > 0")
    hourly = usd_per_hour * count * _TOKENS_PER_MILLION
    prompt, output = ((hourly / (3600 * rate)).quantize(_FINEST, rounding=ROUND_HALF_EVEN) for rate in rates)
    return Price.of(input=prompt, output=output)


def nusd_per_token(usd_per_million: Decimal) -> Fraction:
    """The exact nano-dollars of one token: 1 USD per million tokens is 1,000."""
    return Fraction(usd_per_million) * NUSD_PER_USD / _TOKENS_PER_MILLION


def cost_nusd(
    price: Price | None,
    *,
    input_tokens: int,
    cached_input_tokens: int,
    output_tokens: int,
    cache_write_tokens: int = 0,
    reasoning_tokens: int = 0,
) -> int | None:
    """What one attempt costs: summed exactly, rounded once, half to even. None where the price is unknown.

    input_tokens: without the cached ones, with those written to the cache. output_tokens: with the reasoning ones.
    """
    if price is None:
        return None
    rates = price.at(input_tokens + cached_input_tokens).rates
    total = (
        rates.fresh * (input_tokens - cache_write_tokens)
        + rates.written * cache_write_tokens
        + rates.cached * cached_input_tokens
        + rates.output * (output_tokens - reasoning_tokens)
        + rates.reasoning * reasoning_tokens
    )
    return _rounded(total, rates.below)


def parts(
    cost: int,
    price: Price | None,
    *,
    input_tokens: int,
    cached_input_tokens: int,
    output_tokens: int,
    reasoning_tokens: int,
) -> Parts:
    """A known cost by bucket, in proportion to what each bucket costs at `price`, to its tokens where that is unknown.

    Exact: the parts add up to `cost`; what rounding leaves goes to the largest part.
    """
    tokens = (input_tokens, cached_input_tokens, output_tokens - reasoning_tokens, reasoning_tokens)
    weights = [max(0, count) for count in tokens]
    if price is not None:
        r = price.at(input_tokens + cached_input_tokens).rates
        weights = [w * rate for w, rate in zip(weights, (r.fresh, r.cached, r.output, r.reasoning), strict=True)]
    if not any(weights):
        weights = [1, 0, 0, 0]
    whole = sum(weights)
    shares = [cost * weight // whole for weight in weights]
    shares[weights.index(max(weights))] += cost - sum(shares)
    return Parts(*shares)


def usd(nusd: int) -> str:
    """Dollars in plain decimal, every digit that matters and no exponent: 1500000 is 0.0015."""
    whole, rest = divmod(abs(nusd), NUSD_PER_USD)
    figure = f"{whole}.{rest:09d}".rstrip("0").rstrip(".")
    return f"-{figure}" if nusd < 0 else figure


def _rounded(total: int, below: int) -> int:
    whole, rest = divmod(total, below)
    up = 2 * rest > below or (2 * rest == below and whole % 2 == 1)
    return whole + up
