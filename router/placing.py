"""Placing: which replica each try of one request gets, and where it waits when all are full."""

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from policies.types import Decision
from router.failures import Failures
from router.ledger.types import AttemptEnd
from router.prefixes import prefixes, work_of
from router.request import Request
from router.tried import Tried
from router.waiting import Place, WaitingRoom
from tiers.budget import RetryShare
from tiers.errors import Overloaded
from tiers.pool import Lease, Tier, Work


class Candidate(NamedTuple):
    """A tier to try. draft: its answer will be judged. forgiven: how an attempt on a replica may have ended."""

    tier: Tier
    draft: bool = False
    forgiven: AttemptEnd = "ok"


class Placed(NamedTuple):
    """A place to dispatch to; whoever gets it gives the lease back.

    draft: whether the answer will be judged. after: the reason for which it is not at the first candidate, None where
    it is.
    """

    tier: Tier
    lease: Lease
    draft: bool
    after: str | None


class Placing:
    """Goes through a decision's tiers, skips those that are full, and in the end waits for one of them.

    What keeps it from a tier is noted in `failures`.
    """

    def __init__(
        self, room: WaitingRoom, request: Request, decision: Decision, tried: Tried, failures: Failures
    ) -> None:
        self._room = room
        self._request = request
        self._decision = decision
        self._tried = tried
        self._failures = failures
        self._first = request.snapshot.tiers[decision.tiers[0]] if decision.tiers else None
        self._order = _order(request, decision)
        self._work = work_of(request.facts, decision.predicted)
        self._full: list[Tier] = []
        self._spent: set[Tier] = set()  # their retry budgets are

    async def next(self) -> Placed | None:
        """The place of the next try; None where there is none left."""
        if self._tried.counted >= self._decision.attempts:
            return None
        for tier, draft, forgiven in self._order:
            if tier in self._full or tier in self._spent or self._failures.rule_out(tier):
                continue
            lease = tier.take(self._work_at(tier), exclude=self._tried.failed_at(tier, forgiven=forgiven))
            if lease is None:
                self._is_full(tier)
            elif self._affordable(tier, lease):
                return self._placed(tier, lease, draft=draft)
        place = await self._waited()
        if place is None or not self._affordable(place.tier, place.lease):
            return None
        return self._placed(place.tier, place.lease, draft=False)

    def at_once(self, tier: Tier, *, forgiven: AttemptEnd = "ok") -> None:
        """Try this tier before what is left."""
        self._order = chain([Candidate(tier, forgiven=forgiven)], self._order)

    def at_the_end(self, tier: Tier) -> None:
        """Try this tier again after what is left, also where its stream was cut: that says little of a replica."""
        self._order = chain(self._order, [Candidate(tier, forgiven="cut")])

    def go_no_further(self) -> None:
        """The policy does not let the last failure be followed by another tier."""
        self._order = iter(())

    def _work_at(self, tier: Tier) -> Work:
        """The prompt's prefixes are hashed once, and only where there is a choice of replicas."""
        if len(tier.replicas) > 1 and not self._work.prefixes:
            known = prefixes(self._request.body, team=self._request.principal.team)
            self._work = self._work._replace(prefixes=known)
        return self._work

    def _is_full(self, tier: Tier) -> None:
        self._full.append(tier)
        self._failures.note(tier, Overloaded(f"no replica can take it ({tier.state()})"))
        if self._decision.on and "overloaded" not in self._decision.on:
            self.go_no_further()

    def _affordable(self, tier: Tier, lease: Lease) -> bool:
        """A first try always is, also after engines that refused the request unread; a re-dispatch while the tier's
        retry budget lasts.
        """
        if len(self._tried.attempts) <= self._tried.escalations + self._failures.refusals:
            tier.retries.sent()
            return True
        budget = self._request.snapshot.policies[self._request.policy].policy.fallback.retry_budget
        if tier.retries.take(RetryShare(budget.share, budget.min_per_s)):
            return True
        lease.release()
        self._spent.add(tier)
        self._failures.note(tier, Overloaded("the retry budget is spent (fallback.retry_budget)", retry_after_s=1.0))
        return False

    def _placed(self, tier: Tier, lease: Lease, *, draft: bool) -> Placed:
        moved = self._tried.failed or tier is not self._first
        return Placed(tier, lease, draft, self._failures.last_reason if moved else None)

    async def _waited(self) -> Place | None:
        tried = self._tried
        exclude = {tier.name: tried.failed_at(tier) for tier in self._full}
        full = [tier for tier in self._full if tier not in self._spent]
        tiers = [t for t in full if t.may_open(exclude[t.name]) and not self._failures.rule_out(t)]
        if not tiers:
            return None
        team, priority = self._request.principal.team, self._decision.priority
        with tried.waiting():
            try:
                return await self._room.wait(
                    tiers, self._work, team=team, priority=priority, exclude=exclude, waited_s=tried.waited_s
                )
            except Overloaded as error:
                self._failures.note(tiers[0], error)
                return None


def _order(request: Request, decision: Decision) -> Iterator[Candidate]:
    """What to try, best first.

    Every replica of a tier may be tried once; the drafts' tiers come again at the very end, the last first, to be taken
    as they are: a modest answer is better than none.
    """
    drafting = decision.cascade.drafts if decision.cascade is not None else ()
    drafts: list[Tier] = []
    for name in decision.tiers:
        tier = request.snapshot.tiers[name]
        if name in drafting and "logprobs" in tier.spec.capabilities:
            drafts.append(tier)
            yield Candidate(tier, draft=True)
            continue
        for _ in tier.replicas:
            yield Candidate(tier)
    for tier in reversed(drafts):
        yield Candidate(tier)
