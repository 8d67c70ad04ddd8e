"""Money, whatever the prices and the counts."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from router.money import Price, cost_nusd, gpu_price, usd

FIGURES = st.decimals(min_value=0, max_value=10_000, places=6)
TOKENS = st.integers(min_value=0, max_value=10_000_000)
PRICES = st.builds(
    lambda fresh, output, cached: Price.of(input=fresh, output=output, cached_input=cached),
    FIGURES,
    FIGURES,
    st.none() | FIGURES,
)


def cost(price: Price, fresh: int, cached: int, output: int) -> int:
    whole = cost_nusd(price, input_tokens=fresh, cached_input_tokens=cached, output_tokens=output)
    assert type(whole) is int
    return whole


@given(PRICES, TOKENS, TOKENS, TOKENS)
def test_a_cost_is_the_exact_sum_rounded_once(price, fresh, cached, output):
    """The integer is `round` (half to even) of the exact fraction, with no float on the way."""
    cached_price = price.input if price.cached_input is None else price.cached_input
    exact = 1_000 * sum(
        Fraction(figure) * tokens
        for figure, tokens in ((price.input, fresh), (cached_price, cached), (price.output, output))
    )
    assert cost(price, fresh, cached, output) == round(exact)


@given(PRICES, TOKENS, TOKENS, TOKENS, TOKENS)
def test_more_tokens_never_cost_less(price, fresh, cached, output, more):
    """The cost is monotone in each kind of token."""
    base = cost(price, fresh, cached, output)
    assert cost(price, fresh + more, cached, output) >= base
    assert cost(price, fresh, cached + more, output) >= base
    assert cost(price, fresh, cached, output + more) >= base


@given(PRICES, st.tuples(TOKENS, TOKENS, TOKENS), st.tuples(TOKENS, TOKENS, TOKENS))
def test_two_attempts_cost_their_sum_but_for_their_rounding(price, one, other):
    """Splitting the same tokens over two attempts changes the sum by at most one nano-dollar."""
    together = cost(price, *(a + b for a, b in zip(one, other, strict=True)))
    assert abs(together - cost(price, *one) - cost(price, *other)) <= 1


@given(st.integers())
def test_dollars_as_text_lose_nothing(nusd):
    """The text, read as an exact number, is the same amount again."""
    text = usd(nusd)
    assert Fraction(text) * 10**9 == nusd
    assert set(text) <= set("-.0123456789")


@given(FIGURES, st.integers(1, 64), st.floats(0.5, 1e6))
def test_a_gpu_hour_is_paid_back_by_its_tokens(usd_per_hour, count, tokens_per_second):
    """An hour's tokens at full throughput cost the hour's price, to within the figure's rounding."""
    price = gpu_price(usd_per_hour, count, tokens_per_second)
    tokens = Fraction(Decimal(str(tokens_per_second))) * 3600
    paid = Fraction(price.output) * tokens / 1_000_000
    assert abs(paid - Fraction(usd_per_hour) * count) <= tokens / 1_000_000 / 10**9


@given(PRICES, PRICES)
def test_versions_tell_prices_apart(one, other):
    """Equal figures, equal version; unequal figures, unequal version."""
    same = (one.input, one.output, one.cached_input) == (other.input, other.output, other.cached_input)
    assert (one.version == other.version) == same
