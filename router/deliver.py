"""Deliver: a cached answer, a whole one or a stream, paid for and told in the headers."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

import orjson

from router.account import Account
from router.attempt import cache_hit
from router.attempts import Walk
from router.cache.exact import Entry
from router.continuation import end_spent
from router.dispatch import Served, settle_stream
from router.errors import ApiError, ClientGone, internal
from router.lookup import keep
from router.money import usd
from router.request import Request
from router.services import Services
from router.streaming import DONE, Incoming
from router.usage import of_joined, of_stream
from router.wire.assemble import Assembler
from router.wire.replay import replay
from router.wire.whole import Answered
from tiers.errors import TierError


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a body, or the events of a stream (which the sender must close)."""

    headers: Mapping[str, str]
    body: bytes | None = None
    events: AsyncGenerator[bytes, None] | None = None
    status: int = 200


def from_cache(services: Services, account: Account, request: Request, hit: Entry) -> Answer:
    """The same answer again, as a stream where one is asked for; it costs nothing."""
    cache_hit(services.bus, request, tier=hit.tier, model=hit.model)
    account.done()
    headers = {**account.headers, "x-tiergate-cost-usd": usd(0)}
    if not request.stream:
        return Answer(headers, body=hit.body)
    return Answer(headers, events=_replayed(hit.body, include_usage=request.asked_usage))


def whole(services: Services, account: Account, request: Request, served: Served, cache_key: bytes | None) -> Answer:
    answered = served.whole
    assert answered is not None  # noqa: S101 - not a stream, so it is whole
    keep(services.cache, request, cache_key, served, answered, account.decision_name)
    account.done()
    cost = account.cost_nusd
    priced = {} if cost is None else {"x-tiergate-cost-usd": usd(cost)}
    return Answer({**account.headers, **priced}, body=answered.raw)


def streamed(
    services: Services, account: Account, request: Request, walk: Walk, served: Served, cache_key: bytes | None
) -> Answer:
    return Answer(account.headers, events=_events(services, account, request, walk, served, cache_key))


async def _replayed(body: bytes, *, include_usage: bool) -> AsyncGenerator[bytes, None]:
    yield b"".join(replay(orjson.loads(body), include_usage=include_usage))


async def _events(
    services: Services, account: Account, request: Request, walk: Walk, served: Served, cache_key: bytes | None
) -> AsyncGenerator[bytes, None]:
    """Relay, from one engine after the other where a stream breaks; then pay, tell the cost, and say [DONE].

    An answer that breaks for good ends in an error event and no [DONE]; a caller that leaves stops the engine.
    """
    part = served
    try:
        while True:
            broke: TierError | None = None
            try:
                async for piece in incoming_of(part).relay():
                    yield piece
            except TierError as error:
                broke = error
            sent = await _settled(part, request, broke)
            if ends := end_spent(sent, request.body):
                yield ends
            if sent.complete:
                break
            part = await walk.go_on(part.attempt.tier, sent, broke)
        _close(services, account, request, served, part, cache_key)
        yield _closing(account, request, incoming_of(part)) + DONE
    except ApiError as error:  # nobody could go on, or Tiergate itself ends it, as when a budget is spent
        _cancel(part, request)
        account.failed(error)
        yield error.event()
    except Exception as error:  # noqa: BLE001 - a defect of ours must still end in a clear event
        services.log_defect(request.id, error)
        _cancel(part, request)
        account.failed(error)
        yield internal().event()
    except BaseException:
        _cancel(part, request)
        account.failed(ClientGone())
        raise
    finally:
        await incoming_of(part).aclose()


def incoming_of(served: Served) -> Incoming:
    assert served.incoming is not None  # noqa: S101 - it is a stream
    return served.incoming


async def _settled(part: Served, request: Request, broke: TierError | None) -> Assembler:
    """Pay for one engine's part of the answer; what the caller has by now."""
    incoming = incoming_of(part)
    if broke is None:
        settle_stream(part.attempt, request, incoming)
    else:
        part.attempt.failed(broke, of_stream(request, part.attempt.tier, incoming))
    await incoming.aclose()
    return incoming.answer


def _cancel(part: Served, request: Request) -> None:
    part.attempt.cancelled(of_stream(request, part.attempt.tier, part.incoming))


def _close(
    services: Services, account: Account, request: Request, served: Served, last: Served, cache_key: bytes | None
) -> None:
    """The answer is whole. One that two engines wrote is not kept: it is nobody's own."""
    incoming = incoming_of(last)
    if last is not served:
        account.joined = of_joined(request, incoming)
    elif cache_key is not None:
        whole_answer = Answered.of(incoming.answer.body())
        keep(services.cache, request, cache_key, served, whole_answer, account.decision_name)
    account.done()


def _closing(account: Account, request: Request, incoming: Incoming) -> bytes:
    """The usage chunk, for callers that asked for one, with the cost in it for those that asked for that too."""
    if not request.asked_usage:
        return b""
    chunk = dict(incoming.usage_chunk or {**incoming.answer.head, "object": _chunk_kind(request)})
    chunk |= {"choices": [], "usage": incoming.usage() or _counted(account)}
    if request.asked_cost:
        cost = account.cost_nusd
        chunk["tiergate"] = {
            "cost_usd": None if cost is None else usd(cost),
            "tier": account.headers.get("x-tiergate-tier"),
            "attempts": len(account.tried.attempts),
        }
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def _chunk_kind(request: Request) -> str:
    return "chat.completion.chunk" if request.path == "/v1/chat/completions" else "text_completion"


def _counted(account: Account) -> dict[str, int]:
    """OpenAI's shape of what we counted ourselves."""
    usage = account.usage()
    prompt = usage.input + usage.cached_input
    return {
        "prompt_tokens": prompt,
        "completion_tokens": usage.output,
        "total_tokens": prompt + usage.output,
    }
