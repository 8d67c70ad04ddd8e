"""Charges: a group as rows of the export, one for each kind of token."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from policies.schema import Config
from router.focus.groups import Group, Key, Month, month_bounds_ns
from router.money import NUSD_PER_USD, Price, parts

MILLION = Decimal(1_000_000)
_UNIT = "1000000 Tokens"
_BUCKETS = {
    "input": "Input Tokens",
    "cached_input": "Cached Input Tokens",
    "output": "Output Tokens",
    "reasoning": "Reasoning Tokens",
}


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who bills. account: the name of the organisation whose fleet it is. config: says which tiers are others'."""

    account: str
    config: Config

    def provider(self, tier: str) -> str:
        """Whose service a tier is: the provider that litellm calls, else one's own."""
        described = self.config.tiers.get(tier)
        if described is None or described.engine != "litellm":
            return self.account
        return described.model.partition("/")[0] if "/" in described.model else "openai"


def charges(month: str, found: Month, prices: Mapping[str, Price], issuer: Issuer) -> Iterator[dict[str, Any]]:
    """Rows in order of time: values by column, None for null. Costs are exact decimals in USD.

    A kind of token that was neither used nor billed has no row. What has a cost but no counted tokens, or figures that
    are no longer known, is an Adjustment.
    """
    period = [_time(bound) for bound in month_bounds_ns(month)]
    for key in sorted(found.groups):
        common = {**_common(key, issuer), "BillingPeriodStart": period[0], "BillingPeriodEnd": period[1]}
        price = _reached(prices.get(key.version), key.price)
        group = found.groups[key]
        if price is None or not key.counted or not any((group.input, group.cached_input, group.output)):
            yield from _adjusted(common, key, group)
        else:
            yield from _used(common, key, group, price)


def _used(common: Mapping[str, Any], key: Key, group: Group, price: Price) -> Iterator[dict[str, Any]]:
    shares = parts(
        group.cost_nusd, price, input_tokens=group.input, cached_input_tokens=group.cached_input,
        output_tokens=group.output, reasoning_tokens=group.reasoning,
    )  # fmt: skip
    tokens = {
        "input": group.input, "cached_input": group.cached_input,
        "output": group.output - group.reasoning, "reasoning": group.reasoning,
    }  # fmt: skip
    for bucket, meter in _BUCKETS.items():
        count, cost = tokens[bucket], getattr(shares, bucket)
        if not count and not cost:
            continue
        unit_price, quantity = _unit_price(price, bucket), count / MILLION
        yield {
            **common, **_costs(cost), "ListCost": unit_price * quantity, "ListUnitPrice": unit_price,
            "ChargeCategory": "Usage", "ChargeDescription": f"{meter} of {key.model} on tier {key.tier}",
            "ConsumedQuantity": Decimal(count), "ConsumedUnit": "Tokens", "PricingCategory": "Standard",
            "PricingQuantity": quantity, "PricingUnit": _UNIT, "SkuId": f"{key.model}/{bucket}", "SkuMeter": meter,
            "SkuPriceId": f"{price.version}/{bucket}", "x_TokenBucket": bucket,
            "SkuPriceDetails": orjson.dumps({"x_TierName": key.tier, "x_TokenBucket": bucket}).decode(),
        }  # fmt: skip


def _adjusted(common: Mapping[str, Any], key: Key, group: Group) -> Iterator[dict[str, Any]]:
    if not group.cost_nusd:
        return
    why = "tokens not known one by one" if key.counted else "settled at its reservation, its end was never seen"
    yield {
        **common, **_costs(group.cost_nusd), "ChargeCategory": "Adjustment",
        "ChargeDescription": f"{key.model} on tier {key.tier}: {why}",
    }  # fmt: skip


def _common(key: Key, issuer: Issuer) -> dict[str, Any]:
    start = _time(key.start_ns)
    provider = issuer.provider(key.tier)
    return {
        "BillingAccountId": issuer.account, "BillingAccountName": issuer.account, "BillingCurrency": "USD",
        "ChargeFrequency": "Usage-Based", "ChargePeriodStart": start, "ChargePeriodEnd": start + timedelta(hours=1),
        "HostProviderName": provider, "InvoiceIssuerName": provider, "ServiceProviderName": provider,
        "ServiceCategory": "AI and Machine Learning", "ServiceSubcategory": "Generative AI", "ServiceName": key.model,
        "SubAccountId": key.team or None, "SubAccountName": key.team or None, "x_CredentialId": key.key_id or None,
        "x_TierName": key.tier,
    }  # fmt: skip


def _costs(nusd: int) -> dict[str, Decimal]:
    cost = Decimal(nusd) / NUSD_PER_USD
    return {"BilledCost": cost, "EffectiveCost": cost, "ContractedCost": cost, "ListCost": cost}


def _reached(price: Price | None, version: str) -> Price | None:
    """The step of a price that was billed at."""
    if price is None or price.version == version:
        return price
    return next((step for _, step in price.over if step.version == version), None)


def _unit_price(price: Price, bucket: str) -> Decimal:
    """USD per million tokens of that kind."""
    figure: Decimal | None = getattr(price, bucket)
    if figure is not None:
        return figure
    return price.input if bucket == "cached_input" else price.output


def _time(ns: int) -> datetime:
    return datetime.fromtimestamp(ns // 1_000_000_000, UTC)
