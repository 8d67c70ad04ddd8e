"""Attempts: one request's walk over its decision's tiers, from the first dispatch to the end of the answer."""

import time

from policies.types import Decision
from router.attempt import Attempt
from router.continuation import Way, answered_anew, written_on
from router.dispatch import Rejected, Served, answered, draft
from router.errors import from_refusal
from router.failures import Failures
from router.judging import judge_of
from router.ledger.types import AttemptKind
from router.limits.expect import output_p90, reserved_output
from router.limits.hold import Hold
from router.limits.refusals import OverBudget
from router.money import Price
from router.observe.events import Bus, Escalated, FellBack
from router.placing import Placed, Placing
from router.request import Request
from router.tried import Tried
from router.waiting import WaitingRoom
from router.wire.assemble import Assembler
from tiers.engines.registry import continues
from tiers.errors import Broken, Refused, TierError
from tiers.pool import Tier


class Walk:
    """Tries the tiers of a decision until one answers well, escalating drafts and falling back from failures.

    tried: filled with every attempt. A stream that breaks after the caller has part of it is gone on with by the
    candidates that are left.
    """

    def __init__(self, bus: Bus, room: WaitingRoom, request: Request, decision: Decision, tried: Tried) -> None:
        self._bus, self._request, self._decision, self._tried = bus, request, decision, tried
        self._failures = Failures(tried.allowance)
        self._placing = Placing(room, request, decision, tried, self._failures)
        self._begins_anew: set[Tier] = set()  # they refused to go on with a half-written answer

    async def serve(self) -> Served:
        """The first answer that is good enough. Raises ApiError: the engine's refusal, or every failure by name."""
        while (placed := await self._placing.next()) is not None:
            try:
                return await self._try(placed)
            except Rejected as verdict:
                self._tried.escalations += 1
                self._bus.emit(Escalated(placed.tier.name, verdict.value or 0.0))
            except OverBudget as error:  # another tier may be cheaper
                self._failures.over_budget(placed.tier, error)
            except TierError as error:
                if isinstance(error, Refused) and error.reason not in ("context", *self._decision.on):
                    raise from_refusal(error) from error
                self._failures.note(placed.tier, error)
                if not self._may_follow(error):
                    break
        raise self._failures.verdict(self._decision)

    async def go_on(self, tier: Tier, sent: Assembler, error: TierError | None) -> Served:
        """The stream that goes on from what was sent, its first new token seen.

        tier: whose stream came to its end. error: how it broke; None where it is other choices that have not come to
        theirs. Raises ApiError (`stream_cut`) where nobody can go on.
        """
        if error is None:
            self._placing.at_once(tier)
        else:
            self._failures.note(tier, error)
            if not self._may_follow(error):
                raise self._failures.broken_off()
            if isinstance(error, Broken):
                self._placing.at_the_end(tier)
        while (placed := await self._placing.next()) is not None:
            try:
                return await self._try(placed, self._way(placed, sent))
            except OverBudget as refusal:
                self._failures.over_budget(placed.tier, refusal)
            except TierError as failure:
                self._could_not_go_on(placed.tier, failure)
        raise self._failures.broken_off()

    def _way(self, placed: Placed, sent: Assembler) -> Way:
        able = continues(placed.tier.spec.engine, remote=bool(placed.lease.replica.spec.url))
        path, body = self._request.path, self._request.body
        on = None if placed.tier in self._begins_anew else written_on(path, body, sent, able)
        return on or answered_anew(body, sent)

    def _could_not_go_on(self, tier: Tier, error: TierError) -> None:
        """Note it; an engine that refuses the half-written answer is asked for a fresh one."""
        self._failures.note(tier, error)
        if isinstance(error, Refused) and tier not in self._begins_anew:
            self._begins_anew.add(tier)
            self._placing.at_once(tier, forgiven="failed")

    def _may_follow(self, error: TierError) -> bool:
        """Whether the policy lets another attempt follow this failure."""
        return not self._decision.on or error.reason in self._decision.on

    async def _try(self, placed: Placed, way: Way | None = None) -> Served:
        """One dispatch. way: how it goes on with what was sent; None for an answer from its beginning."""
        request, tried, predicted = self._request, self._tried, self._decision.predicted
        tier, after = placed.tier, placed.after
        price = request.snapshot.prices.price(tier.name, placed.lease.replica.spec.kind)
        output_tokens = reserved_output(request.facts, output_p90(predicted))
        hold = await self._held(placed, price, output_tokens)
        if after is not None:
            tried.fallbacks += 1
            self._bus.emit(FellBack(tier.name, after))
        ours = Attempt(
            self._bus, request, tier, placed.lease, kind="continuation" if way else self._kind(placed),
            seq=len(tried.attempts), price=price, output_tokens=output_tokens, hold=hold,
        )  # fmt: skip
        tried.attempts.append(ours)
        ours.dispatch()
        cascade = self._decision.cascade if placed.draft else None
        if cascade is not None:
            return await draft(ours, request, judge_of(request.snapshot, cascade, predicted, tier.name))
        return await answered(ours, request, way)

    async def _held(self, placed: Placed, price: Price | None, output_tokens: int) -> Hold | None:
        """What the budgets hold for one try. Raises ApiError where they do not, with the place given back."""
        allowance = self._tried.allowance
        if allowance is None:
            return None
        try:
            return await allowance.hold(price, self._request.facts.prompt_tokens, output_tokens)
        except BaseException:
            placed.lease.release()
            raise

    def _kind(self, placed: Placed) -> AttemptKind:
        if placed.draft:
            return "draft"
        if placed.after is not None:
            return "fallback"
        return "escalation" if self._tried.escalations else "primary"


def overhead_s(request: Request, tried: Tried, now: float | None = None) -> float:
    """Seconds of the request that no engine was at work and it did not wait for one."""
    busy = sum(ours.upstream_s for ours in tried.attempts)
    return max(0.0, (now if now is not None else time.monotonic()) - request.started - busy - tried.waited_s)
