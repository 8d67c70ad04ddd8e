"""A plan: the rates and pots that one caller is counted in, worked out once and kept while its periods last."""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from router.limits.meters import Meter, counted_as, meters
from router.limits.period import Calendar
from router.limits.rules import Rules, Scope, Who
from router.limits.store import Charge

_NEVER_NS = 2**63
_MANY = 4096


class Rated(NamedTuple):
    """One rate limit. rate: its name. rule: the scope as the configuration has it."""

    what: Literal["requests", "tokens"]
    scope: Scope
    rule: str
    rate: str
    per_minute: int

    def charge(self, tokens: int) -> Charge:
        return Charge(self.rate, self.per_minute, 1 if self.what == "requests" else tokens)


class Plan(NamedTuple):
    """ends_ns: when the first of the periods ends, Unix time."""

    rates: tuple[Rated, ...]
    meters: tuple[Meter, ...]
    ends_ns: int


class Plans:
    """Plans by caller, for one configuration at a time."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._rules: Rules | None = None
        self._plans: dict[tuple[object, ...], Plan] = {}

    def plan(self, rules: Rules, who: Who, now_ns: int) -> Plan:
        if rules is not self._rules or len(self._plans) >= _MANY:
            self._rules, self._plans = rules, {}
        caller = (who.team, who.key, who.user, who.own, *_values(rules.tags, who.tags))
        known = self._plans.get(caller)
        if known is None or now_ns >= known.ends_ns:
            known = self._plans[caller] = self._made(rules, who, now_ns)
        return known

    def _made(self, rules: Rules, who: Who, now_ns: int) -> Plan:
        found = meters(rules.budgets_of(who), self._calendar, now_ns)
        ends_ns = min((meter.span.ends_ns for meter in found), default=_NEVER_NS)
        return Plan(tuple(_rates(rules, who)), found, ends_ns)


def _values(names: tuple[str, ...], tags: Mapping[str, str]) -> Iterator[str | None]:
    for name in names:
        yield tags.get(name)


def _rates(rules: Rules, who: Who) -> Iterator[Rated]:
    """Each rate once, named by its scope and its limit."""
    for scope, limit in rules.rates_of(who):
        name, rule = counted_as(scope), str(limit.scope)
        if limit.requests is not None:
            yield Rated("requests", scope, rule, f"{name}/requests/{limit.requests}", limit.requests)
        if limit.tokens is not None:
            yield Rated("tokens", scope, rule, f"{name}/tokens/{limit.tokens}", limit.tokens)
