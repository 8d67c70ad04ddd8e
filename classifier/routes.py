"""The routes: which tier each labelled request goes to, at every setting of `route.quality`, and what comes of it.

The rule is the router's: the cheapest tier whose predicted quality is at least a share of the best predicted one.
Load, latency, context and budgets are left out: these are the classifier's figures, not the fleet's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.artifact import Classifier
from classifier.data import Table
from classifier.errors import DataError

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SHARES = np.round(np.concatenate((np.linspace(0.0, 0.6, 13), np.linspace(0.61, 1.0, 40))), 3)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Labelled requests with what the classifier says of them.

    tiers: cheapest first. correct, quality: (rows, tiers), true and predicted. costs: (tiers,), of one request.
    """

    tiers: tuple[str, ...]
    correct: Doubles
    quality: Doubles
    costs: Doubles


@dataclass(frozen=True, slots=True)
class Routes:
    """Results per row at each setting: sent (settings, rows) is the tier's place; cost and quality likewise."""

    sent: Ints
    cost: Doubles
    quality: Doubles


def label_outcomes(classifier: Classifier, table: Table, costs: Mapping[str, float] | None = None) -> Outcomes:
    """Set labels beside predictions, for the tiers in the order of `table.tiers`.

    costs: of one request on each tier, any unit; unless given evenly spaced from 0 (cheapest) to 1. Raises DataError.
    """
    columns = [classifier.tiers.index(tier) for tier in table.tiers]
    predicted = classifier.outcomes.outcomes(classifier.inputs.matrix(table.questions))[0]
    priced = even_costs(table.tiers) if costs is None else costs
    missing = [tier for tier in table.tiers if tier not in priced]
    if missing:
        raise DataError(f"costs: none for tier {missing[0]}: give one for each of {', '.join(table.tiers)}")
    return Outcomes(
        tiers=table.tiers,
        correct=table.correct,
        quality=predicted[:, columns].astype(np.float64),
        costs=np.array([float(priced[tier]) for tier in table.tiers]),
    )


def even_costs(tiers: tuple[str, ...]) -> dict[str, float]:
    """A cost for each tier where none is known: 0 for the cheapest, 1 for the dearest, evenly between."""
    return {tier: place / (len(tiers) - 1) for place, tier in enumerate(tiers)}


def route_all(outcomes: Outcomes) -> Routes:
    """Every row at every setting of `SHARES`."""
    by_cost = np.argsort(outcomes.costs, kind="stable")
    quality = outcomes.quality[:, by_cost]
    bars = SHARES[:, None] * quality.max(axis=1)
    good_enough = quality[None, :, :] >= bars[:, :, None] - 1e-12
    return follow(outcomes, by_cost[good_enough.argmax(axis=2)])


def route_by_oracle(outcomes: Outcomes) -> Routes:
    """Every row as one who knew the labels would send it, at every price of quality: the best that can be."""
    spread = max(float(np.ptp(outcomes.costs)), 1e-12)
    worth = np.concatenate(([0.0], np.geomspace(1e-3, 10.0, 30))) / spread
    value = outcomes.correct[None, :, :] - worth[:, None, None] * outcomes.costs
    cheap_first = np.argsort(outcomes.costs, kind="stable")
    return follow(outcomes, cheap_first[value[:, :, cheap_first].argmax(axis=2)])


def follow(outcomes: Outcomes, sent: Ints) -> Routes:
    """What comes of sending each row to the tier in `sent` (settings, rows)."""
    rows = np.arange(sent.shape[1])
    return Routes(sent=sent, cost=outcomes.costs[sent], quality=outcomes.correct[rows, sent])


def single_tiers(outcomes: Outcomes) -> Routes:
    """One setting for each tier: everything goes there."""
    rows = len(outcomes.correct)
    return follow(outcomes, np.tile(np.arange(len(outcomes.tiers))[:, None], (1, rows)))
