"""Deliver: a cached answer, a whole one or a stream, paid for and told in the headers."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

import orjson

from router.account import Account
from router.attempt import cache_hit
from router.attempts import Served, settle_stream
from router.cache.exact import Entry
from router.errors import ApiError, ClientGone, cut_stream, internal
from router.lookup import keep
from router.money import usd
from router.request import Request
from router.services import Services
from router.streaming import DONE, Incoming
from router.usage import of_stream
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


def streamed(services: Services, account: Account, request: Request, served: Served, cache_key: bytes | None) -> Answer:
    incoming = served.incoming
    assert incoming is not None  # noqa: S101 - it is a stream
    return Answer(account.headers, events=_events(services, account, request, served, incoming, cache_key))


async def _replayed(body: bytes, *, include_usage: bool) -> AsyncGenerator[bytes, None]:
    yield b"".join(replay(orjson.loads(body), include_usage=include_usage))


async def _events(
    services: Services,
    account: Account,
    request: Request,
    served: Served,
    incoming: Incoming,
    cache_key: bytes | None,
) -> AsyncGenerator[bytes, None]:
    """Relay; then pay, tell the cost where it was asked for, and say [DONE].

    An answer that breaks ends in an error event and no [DONE]; a caller that leaves stops the engine.
    """
    ours = served.attempt
    try:
        async for piece in incoming.relay():
            yield piece
        settle_stream(ours, request, incoming)
        if cache_key is not None:
            whole_answer = Answered.of(incoming.assembled.body())
            keep(services.cache, request, cache_key, served, whole_answer, account.decision_name)
        account.done()
        yield _closing(account, request, incoming) + DONE
    except TierError as error:
        ours.failed(error, of_stream(request, ours.tier, incoming))
        told = cut_stream(error, f"{ours.tier.name}/{ours.replica.name}")
        account.failed(told)
        yield told.event()
    except ApiError as error:  # Tiergate itself ends it, as when a budget is spent
        ours.cancelled(of_stream(request, ours.tier, incoming))
        account.failed(error)
        yield error.event()
    except Exception as error:  # noqa: BLE001 - a defect of ours must still end in a clear event
        services.log_defect(request.id, error)
        ours.cancelled(of_stream(request, ours.tier, incoming))
        account.failed(error)
        yield internal().event()
    except BaseException:
        ours.cancelled(of_stream(request, ours.tier, incoming))
        account.failed(ClientGone())
        raise
    finally:
        await incoming.aclose()


def _closing(account: Account, request: Request, incoming: Incoming) -> bytes:
    """The usage chunk, for callers that asked for one, with the cost in it for those that asked for that too."""
    if not request.asked_usage:
        return b""
    chunk = dict(incoming.usage_chunk or {**incoming.assembled.body(), "object": _chunk_kind(request)})
    chunk |= {"choices": [], "usage": incoming.assembled.usage() or _counted(account)}
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
