"""Dispatch: one call to one replica, settled on every way out but the one that hands a stream on."""

from dataclasses import dataclass
from typing import Any

from router.attempt import Attempt
from router.continuation import Way
from router.judging import Judge
from router.request import Request
from router.streaming import Incoming
from router.usage import of_stream, of_whole
from router.wire.whole import Answered, read_whole
from tiers.errors import TierError
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


class Rejected(Exception):
    """A draft was not good enough."""

    def __init__(self, value: float | None) -> None:
        super().__init__("the draft was not good enough")
        self.value = value


async def answered(ours: Attempt, request: Request, way: Way | None) -> Served:
    """An answer that nobody judges, in the shape that the caller wants. Raises TierError."""
    if request.stream:
        return await stream(ours, request, way)
    return await (gathered(ours, request) if ours.paced and _may_stream(request) else whole(ours, request))


async def whole(ours: Attempt, request: Request) -> Served:
    """A finished answer. Raises TierError."""
    try:
        reply = await ours.replica.engine.complete(_call(ours, request, None, stream=False))
        finished = read_whole(reply.body)
    except TierError as error:
        ours.failed(error)
        raise
    except BaseException:  # the caller left, or a defect: either way the lease is given back
        ours.cancelled(of_whole(request, ours.tier, None))
        raise
    ours.ok(of_whole(request, ours.tier, finished), finish_reason=finished.finish_reason)
    return Served(ours, reply.model, whole=finished)


async def gathered(ours: Attempt, request: Request) -> Served:
    """A whole answer, read as a stream so that its budget is extended while it grows."""
    incoming = await _open(ours, request, plain=False)
    async with _settling(ours, request, incoming):
        while not incoming.ended:
            await incoming.advance(incoming.tokens + 1)
    await incoming.aclose()  # the engine's place is free now, and not when the garbage is collected
    finished = Answered.of(incoming.assembled.body())
    settle_stream(ours, request, incoming)
    return Served(ours, incoming.model, whole=finished)


async def stream(ours: Attempt, request: Request, way: Way | None = None) -> Served:
    """A stream, open and with its first token seen; a failure before that may go to the next candidate.

    way: how it goes on with an answer that another stream began.
    """
    incoming = await _open(ours, request, plain=False, way=way)
    if way is not None:
        incoming.follow(way.join, choices=way.choices)
    async with _settling(ours, request, incoming):
        await incoming.hold(1)
    return Served(ours, incoming.model, incoming=incoming)


async def draft(ours: Attempt, request: Request, judge: Judge) -> Served:
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
    await incoming.aclose()  # the engine's place is free now, and not when the garbage is collected
    finished = Answered.of(incoming.assembled.body())
    settle_stream(ours, request, incoming)
    return Served(ours, incoming.model, whole=finished)


def _judge(ours: Attempt, incoming: Incoming, judge: Judge, *, at_once: bool) -> None:
    """Raises Rejected where the draft is not kept."""
    verdict = judge.verdict(incoming.logprobs, whole=incoming.ended, at_once=at_once)
    ours.sure = verdict.sure
    if not verdict.kept:
        raise Rejected(verdict.sure)


async def _open(ours: Attempt, request: Request, *, plain: bool, way: Way | None = None) -> Incoming:
    try:
        opened = await ours.replica.engine.stream(
            _call(ours, request, way, stream=True, draft=ours.kind == "draft", counted=_counts(ours))
        )
    except TierError as error:
        ours.failed(error)
        raise
    except BaseException:  # as in `whole`
        ours.cancelled(of_stream(request, ours.tier, None))
        raise
    return Incoming(ours.pace(opened), choices=_answers(request), plain=plain, grew=ours.grew)


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
        if isinstance(error, Rejected):
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
    if not isinstance(prompt, list) or any(isinstance(one, int) for one in prompt):
        return request.facts.n
    return request.facts.n * max(1, len(prompt))


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
