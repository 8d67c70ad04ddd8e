"""Attempt: walk the decision's tiers until one answers well, escalating drafts and falling back from failures."""

import time
from dataclasses import dataclass
from typing import Any

from policies.types import Decision
from router.attempt import Attempt
from router.continuation import Way, answered_anew, written_on
from router.errors import from_refusal
from router.failures import Failures
from router.judging import Judge, judge_of
from router.ledger.types import AttemptKind
from router.limits.expect import output_p90, reserved_output
from router.limits.hold import Hold
from router.limits.refusals import OverBudget
from router.money import Price
from router.observe.events import Bus, Escalated, FellBack
from router.placing import Placed, Placing
from router.request import Request
from router.streaming import Incoming
from router.tried import Tried
from router.usage import of_stream, of_whole
from router.waiting import WaitingRoom
from router.wire.assemble import Assembler
from router.wire.whole import Answered, read_whole
from tiers.engines.registry import continues
from tiers.errors import Broken, Refused, TierError
from tiers.pool import Tier
from tiers.types import Call

# Engines that put the usage so far into every chunk of a stream when asked to (vLLM's `continuous_usage_stats`).
_COUNT_AS_THEY_GO = frozenset({"vllm", "llama.cpp"})


@dataclass(frozen=True, slots=True)
class Served:
    """The attempt that answers: a finished answer in `whole`, or a stream that may now be sent on in `incoming`."""

    attempt: Attempt
    model: str
    whole: Answered | None = None
    incoming: Incoming | None = None


class _Rejected(Exception):
    """A draft was not good enough."""

    def __init__(self, value: float | None) -> None:
        super().__init__("the draft was not good enough")
        self.value = value


class Walk:
    """One request's way over the tiers of its decision, kept until its answer is whole.

    tried: filled on the way. anew: tiers that refused to go on with a half-written answer.
    """

    def __init__(self, bus: Bus, room: WaitingRoom, request: Request, decision: Decision, tried: Tried) -> None:
        self.bus, self.request, self.decision, self.tried = bus, request, decision, tried
        self.failures = Failures(tried.allowance)
        self.anew: set[Tier] = set()
        self.placing = Placing(room, request, decision, tried, self.failures)


async def attempt(walk: Walk) -> Served:
    """The first answer that is good enough. Raises ApiError: the engine's refusal, or every failure by name."""
    bus, request, decision, tried = walk.bus, walk.request, walk.decision, walk.tried
    failures = walk.failures
    while (placed := await walk.placing.next()) is not None:
        try:
            return await _try(bus, request, decision, tried, placed)
        except _Rejected as verdict:
            tried.escalations += 1
            bus.emit(Escalated(placed.tier.name, verdict.value or 0.0))
        except OverBudget as error:  # another tier may be cheaper
            failures.over_budget(placed.tier, error)
        except TierError as error:
            if isinstance(error, Refused) and error.reason not in ("context", *decision.on):
                raise from_refusal(error) from error
            failures.note(placed.tier, error)
            if decision.on and error.reason not in decision.on:
                break
    raise failures.verdict(decision)


async def go_on(walk: Walk, tier: Tier, sent: Assembler, error: TierError | None) -> Served:
    """The stream that goes on from what was sent, its first new token seen.

    tier: whose stream came to its end. error: how it broke; None where it is other choices that have not come to
    theirs. Raises ApiError (`stream_cut`) where nobody can go on.
    """
    if error is None:
        walk.placing.at_once(tier)
    else:
        walk.failures.note(tier, error)
        if walk.decision.on and error.reason not in walk.decision.on:
            raise walk.failures.broken_off()
        if isinstance(error, Broken):
            walk.placing.at_the_end(tier)
    while (placed := await walk.placing.next()) is not None:
        way = _way(walk, placed, sent)
        try:
            return await _try(walk.bus, walk.request, walk.decision, walk.tried, placed, way)
        except OverBudget as refusal:
            walk.failures.over_budget(placed.tier, refusal)
        except TierError as failure:
            walk.failures.note(placed.tier, failure)
            if isinstance(failure, Refused) and placed.tier not in walk.anew:
                walk.anew.add(placed.tier)
                walk.placing.at_once(placed.tier, forgiven="failed")
    raise walk.failures.broken_off()


