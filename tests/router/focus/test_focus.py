"""The FOCUS export: the standard's columns, and the ledger's money to the nano-dollar."""

import csv
import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from policies.load import loads
from router.focus.charges import Issuer, charges
from router.focus.files import write
from router.focus.groups import grouped, month_bounds_ns
from router.ledger import Correction, Ledger, RequestRow, Reservation, Settlement
from router.ledger.sums import sums, total
from router.money import NUSD_PER_USD, Price, cost_nusd
from router.prices import stored
from router.prices.book import PriceBook
from tests.router.focus import spec

NOVEMBER = month_bounds_ns("2026-11")[0]
HOUR = 3_600_000_000_000
LONG = Price.of(input=Decimal(6), output=Decimal(9))
PRICE = Price.of(
    input=Decimal("0.3"), output=Decimal("1.7"), cached_input=Decimal("0.07"), reasoning=Decimal(2), over={1_000: LONG}
)
CONFIG = loads("tiers: {edge: {engine: litellm, model: mistral/small, price: {input: 1, output: 1}}}", "f.yaml", {})


class Books:
    """A ledger to put attempts into."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ledger.db"
        self.ledger = Ledger.open(self.path)
        self.count = 0
        stored.write(self.path, PriceBook.from_tiers({"edge": PRICE}), 1)

    def attempt(self, at_ns: int, tokens: tuple[int, int, int, int] | None, **given: object) -> str:
        """tokens: input, cached input, output, reasoning; None where the end was never seen."""
        self.count += 1
        name = f"a{self.count}"
        fresh, cached, output, reasoning = tokens or (None, None, None, None)
        cost = 77 if tokens is None else cost_nusd(
            PRICE, input_tokens=fresh, cached_input_tokens=cached, output_tokens=output, reasoning_tokens=reasoning
        )  # fmt: skip
        reserved = Reservation(
            attempt_id=name, request_id=f"r{name}", seq=0, kind="primary", tier="edge", replica="x", model="small",
            started_ns=at_ns, team="search", key_id="k1", price_version=PRICE.version,
        )  # fmt: skip
        settled = Settlement(
            attempt_id=name, ended_ns=at_ns + 1, end="ok", status=200, input_tokens=fresh, cached_input_tokens=cached,
            output_tokens=output, reasoning_tokens=reasoning, estimated=False, cost_nusd=cost,
            price_version=PRICE.version,
        )  # fmt: skip
        ours = {key: value for key, value in given.items() if key in ("team", "key_id", "kind")}
        self.ledger.reserve(replace(reserved, **ours))
        self.ledger.settle(replace(settled, **{key: value for key, value in given.items() if key not in ours}))
        self.ledger.record(
            RequestRow(
                request_id=f"r{name}", started_ns=at_ns, ended_ns=at_ns + 1, path="/v1/chat/completions",
                client_model="auto", policy="default", decision="x", tier="edge", model="m", status=200, cache="off",
                attempts=1, stream=False, input_tokens=0, cached_input_tokens=0, output_tokens=0, reasoning_tokens=0,
                estimated=False, cost_nusd=cost,
            )
        )  # fmt: skip
        return name

    def export(self, month: str = "2026-11") -> list[dict[str, str]]:
        self.ledger.close()
        prices = stored.read(self.path)
        found = grouped(self.path, month, prices)
        written = write(charges(month, found, prices, Issuer("Acme", CONFIG)), self.path.parent / "out", month)
        with written.files[0].open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert (written.rows, written.billed_nusd) == (len(rows), billed(rows))
        return rows


@pytest.fixture
def books(tmp_path):
    return Books(tmp_path)


def billed(rows) -> int:
    return sum(round(Decimal(row["BilledCost"]) * NUSD_PER_USD) for row in rows)


def filled(books: Books) -> None:
    books.attempt(NOVEMBER, (10, 3, 7, 2))
    books.attempt(NOVEMBER + 5, (1, 0, 1, 0))
    books.attempt(NOVEMBER + HOUR, (900, 200, 30, 0), team="", key_id="")
    books.attempt(NOVEMBER + 30 * 24 * HOUR - 1, None)


def test_the_columns_are_those_of_the_standard(books):
    """Every mandatory and every conditional one that applies; FOCUS's before ours, each in alphabetical order."""
    filled(books)
    names = list(books.export()[0])
    ours = [name for name in names if name.startswith("x_")]
    assert names == sorted(set(names) - set(ours)) + sorted(ours)
    assert set(names) >= spec.MANDATORY | spec.CONDITIONAL
    assert not set(names) & spec.REMOVED


def test_every_value_is_allowed_where_it_stands(books):
    """No null where none is allowed, plain decimals, times in UTC, and only the standard's words."""
    filled(books)
    for row in books.export():
        needed = spec.NEVER_NULL | (spec.NEVER_NULL_OF_USAGE if row["ChargeCategory"] == "Usage" else set())
        assert not {name for name in needed if row[name] == ""}
        assert all(row[name] in words for name, words in spec.ALLOWED.items())
        assert all(re.fullmatch(spec.NUMBER, row[name]) for name in spec.DECIMALS if row[name])
        assert all(re.fullmatch(spec.TIME, row[name]) for name in row if name.endswith(("Start", "End")))
        assert (row["PricingQuantity"] == "") == (row["PricingUnit"] == "")
        assert (row["SkuPriceId"] == "") == (row["ListUnitPrice"] == "")


