"""The ledger against a provider's bill."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from policies.load import loads
from router.ledger import Ledger, RequestRow, Reservation, Settlement
from router.reconcile.bill import BillError, against_bill, read_bill

CONFIG = loads("tiers: {m: {engine: litellm, model: openai/gpt-4.1-mini}}", "f.yaml", {})
HEAD = "date,model,cost,input_tokens,output_tokens\n"


def at(day: int, hour: int) -> int:
    return int(datetime(2026, 11, day, hour, tzinfo=UTC).timestamp()) * 10**9


@pytest.fixture
def books(tmp_path):
    """A ledger with one attempt of 100 nUSD, 10 input (4 cached) and 5 output tokens at each given time."""

    def made(*times: int, **given: object):
        ledger = Ledger.open(tmp_path / "ledger.db")
        for place, started_ns in enumerate(times):
            name = f"a{place}"
            ledger.reserve(
                Reservation(
                    attempt_id=name, request_id=name, seq=0, kind="primary", tier="m", replica="local",
                    model="openai/gpt-4.1-mini", started_ns=started_ns,
                )
            )  # fmt: skip
            settled = Settlement(
                attempt_id=name, ended_ns=started_ns, end="ok", status=200, input_tokens=6, cached_input_tokens=4,
                output_tokens=5, reasoning_tokens=0, estimated=False, cost_nusd=100, price_version="p",
            )  # fmt: skip
            ledger.settle(replace(settled, **given))
            ledger.record(
                RequestRow(
                    request_id=name, started_ns=started_ns, ended_ns=started_ns, path="", client_model="", policy="",
                    decision="", tier="m", model="openai/gpt-4.1-mini", status=200, cache="off", attempts=1,
                    stream=False, input_tokens=0, cached_input_tokens=0, output_tokens=0, reasoning_tokens=0,
                    estimated=False, cost_nusd=0,
                )
            )  # fmt: skip
        ledger.close()
        return tmp_path / "ledger.db"

    return made


@pytest.fixture
def bill(tmp_path):
    def made(text: str):
        (tmp_path / "bill.csv").write_text(text)
        return read_bill(tmp_path / "bill.csv")

    return made


def test_a_bill_that_agrees_has_no_gap(books, bill):
    """Cost to the nano-dollar, tokens with the cached ones, over the bill's own days."""
    path = books(at(3, 5), at(4, 23), at(9, 0))
    gaps = against_bill(
        path, CONFIG, bill(HEAD + "2026-11-03,gpt-4.1-mini,0.0000001,10,5\n2026-11-04,gpt-4.1-mini,0.0000001,10,5\n")
    )
    assert [(gap.figure, gap.ledger, gap.difference) for gap in gaps] == [
        ("cost", 200, 0), ("input", 20, 0), ("output", 10, 0),
    ]  # fmt: skip
    assert not gaps[0].causes


def test_days_of_another_time_zone_are_found(books, bill):
    """One request at 23:30 UTC is of the next day in Berlin; the shift explains the gap."""
    path = books(at(3, 12), at(4, 12), at(4, 23))
    text = "date,model,cost\n2026-11-03,gpt-4.1-mini,0.0000001\n2026-11-04,gpt-4.1-mini,0.0000001\n"
    (gap,) = against_bill(path, CONFIG, bill(text))
    (zone,) = [cause for cause in gap.causes if cause.name == "time zone"]
    assert gap.difference == -100 and gap.unexplained == 0
    assert "-1 h from UTC" in zone.told


def test_causes_are_told_where_costs_differ(books, bill):
    """Cached input, counts of our own, unknown prices; silent where there is no gap."""
    path = books(at(3, 5), estimated=True)
    (gap,) = against_bill(path, CONFIG, bill("date,model,cost\n2026-11-03,gpt-4.1-mini,0.5\n"))
    assert {cause.name for cause in gap.causes} == {"cached", "estimated"}
    assert not gap.within(0.1)


def test_what_only_one_side_knows_is_a_gap(books, bill):
    """A model that was billed and never used here, and one that was used and not billed."""
    path = books(at(3, 5))
    gaps = against_bill(path, CONFIG, bill("date,model,cost\n2026-11-03,gpt-5,0.5\n"))
    assert [(gap.where, gap.ledger, gap.theirs) for gap in gaps] == [
        ("gpt-4.1-mini", 100, 0),
        ("gpt-5", 0, 500_000_000),
    ]


@pytest.mark.parametrize("name", ["gpt-4.1-mini", "openai/gpt-4.1-mini", "gpt-4.1-mini-2025-04-14"])
def test_a_model_is_known_under_its_provider_s_names(books, bill, name):
    """With the provider before it, or the day of its release behind it."""
    path = books(at(3, 5))
    (gap,) = against_bill(path, CONFIG, bill(f"date,model,cost\n2026-11-03,{name},0.0000001\n"))
    assert (gap.where, gap.difference) == ("gpt-4.1-mini", 0)


def test_a_model_billed_under_two_names_is_one(books, bill):
    """Their costs add up."""
    path = books(at(3, 5), at(3, 6))
    text = "date,model,cost\n2026-11-03,gpt-4.1-mini,0.0000001\n2026-11-03,gpt-4.1-mini-2025-04-14,0.0000001\n"
    (gap,) = against_bill(path, CONFIG, bill(text))
    assert (gap.where, gap.ledger, gap.difference) == ("gpt-4.1-mini", 200, 0)


def test_columns_of_other_names_and_hours_are_read(bill):
    """FOCUS's own, Unix seconds, a dollar sign, thousands."""
    found = bill('ChargePeriodStart,ServiceName,BilledCost\n2026-11-03T05:00:00Z,m,"$1,000.5"\n')
    assert found.models["m"].cost_nusd == 1_000_500_000_000
    assert (found.end - found.start).total_seconds() == 3600
    seconds = int(datetime(2026, 11, 3, tzinfo=UTC).timestamp())
    assert bill(f"start_time,model,amount_value\n{seconds},m,1\n").start == datetime(2026, 11, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("day,model\n2026-11-03,m\n", r"bill\.csv:1: found no column for the cost among day, model, allowed cost"),
        (HEAD + "2026-11-03,m,much,1,1\n", r"bill\.csv:2: found 'much', allowed a number"),
        (HEAD + "yesterday,m,1,1,1\n", r"bill\.csv:2: found 'yesterday', allowed a date"),
        (HEAD, r"bill\.csv: found no rows"),
        ("", r"bill\.csv:1: found no column for the time among none"),
    ],
)
def test_what_is_no_bill_is_told_at_its_place(bill, text, told):
    """File, line, what was found and what is allowed."""
    with pytest.raises(BillError, match=told):
        bill(text)