def _way(walk: Walk, placed: Placed, sent: Assembler) -> Way:
    able = continues(placed.tier.spec.engine, remote=bool(placed.lease.replica.spec.url))
    path, body = walk.request.path, walk.request.body
    on = None if placed.tier in walk.anew else written_on(path, body, sent, able)
    return on or answered_anew(body, sent)


async def _try(
    bus: Bus, request: Request, decision: Decision, tried: Tried, placed: Placed, way: Way | None = None
) -> Served:
    """One dispatch, settled on every way out but the one that hands a stream on."""
    tier, after = placed.tier, placed.after
    price = request.snapshot.prices.price(tier.name, placed.lease.replica.spec.kind)
    output_tokens = reserved_output(request.facts, output_p90(decision.predicted))
    hold = await _held(request, tried, placed, price, output_tokens)
    if after is not None:
        tried.fallbacks += 1
        bus.emit(FellBack(tier.name, after))
    ours = Attempt(
        bus, request, tier, placed.lease, kind="continuation" if way else _kind(tried, placed), seq=len(tried.attempts),
        price=price, output_tokens=output_tokens, hold=hold,
    )  # fmt: skip
    tried.attempts.append(ours)
    ours.dispatch()
    cascade = decision.cascade if placed.draft else None
    if cascade is not None:
        return await _draft(ours, request, judge_of(request.snapshot, cascade, decision.predicted, tier.name))
    if request.stream:
        return await _stream(ours, request, way)
    return await (_gathered(ours, request) if ours.paced and _may_stream(request) else _whole(ours, request))


async def _held(request: Request, tried: Tried, placed: Placed, price: Price | None, output_tokens: int) -> Hold | None:
    """What the budgets hold for one try. Raises ApiError where they do not, with the place given back."""
    if tried.allowance is None:
        return None
    try:
        return await tried.allowance.hold(price, request.facts.prompt_tokens, output_tokens)
    except BaseException:
        placed.lease.release()
        raise


async def _whole(ours: Attempt, request: Request) -> Served:
    try:
        reply = await ours.replica.engine.complete(_call(ours, request, None, stream=False))
        answered = read_whole(reply.body)
    except TierError as error:
        ours.failed(error)
        raise
    except BaseException:  # the caller left, or a defect: either way the lease is given back
        ours.cancelled(of_whole(request, ours.tier, None))
        raise
    ours.ok(of_whole(request, ours.tier, answered), finish_reason=answered.finish_reason)
    return Served(ours, reply.model, whole=answered)


async def _gathered(ours: Attempt, request: Request) -> Served:
    """A whole answer, read as a stream so that its budget is extended while it grows."""
    incoming = await _open(ours, request, plain=False)
    async with _settling(ours, request, incoming):
        while not incoming.ended:
            await incoming.advance(incoming.tokens + 1)
    answered = Answered.of(incoming.assembled.body())
    settle_stream(ours, request, incoming)
    return Served(ours, incoming.model, whole=answered)


async def _stream(ours: Attempt, request: Request, way: Way | None = None) -> Served:
    """A stream, open and with its first token seen; a failure before that may go to the next candidate.

    way: how it goes on with an answer that another stream began.
    """
    incoming = await _open(ours, request, plain=False, way=way)
    if way is not None:
        incoming.follow(way.join, choices=way.choices)
    async with _settling(ours, request, incoming):
        await incoming.hold(1)
    return Served(ours, incoming.model, incoming=incoming)


async def _draft(ours: Attempt, request: Request, judge: Judge) -> Served:
    """A held-back beginning, judged; where the caller does not stream, judged again every `hold_tokens` to the end."""
    hold = judge.cascade.hold_tokens
    incoming = await _open(ours, request, plain=not request.asked_logprobs)
    async with _settling(ours, request, incoming):
        if request.stream:
            await incoming.hold(hold)
            _judge(ours, incoming, judge, at_once=True)
        while not request.stream and not incoming.ended:
            await incoming.advance(incoming.tokens + hold)
            _judge(ours, incoming, judge, at_once=incoming.ended)
    if request.stream:
        return Served(ours, incoming.model, incoming=incoming)
    answered = Answered.of(incoming.assembled.body())
    settle_stream(ours, request, incoming)
    return Served(ours, incoming.model, whole=answered)