def test_list_cost_is_unit_price_times_quantity_exactly(books):
    """Also where prompts were so long that another price held."""
    filled(books)
    rows = [row for row in books.export() if row["ListUnitPrice"]]
    for row in rows:
        assert Decimal(row["ListCost"]) == Decimal(row["ListUnitPrice"]) * Decimal(row["PricingQuantity"])
    assert {row["ListUnitPrice"] for row in rows if row["x_TokenBucket"] == "input"} == {"0.3", "6"}


def test_the_total_is_the_ledger_s_to_the_nano_dollar(books):
    """Costs that were rounded one by one add up to what the ledger adds up to, bucket by bucket split."""
    for place in range(200):
        books.attempt(NOVEMBER + place * 7 * 60_000_000_000, (place * 13 % 50, place % 5, place * 7 % 11, place % 2))
    filled(books)
    rows = books.export()
    assert billed(rows) == total(sums(books.path)).attempts.cost_nusd > 0


def test_each_kind_of_token_has_its_row_in_its_hour(books):
    """One row for hour, sub account, key, tier, model and bucket; nothing for a bucket that was not used."""
    filled(books)
    rows = books.export()
    first = [row for row in rows if row["ChargePeriodStart"] == "2026-11-01T00:00:00Z"]
    assert {row["x_TokenBucket"]: row["ConsumedQuantity"] for row in first} == {
        "input": "11", "cached_input": "3", "output": "6", "reasoning": "2",
    }  # fmt: skip
    second = [row for row in rows if row["ChargePeriodStart"] == "2026-11-01T01:00:00Z"]
    assert {row["x_TokenBucket"] for row in second} == {"input", "cached_input", "output"}
    assert {(row["SubAccountId"], row["x_CredentialId"]) for row in second} == {("", "")}
    assert {row["ServiceProviderName"] for row in rows} == {"mistral"}


def test_what_was_settled_unseen_is_an_adjustment(books):
    """A cost without counted tokens is billed in its hour and names no quantity."""
    filled(books)
    row = books.export()[-1]
    assert (row["ChargeCategory"], row["BilledCost"], row["PricingQuantity"]) == ("Adjustment", "0.000000077", "")
    assert row["ChargePeriodStart"] == "2026-11-30T23:00:00Z"


def test_a_correction_lands_in_the_hour_of_what_it_corrects(books):
    """However late it was made; a refund may take a row below zero, and another month never sees it."""
    name = books.attempt(NOVEMBER + HOUR, (10, 0, 0, 0))
    december = month_bounds_ns("2026-12")[0]
    books.ledger.correct(
        Correction(correction_id="c", attempt_id=name, made_ns=december, author="me", reason="refund", cost_nusd=-5_000)
    )
    (row,) = books.export()
    assert (row["ChargePeriodStart"], row["BilledCost"]) == ("2026-11-01T01:00:00Z", "-0.000002")
    assert grouped(books.path, "2026-12", {}).groups == {}


def test_figures_that_are_no_longer_known_are_an_adjustment(books):
    """Attempts of a price whose figures were not kept are billed all the same, without a unit price."""
    books.attempt(NOVEMBER, (10, 0, 5, 0), price_version="lost")
    (row,) = books.export()
    assert (row["ChargeCategory"], row["ListUnitPrice"], row["SkuPriceId"]) == ("Adjustment", "", "")
    assert Decimal(row["BilledCost"]) > 0


def test_a_month_without_attempts_has_headings_only(books):
    """All three files are there."""
    assert books.export("2020-01") == []


def test_months_do_not_overlap(books):
    """The last nanosecond of November is November's; cached answers and unknown costs are not charges."""
    december = month_bounds_ns("2026-12")[0]
    books.attempt(december - 1, (1_000_000, 0, 0, 0))
    books.attempt(december, (1_000_000, 0, 0, 0))
    books.attempt(december - 1, (5, 0, 0, 0), kind="cache_hit", cost_nusd=0)
    books.attempt(december - 1, (5, 0, 0, 0), cost_nusd=None, price_version="")
    assert len(books.export()) == 1
    assert grouped(books.path, "2026-11", {}).unpriced == 1


def test_parquet_says_the_same_as_csv(books):
    """The same rows in the same order with exact decimals and real times; the metadata names every column."""
    filled(books)
    rows = books.export()
    folder = books.path.parent / "out"
    table = pq.read_table(folder / "focus-1.4-2026-11.parquet").to_pylist()
    assert [str(row["BilledCost"].normalize() * NUSD_PER_USD) for row in table] == [
        str(Decimal(row["BilledCost"]).normalize() * NUSD_PER_USD) for row in rows
    ]
    assert table[0]["ChargePeriodStart"] == datetime(2026, 11, 1, tzinfo=UTC)
    told = orjson.loads((folder / "focus-1.4-2026-11.metadata.json").read_bytes())["Schema"]
    assert [c["ColumnName"] for c in told["ColumnDefinition"]] == list(rows[0])
    assert told["FocusVersion"] == "1.4"


@pytest.mark.parametrize("month", ["2026-13", "november", "2026-11-01", ""])
def test_a_month_that_is_none_is_a_clear_error(month):
    """It names the option, what was found and what is allowed."""
    with pytest.raises(ValueError, match=r"--month: found .* allowed a year and a month"):
        month_bounds_ns(month)
