"""Money: whole nano-dollars, and the exact price of a token."""

import hashlib
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

    cached_input: of prompt tokens that the engine had in its prefix cache; None bills them as `input`.
    """

    version: str
    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None

    @classmethod
    def of(
        cls,
        *,
        input: Decimal,  # noqa: A002 - the field's name, and the setting's
        output: Decimal,
        cached_input: Decimal | None = None,
    ) -> "Price":
        """A price whose version is a short hash of its figures: equal figures, equal version, anywhere.

        Raises ValueError for a figure that is negative, infinite or not a number.
        """
        for figure in (input, output, cached_input):
            if figure is not None and not (figure.is_finite() and figure >= 0):
                raise ValueError(f"a price of {figure} USD per million tokens: it must be 0 or more")
        figures = [None if figure is None else str(Fraction(figure)) for figure in (input, cached_input, output)]
        return cls(hashlib.sha256(repr(figures).encode()).hexdigest()[:12], input, output, cached_input)

    @cached_property
    def rates(self) -> tuple[int, int, int, int]:
        """nUSD per fresh input, cached input and output token: three numerators over one denominator."""
        cached = self.input if self.cached_input is None else self.cached_input
        exact = [nusd_per_token(figure) for figure in (self.input, cached, self.output)]
        below = lcm(*(rate.denominator for rate in exact))
        fresh, cached_rate, output = (rate.numerator * (below // rate.denominator) for rate in exact)
        return fresh, cached_rate, output, below


def gpu_price(usd_per_hour: Decimal, count: int, tokens_per_second: Decimal | float) -> Price:
    """The price of a token of own GPUs, from their hourly price and the throughput of all of them together.

        USD per million tokens = usd_per_hour * count / 3600 / tokens_per_second * 1,000,000

    A fully busy machine's cost shared over the tokens it generates, after the field's rule of thumb (1.39 USD
    an hour at 1,000 tokens a second is 0.386 USD per million). Input and output carry the same rate: the
    throughput is of both together, and prefill's share is not known from it. Rounded half-even to 1e-9 USD
    per million tokens.
    """
    throughput = Decimal(str(tokens_per_second))
    if usd_per_hour < 0 or count < 1 or throughput <= 0:
        raise ValueError("a GPU price needs usd_per_hour >= 0, count >= 1 and tokens_per_second > 0")
    rate = usd_per_hour * count * _TOKENS_PER_MILLION / (3600 * throughput)
    figure = rate.quantize(_FINEST, rounding=ROUND_HALF_EVEN)
    return Price.of(input=figure, output=figure)


def nusd_per_token(usd_per_million: Decimal) -> Fraction:
    """The exact nano-dollars of one token: 1 USD per million tokens is 1,000."""
    return Fraction(usd_per_million) * NUSD_PER_USD / _TOKENS_PER_MILLION


def cost_nusd(price: Price | None, *, input_tokens: int, cached_input_tokens: int, output_tokens: int) -> int | None:
    """What one attempt costs: summed exactly, rounded once, half to even. None where the price is unknown.

    input_tokens: without the cached ones. output_tokens: with the reasoning ones.
    """
    if price is None:
        return None
    fresh, cached, output, below = price.rates
    total = fresh * input_tokens + cached * cached_input_tokens + output * output_tokens
    whole, rest = divmod(total, below)
    up = 2 * rest > below or (2 * rest == below and whole % 2 == 1)
    return whole + up


def usd(nusd: int) -> str:
    """Dollars in plain decimal, every digit that matters and no exponent: 1500000 is 0.0015."""
    whole, rest = divmod(abs(nusd), NUSD_PER_USD)
    figure = f"{whole}.{rest:09d}".rstrip("0").rstrip(".")
    return f"-{figure}" if nusd < 0 else figure