def _judge(ours: Attempt, incoming: Incoming, judge: Judge, *, at_once: bool) -> None:
    """Raises _Rejected where the draft is not kept."""
    verdict = judge.verdict(incoming.logprobs, whole=incoming.ended, at_once=at_once)
    ours.sure = verdict.sure
    if not verdict.kept:
        raise _Rejected(verdict.sure)


async def _open(ours: Attempt, request: Request, *, plain: bool, way: Way | None = None) -> Incoming:
    try:
        stream = await ours.replica.engine.stream(
            _call(ours, request, way, stream=True, draft=ours.kind == "draft", counted=_counts(ours))
        )
    except TierError as error:
        ours.failed(error)
        raise
    except BaseException:  # as in _whole
        ours.cancelled(of_stream(request, ours.tier, None))
        raise
    return Incoming(ours.pace(stream), choices=_answers(request), plain=plain, grew=ours.grew)


class _settling:  # noqa: N801 - reads as a verb where it is used
    """Whatever goes wrong while a stream is read: the attempt is settled and the engine told to stop."""

    def __init__(self, ours: Attempt, request: Request, incoming: Incoming) -> None:
        self._ours, self._request, self._incoming = ours, request, incoming

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        usage = of_stream(self._request, self._ours.tier, self._incoming)
        if isinstance(error, _Rejected):
            first = self._incoming.first_token
            self._ours.rejected(usage, first_token=first)
        elif isinstance(error, TierError):
            self._ours.failed(error, usage if self._incoming.tokens else None)
        else:
            self._ours.cancelled(usage)
        await self._incoming.aclose()


def settle_stream(ours: Attempt, request: Request, incoming: Incoming) -> None:
    """The stream came whole: pay for it."""
    first, last = incoming.first_token, incoming.last_token
    between = None
    if first is not None and last is not None and incoming.tokens > 1:
        between = (last - first) / (incoming.tokens - 1)
    ours.ok(
        of_stream(request, ours.tier, incoming), finish_reason=incoming.finish_reason,
        first_token=first, inter_token_s=between,
    )  # fmt: skip


def _answers(request: Request) -> int:
    """How many choices are asked for: `n` for each prompt."""
    prompt = request.body.get("prompt")
    prompts = len(prompt) if isinstance(prompt, list) and not isinstance(prompt[0], int) else 1
    return request.facts.n * prompts


def _may_stream(request: Request) -> bool:
    """Embeddings do not grow, and the best of several answers is known only at the end."""
    return request.path != "/v1/embeddings" and "best_of" not in request.body


def _counts(ours: Attempt) -> bool:
    return ours.tier.spec.engine in _COUNT_AS_THEY_GO


def _call(
    ours: Attempt, request: Request, way: Way | None, *, stream: bool, draft: bool = False, counted: bool = False
) -> Call:
    """The caller's body, plus what Tiergate needs to know: usage in a stream, log-probabilities of a draft."""
    body: dict[str, Any] = dict(way.body if way else request.body)
    if stream:
        body["stream"] = True
        body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
    else:
        body.pop("stream", None)
        body.pop("stream_options", None)
    if draft and counted:  # a rejected draft is then paid for exactly
        body["stream_options"]["continuous_usage_stats"] = True
    if draft and not request.asked_logprobs:
        body["logprobs"] = True if request.path == "/v1/chat/completions" else 1
    return Call(path=request.path, body=body, stream=stream, request_id=request.id, on_end=ours.counted)


def _kind(tried: Tried, placed: Placed) -> AttemptKind:
    if placed.draft:
        return "draft"
    if placed.after is not None:
        return "fallback"
    return "escalation" if tried.escalations else "primary"


def overhead_s(request: Request, tried: Tried, now: float | None = None) -> float:
    """Seconds of the request that no engine was at work and it did not wait for one."""
    busy = sum(ours.upstream_s for ours in tried.attempts)
    return max(0.0, (now if now is not None else time.monotonic()) - request.started - busy - tried.waited_s)
