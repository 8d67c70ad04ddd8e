"""Money in whole nano-dollars."""

from decimal import Decimal

import pytest

from router.money import Price, cost_nusd, gpu_price, nusd_per_token, usd
from router.prices.book import PriceBook


def cost(price: Price | None, fresh: int = 0, cached: int = 0, output: int = 0) -> int | None:
    return cost_nusd(price, input_tokens=fresh, cached_input_tokens=cached, output_tokens=output)


def test_a_dollar_per_million_is_a_thousand_nano_dollars_per_token():
    """The unit that every price is converted by."""
    assert nusd_per_token(Decimal(1)) == 1_000
    assert nusd_per_token(Decimal("0.0001")) == Decimal("0.1")


def test_each_kind_of_token_has_its_own_rate():
    """Fresh input, cached input and output are billed apart and added up."""
    price = Price.of(input=Decimal(2), output=Decimal(8), cached_input=Decimal("0.5"))
    assert cost(price, fresh=10, cached=4, output=3) == 10 * 2_000 + 4 * 500 + 3 * 8_000


def test_without_a_cached_price_cached_tokens_are_billed_as_input():
    """No discount is made up."""
    price = Price.of(input=Decimal(2), output=Decimal(8))
    assert cost(price, cached=4) == cost(price, fresh=4)


def test_an_unknown_price_is_an_unknown_cost():
    """Never 0, not even for no tokens."""
    assert cost(None, fresh=10) is None
    assert cost(None) is None


@pytest.mark.parametrize(("tokens", "nusd"), [(1, 0), (2, 1), (3, 2), (4, 2), (5, 2), (6, 3), (7, 4)])
def test_half_a_nano_dollar_is_rounded_to_even_once_per_attempt(tokens, nusd):
    """0.5 nUSD per token: 1 token rounds down to 0, 3 tokens up to 2; the parts are not rounded before."""
    price = Price.of(input=Decimal("0.0005"), output=Decimal("0.0005"))
    assert cost(price, fresh=tokens) == nusd
    assert cost(price, fresh=tokens - 1, output=1) == nusd


@pytest.mark.parametrize(
    ("nusd", "text"),
    [
        (0, "0"),
        (1, "0.000000001"),
        (1_500_000, "0.0015"),
        (7_000_000_000, "7"),
        (-30, "-0.00000003"),
        (123_456_789_012_345_678_901, "123456789012.345678901"),
    ],
)
def test_dollars_are_plain_decimals(nusd, text):
    """Every digit that matters, no exponent, at any size."""
    assert usd(nusd) == text


def test_a_gpu_s_tokens_cost_its_hour_over_its_throughput():
    """1.39 USD an hour at 1,000 tokens a second is 0.386 USD per million, and two GPUs cost twice that."""
    one, two = gpu_price(Decimal("1.39"), 1, 1000.0), gpu_price(Decimal("1.39"), 2, 1000)
    assert one.input == one.output == Decimal("0.386111111")
    assert two.output == Decimal("0.772222222")


@pytest.mark.parametrize("given", [(Decimal(-1), 1, 1000), (Decimal(1), 0, 1000), (Decimal(1), 1, 0)])
def test_an_impossible_gpu_has_no_price(given):
    """Negative rates, no GPU and no throughput are errors, not prices."""
    with pytest.raises(ValueError, match="usd_per_hour >= 0"):
        gpu_price(*given)


@pytest.mark.parametrize("figure", ["-0.01", "NaN", "Infinity"])
def test_an_impossible_figure_is_no_price(figure):
    """A price that cannot be paid is refused where it is made."""
    with pytest.raises(ValueError, match="must be 0 or more"):
        Price.of(input=Decimal(1), output=Decimal(figure))


def test_a_version_stands_for_its_figures():
    """The same figures have the same version, however written; any other figure has another."""
    price = Price.of(input=Decimal("0.50"), output=Decimal(2))
    assert price.version == Price.of(input=Decimal("0.5"), output=Decimal("2.0")).version
    others = [
        Price.of(input=Decimal("0.5"), output=Decimal(2), cached_input=Decimal("0.5")),
        Price.of(input=Decimal(2), output=Decimal("0.5")),
        Price.of(input=Decimal("0.5"), output=Decimal("2.01")),
    ]
    assert len({price.version, *(other.version for other in others)}) == 4


def test_a_book_knows_what_it_was_given_and_nothing_else():
    """A tier without a price, or unknown, is unpriced; the book keeps its own copy of what it was given."""
    price = Price.of(input=Decimal(1), output=Decimal(1))
    given = {"edge": price, "long": None}
    book = PriceBook.from_tiers(given)
    given["edge"] = None
    assert [book.price(tier) for tier in ("edge", "long", "nowhere")] == [price, None, None]
