"""The columns of the export: names, types and nullability of FOCUS 1.4's Cost and Usage dataset, and our own `x_`.

Source: https://focus.finops.org, version 1.4, dataset CostAndUsage. Left out are columns that are conditional on what
Tiergate has not: commitments, capacity reservations, invoices with another currency, split cost allocation, regions.
"""

from dataclasses import dataclass
from typing import Literal

VERSION = "1.4"
Kind = Literal["text", "decimal", "time", "json"]


@dataclass(frozen=True, slots=True)
class Column:
    """kind: decimals are exact and times UTC. nullable: whether FOCUS allows nulls."""

    name: str
    kind: Kind = "text"
    nullable: bool = False


COLUMNS = (
    Column("BilledCost", "decimal"),
    Column("BillingAccountId"),
    Column("BillingAccountName", nullable=True),
    Column("BillingCurrency"),
    Column("BillingPeriodEnd", "time"),
    Column("BillingPeriodStart", "time"),
    Column("ChargeCategory"),
    Column("ChargeClass", nullable=True),
    Column("ChargeDescription", nullable=True),
    Column("ChargeFrequency"),
    Column("ChargePeriodEnd", "time"),
    Column("ChargePeriodStart", "time"),
    Column("ConsumedQuantity", "decimal", nullable=True),
    Column("ConsumedUnit", nullable=True),
    Column("ContractedCost", "decimal"),
    Column("EffectiveCost", "decimal"),
    Column("HostProviderName"),
    Column("InvoiceDetailId", nullable=True),
    Column("InvoiceId", nullable=True),
    Column("InvoiceIssuerName"),
    Column("ListCost", "decimal"),
    Column("ListUnitPrice", "decimal", nullable=True),
    Column("PricingCategory", nullable=True),
    Column("PricingQuantity", "decimal", nullable=True),
    Column("PricingUnit", nullable=True),
    Column("ServiceCategory"),
    Column("ServiceName"),
    Column("ServiceProviderName"),
    Column("ServiceSubcategory"),
    Column("SkuId", nullable=True),
    Column("SkuMeter", nullable=True),
    Column("SkuPriceDetails", "json", nullable=True),
    Column("SkuPriceId", nullable=True),
    Column("SubAccountId", nullable=True),
    Column("SubAccountName", nullable=True),
    Column("x_CredentialId", nullable=True),
    Column("x_TierName"),
    Column("x_TokenBucket", nullable=True),
)
