"""A case: one request before one policy, with each tier judged once."""

from collections.abc import Iterable, Mapping

from policies.limits import Standing, needs, standing
from policies.types import Facts, Predicted, TierView
from policies.value import Estimate, estimate

NOTHING_KNOWN = Estimate(None, None, None, None, None)


class Case:
    """The facts, the prediction and the tiers; standings and estimates are made when first asked for."""

    def __init__(self, facts: Facts, predicted: Predicted | None, views: Mapping[str, TierView]) -> None:
        self.facts = facts
        self.predicted = predicted
        self.views = views
        self.needs = needs(facts)
        self._standings: dict[str, Standing] = {}
        self._estimates: dict[str, Estimate] = {}

    def standing(self, name: str) -> Standing:
        made = self._standings.get(name)
        if made is None:
            made = self._standings[name] = standing(
                self.views.get(name), self.facts, self.needs, self.predicted
            )
        return made

    def estimate(self, name: str) -> Estimate:
        made = self._estimates.get(name)
        if made is None:
            view = self.views.get(name)
            made = NOTHING_KNOWN if view is None else estimate(view, self.facts, self.predicted)
            self._estimates[name] = made
        return made

    def usable(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if self.standing(name).kind == "usable"]
