"""Where a tier's price comes from."""

from datetime import date
from decimal import Decimal

import pytest

from policies.load import loads
from policies.problems import ConfigError
from router.ledger import Ledger
from router.money import cost_nusd
from router.prices.book import PriceBook
from router.prices.catalogue import Catalogue
from router.prices.quote import Throughput, price_book
from router.prices.stored import read, write

TODAY = date(2026, 11, 21)


def book(tier: str, measured: Throughput | None = None, on: date = TODAY) -> PriceBook:
    config = loads(f"tiers: {{t: {{{tier}}}}}", "f.yaml", {})
    return price_book(config, on=on, measured={"t": measured} if measured else {})


def managed(model: str, more: str = "") -> PriceBook:
    return book(f"engine: litellm, model: '{model}'{more}")


def gpu(settings: str, measured: Throughput | None = None) -> PriceBook:
    tier = "engine: vllm, model: m, replicas: [{url: 'http://h/v1'}]"
    return book(f"{tier}, gpu: {{kind: A, usd_per_hour: 3.6, {settings}}}", measured)


def test_a_managed_tier_has_the_catalogue_s_price():
    """With its source and day, cached input and batch included."""
    quote = managed("openai/gpt-4.1-mini").quotes["t"]
    assert (quote.price.input, quote.price.cached_input, quote.price.output) == tuple(
        map(Decimal, ("0.4", "0.1", "1.6"))
    )
    assert quote.price.batch.output == Decimal("0.8")
    assert quote.basis == "catalogue" and "openai/gpt-4.1-mini, genai-prices" in quote.source and "2026-" in quote.since


def test_the_owner_s_figure_beats_the_catalogue_s():
    """One overridden figure leaves the others; both input and output make a price of one's own."""
    some = managed("openai/gpt-4.1-mini", ", price: {input: 0.3}").quotes["t"]
    assert (some.price.input, some.price.output, some.basis) == (
        Decimal("0.3"),
        Decimal("1.6"),
        "catalogue, overridden",
    )
    own = managed("openai/gpt-4.1-mini", ", price: {input: 1, output: 2}").quotes["t"]
    assert (own.price.cached_input, own.price.batch, own.basis) == (None, None, "given")


def test_what_no_catalogue_lists_is_unknown():
    """An unknown model has an unknown price and says what to do."""
    quote = managed("nobody/knows-it").quotes["t"]
    assert quote.price is None and quote.basis == "unknown" and "set `price`" in quote.source


def test_a_long_prompt_is_billed_wholly_at_its_own_price():
    """The cliff of tiered prices: one token more, and every token costs more."""
    price = managed("anthropic/claude-sonnet-4-5").price("t")
    below = cost_nusd(price, input_tokens=200_000, cached_input_tokens=0, output_tokens=0)
    above = cost_nusd(price, input_tokens=199_000, cached_input_tokens=1_001, output_tokens=0)
    assert below == 200_000 * 3_000
    assert above == 199_000 * 6_000 + 1_001 * 600


def test_tokens_written_to_a_cache_and_reasoning_have_their_own_price():
    """They are parts of input and output, not additions."""
    price = managed("m", ", price: {input: 1, output: 2, cache_write: 3, reasoning: 5}").price("t")
    cost = cost_nusd(
        price, input_tokens=10, cached_input_tokens=0, output_tokens=10, cache_write_tokens=4, reasoning_tokens=6
    )
    assert cost == 6 * 1_000 + 4 * 3_000 + 4 * 2_000 + 6 * 5_000


def test_a_catalogue_s_price_is_of_its_day():
    """The latest price that had begun on that day."""
    listed = {"id": "m", "match": ["equals", "m"], "prices": [{"input": "1"}, {"from": "2026-03-01", "input": "2"}]}
    catalogue = Catalogue(
        {"source": "s", "newest_change": "d", "providers": {"openai": {"page": "", "else": [], "models": [listed]}}}
    )
    found = [catalogue.find("m", date(2026, month, 1)).figures["input"] for month in (2, 3)]
    assert found == [Decimal(1), Decimal(2)]


def test_input_and_output_cost_the_gpu_time_that_they_take():
    """3.6 USD an hour is 0.001 USD a second: 1,000 tokens a second are 1 USD per million."""
    price = gpu("tokens_per_second: 1000, prompt_tokens_per_second: 8000").price("t")
    assert (price.input, price.output) == (Decimal("0.125"), Decimal(1))


def test_spot_replicas_have_their_own_rate():
    """A class without one has the tier's."""
    prices = gpu("tokens_per_second: 1000, rates: {spot: 1.8}")
    assert prices.price("t", "spot").output * 2 == prices.price("t", "reserved").output == prices.price("t").output


def test_a_throughput_that_is_not_given_is_measured_or_unknown():
    """No throughput, no price; never 0."""
    assert gpu("count: 1").price("t") is None
    quote = gpu("count: 1", Throughput(output=500, prompt=4_000)).quotes["t"]
    assert (quote.price.output, quote.price.input, quote.basis) == (Decimal(2), Decimal("0.25"), "GPU, measured")


@pytest.mark.parametrize("price", ["{input: 1}", "{output: 1}", "{cached_input: 1}"])
def test_half_a_price_is_a_mistake_where_no_catalogue_helps(price):
    """Told at its place, with what is allowed."""
    with pytest.raises(ConfigError, match=r"tiers\.t\.price: found no '(input|output)', allowed both"):
        loads(f"tiers:\n  t: {{engine: llama.cpp, model: 'bundled:edge', price: {price}}}", "f.yaml", {})


def test_the_figures_behind_a_version_are_kept(tmp_path):
    """An export of last month has the prices of last month."""
    Ledger.open(tmp_path / "l.db").close()
    assert read(tmp_path / "l.db") == {}
    prices = managed("anthropic/claude-sonnet-4-5")
    for _ in range(2):
        write(tmp_path / "l.db", prices, 1)
    price = prices.price("t")
    assert read(tmp_path / "l.db") == {price.version: price}
