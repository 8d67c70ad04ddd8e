"""Admit: from headers and bytes to a request whose every field was checked, or one clear refusal."""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from policies.facts import facts as read_facts
from router.auth.keys import KeyStore
from router.errors import bad_request, forbidden, model_not_found, unauthorized
from router.request import Arrival, CacheMode, Principal, Request
from router.snapshot import Snapshot
from router.wire import validate

_MAX_TAGS = 32


def identify(keys: KeyStore, snapshot: Snapshot, headers: Mapping[str, str]) -> Principal:
    """Who asks. Raises ApiError 401."""
    if snapshot.config.server.auth == "none":
        return Principal()
    key = keys.verify(headers.get("authorization") or headers.get("x-api-key"))
    if key is None:
        raise unauthorized()
    return Principal(
        team=key.team, user=key.user, key_id=key.id, role=key.role, models=key.models, tiers=key.tiers, own=key.own
    )


def admit(snapshot: Snapshot, principal: Principal, arrival: Arrival) -> Request:
    """Check everything that can be checked without asking anybody. Raises ApiError."""
    started, started_ns = time.monotonic(), time.time_ns()
    path, headers = arrival.path, arrival.headers
    if principal.role == "read":
        raise forbidden("This key may read the pages but not send requests; use a key with the role 'use'.")
    body = validate.parse(arrival.raw)
    validate.check(path, body)
    tags = read_tags(headers.get("x-tiergate-tags"), body.get("metadata"))
    client_model: str = body["model"]
    policy, pinned = resolve(snapshot, client_model, headers.get("x-tiergate-policy"), principal)
    team, user = principal.team or tags.get("team", ""), principal.user or str(body.get("user") or "")
    facts = read_facts(
        path,
        body,
        tags=tags,
        team=team,
        user=user,
        key=principal.key_id,
        now=_local_time(snapshot, started_ns),
    )
    asked_cost = headers.get("x-tiergate-usage") == "1"
    options = body.get("stream_options") or {}
    return Request(
        id=arrival.id, path=path, body=body, facts=facts, snapshot=snapshot, client_model=client_model,
        principal=replace(principal, team=team, user=user),
        policy=policy, pinned=pinned, stream=body.get("stream") is True,
        asked_usage=asked_cost or options.get("include_usage") is True, asked_cost=asked_cost,
        asked_logprobs=_asked_logprobs(body), cache_mode=cache_mode(headers.get("x-tiergate-cache")),
        started=started, started_ns=started_ns, tags=tags,
    )  # fmt: skip


def resolve(snapshot: Snapshot, model: str, header: str | None, principal: Principal) -> tuple[str, str | None]:
    """(policy, pinned tier or None) for what the caller put in `model`. Raises ApiError 400, 403 or 404."""
    offered = snapshot.config.models
    entry = offered.get(model)
    if entry is None:
        raise model_not_found(model, tuple(name for name in offered if allowed(principal, name)))
    if not allowed(principal, model):
        raise forbidden(f"This key may not use the model '{model}'.")
    if entry.tier is not None:
        return entry.policy or "default", entry.tier
    policy = header or entry.policy or "default"
    if policy not in snapshot.policies:
        known = ", ".join(sorted(snapshot.policies))
        raise bad_request(f"Invalid 'x-tiergate-policy': found '{policy[:80]}', allowed: {known}.")
    return policy, None


def allowed(principal: Principal, model: str) -> bool:
    return not principal.models or model in principal.models


def read_tags(header: str | None, metadata: Any) -> dict[str, str]:
    """Tags from `x-tiergate-tags: a=b,c=d`, then the body's metadata; the header wins. Raises ApiError 400."""
    tags: dict[str, str] = {}
    for name, value in (metadata or {}).items():
        if isinstance(value, str | int | float | bool):
            tags[str(name)[:64]] = str(value)[:512]
    for part in filter(None, (header or "").split(",")):
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise bad_request(f"Invalid 'x-tiergate-tags': found '{part[:80]}', allowed: name=value,name=value.")
        tags[name.strip()[:64]] = value.strip()[:512]
    if len(tags) > _MAX_TAGS:
        raise bad_request(f"Too many tags: found {len(tags)}, allowed: {_MAX_TAGS}.", param="metadata")
    return tags


def cache_mode(header: str | None) -> CacheMode:
    if header is None:
        return "use"
    if header == "off":
        return "off"
    if header == "refresh":
        return "refresh"
    raise bad_request(f"Invalid 'x-tiergate-cache': found '{header[:80]}', allowed: off, refresh.")


def _asked_logprobs(body: Mapping[str, Any]) -> bool:
    value = body.get("logprobs")
    return value is True or (isinstance(value, int) and not isinstance(value, bool))


def _local_time(snapshot: Snapshot, now_ns: int) -> datetime:
    zone = snapshot.config.server.timezone
    return datetime.fromtimestamp(now_ns / 1e9, UTC if zone == "UTC" else ZoneInfo(zone))
