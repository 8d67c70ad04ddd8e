"""Rules: which budgets and rate limits a request falls under."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from policies.schema import Config
from policies.schema_limits import Budget as BudgetSettings
from router.limits.state import OnExceed, Period, Unit
from router.money import NUSD_PER_USD

EACH = "*"


class Scope(NamedTuple):
    """Whose spending. kind: org, team, key, user or tag. tag: the tag's name. value: a name, or `*` for each."""

    kind: str
    value: str = ""
    tag: str = ""

    @classmethod
    def of(cls, written: str) -> "Scope":
        kind, _, rest = written.partition(":")
        if kind != "tag":
            return cls(kind, rest)
        name, _, value = rest.partition("=")
        return cls(kind, value, name)

    def __str__(self) -> str:
        if self.kind == "org":
            return "org"
        return f"tag:{self.tag}={self.value}" if self.kind == "tag" else f"{self.kind}:{self.value}"


class Counted(NamedTuple):
    """Whose spending of what, counted anew when."""

    scope: Scope
    unit: Unit
    period: Period
    timezone: str


@dataclass(frozen=True, slots=True)
class Budget:
    """limit: nano-dollars or tokens a period."""

    scope: Scope
    unit: Unit
    limit: int
    period: Period
    timezone: str
    on_exceed: OnExceed = "reject"

    @property
    def counted(self) -> Counted:
        """What budgets must have in common to count the same."""
        return Counted(self.scope, self.unit, self.period, self.timezone)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """requests, tokens: a minute; None where not limited."""

    scope: Scope
    requests: int | None
    tokens: int | None


class Own(NamedTuple):
    """What a key was made with: requests and tokens a minute, and nano-dollars a period; None where not limited."""

    rpm: int | None = None
    tpm: int | None = None
    budget_nusd: int | None = None
    budget_period: Period = "month"

    @property
    def unlimited(self) -> bool:
        return self.rpm is None and self.tpm is None and self.budget_nusd is None


class Who(NamedTuple):
    """Whom a request is counted for."""

    team: str
    key: str
    user: str
    tags: Mapping[str, str]
    own: Own | None = None


class _Scoped(Protocol):
    @property
    def scope(self) -> Scope: ...


Rule = TypeVar("Rule", bound=_Scoped)


class _Index(Generic[Rule]):
    """Rules by their scope."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules: dict[Scope, list[Rule]] = {}
        for rule in rules:
            self._rules.setdefault(rule.scope, []).append(rule)

    def of(self, scopes: Iterable[Scope], own: tuple[Rule, ...]) -> list[tuple[Scope, Rule]]:
        """own: rules that the key itself was made with."""
        found: list[tuple[Scope, Rule]] = []
        for scope in scopes:
            named = [*self._rules.get(scope, []), *(rule for rule in own if rule.scope == scope)]
            found += [(scope, rule) for rule in named or self._rules.get(Scope(scope.kind, EACH), [])]
        return found


class Rules:
    """The budgets and rate limits of one configuration.

    tags: the names that some scope asks for. A scope that is written by name, or made with its key, stands in place of
    `team:*`, `key:*` or `user:*`.
    """

    def __init__(self, config: Config) -> None:
        zone = config.server.timezone
        self._timezone = zone
        self.budgets = tuple(_budget(budget, zone) for budget in config.budgets)
        self.rates = tuple(RateLimit(Scope.of(limit.scope), limit.rpm, limit.tpm) for limit in config.limits)
        self._budgets_of = _Index(self.budgets)
        self._rates_of = _Index(self.rates)
        scopes = [*(budget.scope for budget in self.budgets), *(limit.scope for limit in self.rates)]
        self.tags = tuple(dict.fromkeys(scope.tag for scope in scopes if scope.kind == "tag"))

    @property
    def empty(self) -> bool:
        return not self.budgets and not self.rates

    def budgets_of(self, who: Who) -> list[tuple[Scope, Budget]]:
        """Those that a request falls under, each with the scope that `*` stands for."""
        return self._budgets_of.of(self._scopes(who), self.own_budget(who.key, who.own))

    def rates_of(self, who: Who) -> list[tuple[Scope, RateLimit]]:
        own: tuple[RateLimit, ...] = ()
        if who.own is not None and (who.own.rpm is not None or who.own.tpm is not None):
            own = (RateLimit(Scope("key", who.key), who.own.rpm, who.own.tpm),)
        return self._rates_of.of(self._scopes(who), own)

    def own_budget(self, key_id: str, own: Own | None) -> tuple[Budget, ...]:
        """The budget that a key was made with, in the gateway's time zone."""
        if own is None or own.budget_nusd is None:
            return ()
        return (Budget(Scope("key", key_id), "usd", own.budget_nusd, own.budget_period, self._timezone),)

    def _scopes(self, who: Who) -> Iterator[Scope]:
        yield Scope("org")
        for kind, value in (("team", who.team), ("key", who.key), ("user", who.user)):
            if value:
                yield Scope(kind, value)
        for tag in self.tags:
            if tag in who.tags:
                yield Scope("tag", who.tags[tag], tag)


def _budget(budget: BudgetSettings, timezone: str) -> Budget:
    in_usd = budget.limit_usd is not None
    limit = int(budget.limit_usd * NUSD_PER_USD) if budget.limit_usd is not None else budget.limit_tokens or 0
    return Budget(
        scope=Scope.of(budget.scope),
        unit="usd" if in_usd else "tokens",
        limit=limit,
        period=budget.period,
        timezone=budget.timezone or timezone,
        on_exceed=budget.on_exceed,
    )
