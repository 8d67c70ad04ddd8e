"""A made-up past for the pages: weeks of requests with a weekday pattern, drafts, escalations, hits and failures.

Deterministic: the same arguments make the same rows. Written with the ledger's own `insert`, before a gateway opens it.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from router.ledger.insert import insert
from router.ledger.ledger import Ledger
from router.ledger.sqlite import connect_writer
from router.ledger.types import RequestRow, Reservation, Row, Settlement
from router.meter.store import Piece
from router.meter.store import write as write_pieces

NS = 1_000_000_000
HOUR_S, DAY_S = 3_600, 86_400
PRICES = {"edge": (20, 60), "short": (386, 386), "long": (498, 498), "managed": (400, 1600)}  # nUSD a token
SPEEDS = {"short": 158, "long": 380}  # tokens a second of the tiers on GPUs
MODELS = {
    "edge": "llama-3.2-1b-q8_0",
    "short": "Llama-3.1-8B-Instruct",
    "long": "Llama-3.3-70B-Instruct",
    "managed": "gpt-4.1-mini",
}
FIRST_TOKEN = {"edge": 4.2, "short": 5.2, "long": 5.7, "managed": 6.2}  # logarithm of milliseconds
SURE = ((0.82, 1.0), (0.3, 0.8))  # of drafts that were kept, and thrown away
TOKEN_MS = {"edge": 9, "short": 14, "long": 19, "managed": 12}
TEAMS = (("search", 0.34), ("support", 0.27), ("growth", 0.17), ("docs", 0.13), ("research", 0.09))
WORKLOADS = ("chat", "summaries", "extraction", "batch")
HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 11, 14, 15, 14, 12, 14, 16, 15, 14, 12, 9, 7, 6, 5, 4, 3)
WEEKDAYS = (1.0, 1.06, 1.08, 1.03, 0.94, 0.42, 0.38)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that is about to be made up."""

    number: int
    at_ns: int
    team: str
    user: str
    model: str
    prompt: int
    p50: float
    output: int
    easy: float


def write(path: Path, *, now_s: float, days: int = 45, per_day: int = 400, seed: int = 7) -> int:
    """Fill an empty ledger up to `now_s`; how many requests there are."""
    Ledger.open(path).close()
    connection = connect_writer(path)
    rows: list[Row] = []
    counted: dict[tuple[str, int], list[int]] = {}
    count = 0
    for asked in _asked(random.Random(seed), now_s, days, per_day):
        made = _made(random.Random(asked.number * 31 + seed), asked)
        _count(counted, made)
        rows += made
        count += 1
        if len(rows) > 3000:
            insert(connection, rows)
            rows = []
    insert(connection, rows)
    connection.close()
    first = int(now_s) // DAY_S * DAY_S - (days - 1) * DAY_S
    write_pieces(path, _pieces(counted, range(first, int(now_s) - HOUR_S, HOUR_S)))
    return count


def _count(counted: dict[tuple[str, int], list[int]], rows: list[Row]) -> None:
    """Prompt and output tokens by tier and hour, as the engines would count them."""
    for reserved, settled in pairwise(rows):
        if isinstance(reserved, Reservation) and isinstance(settled, Settlement):
            sums = counted.setdefault((reserved.tier, reserved.started_ns // NS // HOUR_S * HOUR_S), [0, 0])
            sums[0] += settled.input_tokens + settled.cached_input_tokens
            sums[1] += settled.output_tokens


def _pieces(counted: dict[tuple[str, int], list[int]], hours: range) -> Iterator[Piece]:
    for tier, speed in SPEEDS.items():
        for hour in hours:
            prompt, output = counted.get((tier, hour), (0, 0))
            busy_s = min(HOUR_S, (prompt + output) / speed)
            yield Piece(
                tier, f"{tier}-1", "vllm", "reserved", hour * NS, (hour + HOUR_S) * NS, prompt, output,
                round(busy_s * NS), HOUR_S * NS, 0,
            )  # fmt: skip


def _asked(rng: random.Random, now_s: float, days: int, per_day: int) -> Iterator[Asked]:
    first = int(now_s) // DAY_S * DAY_S - (days - 1) * DAY_S
    number = 0
    for day in range(days):
        start = first + day * DAY_S
        weekday = (start // DAY_S + 3) % 7
        growth = 0.75 + 0.5 * day / days
        for hour, weight in enumerate(HOURS):
            wanted = per_day * growth * WEEKDAYS[weekday] * weight / sum(HOURS) * rng.uniform(0.85, 1.15)
            for _ in range(int(wanted + rng.random())):
                at = start + hour * 3600 + rng.random() * 3600
                if at < now_s - 5:
                    number += 1
                    yield _one(rng, number, round(at * NS))


def _one(rng: random.Random, number: int, at_ns: int) -> Asked:
    team = rng.choices([t for t, _ in TEAMS], [w for _, w in TEAMS])[0]
    p50 = rng.choice((40, 90, 180, 420, 900)) * rng.uniform(0.8, 1.25)
    return Asked(
        number=number, at_ns=at_ns, team=team, user=f"{team}-{rng.randint(1, 4)}",
        model=rng.choices(("auto", "gpt-4o", "long"), (7, 2.2, 0.8))[0], prompt=int(rng.lognormvariate(8.1, 0.7)),
        p50=p50, output=max(3, int(p50 * rng.lognormvariate(0, 0.45))), easy=rng.betavariate(2.4, 1.4),
    )  # fmt: skip


def _made(rng: random.Random, asked: Asked) -> list[Row]:
    if rng.random() < 0.085:
        return [_request(rng, asked, "edge" if asked.easy > 0.6 else "short", "exact", "hit", 0, 0, 200, asked.at_ns)]
    plan = _plan(rng, asked)
    rows: list[Row] = []
    cost: int | None = 0
    at = asked.at_ns + 2_000_000
    for seq, (kind, tier, end) in enumerate(plan):
        reserved, settled = _attempt(rng, asked, seq, kind, tier, end, at)
        rows += [reserved, settled]
        cost = None if cost is None or settled.cost_nusd is None else cost + settled.cost_nusd
        at = settled.ended_ns + 1_000_000
    last_tier, last_end = plan[-1][1], plan[-1][2]
    status = 200 if last_end == "ok" else 499 if last_end == "cancelled" else 502
    decision = (
        "pinned"
        if asked.model == "long"
        else "cascade"
        if plan[0][0] == "draft"
        else "code-to-long"
        if asked.prompt > 9000
        else "classified"
    )
    decided: dict[str, object] = {"decided": [tier for _, tier, _ in plan], "fleet": {}}
    if plan[0][0] == "draft":
        decided |= {"decided": ["edge", "long" if asked.p50 > 200 else "short"], "accept": 0.8}
    request = _request(rng, asked, last_tier, decision, "miss", len(plan), cost, status, at, decided)
    return [*rows, request]


def _plan(rng: random.Random, asked: Asked) -> list[tuple[str, str, str]]:
    better = "long" if asked.p50 > 200 or asked.easy < 0.3 else "short"
    if asked.model == "long":
        return [("primary", "long", "ok")]
    if asked.easy > 0.55 and asked.prompt <= 9000:
        kept = rng.random() < asked.easy
        return [("draft", "edge", "ok")] if kept else [("draft", "edge", "rejected"), ("escalation", better, "ok")]
    if rng.random() < 0.012:
        return [("primary", better, "failed"), ("fallback", "managed", "ok" if rng.random() < 0.8 else "failed")]
    return [("primary", better, "cancelled" if rng.random() < 0.008 else "ok")]


def _attempt(
    rng: random.Random, asked: Asked, seq: int, kind: str, tier: str, end: str, at_ns: int
) -> tuple[Reservation, Settlement]:
    priced = not (tier == "managed" and asked.number % 3 == 0)
    inp, out = PRICES[tier]
    cached = int(asked.prompt * 0.6) if tier != "managed" and rng.random() < 0.3 else 0
    output = {"rejected": 16, "failed": 0, "cancelled": asked.output // 3}.get(end, asked.output)
    cost = (asked.prompt - cached) * inp + cached * inp // 5 + output * out if priced else None
    ttft = int(rng.lognormvariate(FIRST_TOKEN[tier], 0.35) * 1e6)
    ended = at_ns + ttft + int(output * TOKEN_MS[tier] * 1e6)
    name = f"at-{asked.number:07d}-{seq}"
    reserved = Reservation(
        attempt_id=name, request_id=f"req-{asked.number:07d}", seq=seq, kind=kind, tier=tier,  # type: ignore[arg-type]
        replica=f"{tier}-{asked.number % 2 + 1}", model=MODELS[tier], started_ns=at_ns, team=asked.team,
        key_id=f"key-{asked.team}", user=asked.user, cost_nusd=None if cost is None else cost * 2,
        price_version="a1b2c3d4e5f6" if priced else "",
    )  # fmt: skip
    settled = Settlement(
        attempt_id=name, ended_ns=ended, end=end, status=200 if end != "failed" else 503,  # type: ignore[arg-type]
        input_tokens=asked.prompt - cached, cached_input_tokens=cached, output_tokens=output, reasoning_tokens=0,
        estimated=False, cost_nusd=cost, price_version=reserved.price_version,
        error="503 from the engine" if end == "failed" else "", finish_reason="stop" if end == "ok" else "",
        ttft_ns=ttft if output else None,
        confidence=None if kind != "draft" else round(rng.uniform(*SURE[end == "rejected"]), 3),
    )  # fmt: skip
    return reserved, settled


def _request(
    rng: random.Random, asked: Asked, tier: str, decision: str, cache: str, attempts: int, cost: int | None,
    status: int, ended_ns: int, decided: dict[str, object] | None = None,
) -> RequestRow:  # fmt: skip
    baseline = asked.prompt * PRICES["long"][0] + asked.output * PRICES["long"][1]
    served = status == 200
    saved = (
        {}
        if cost is None or not served
        else {("exact" if cache == "hit" else "cascade" if decision == "cascade" else "routing"): baseline - cost}
    )
    row = RequestRow(
        request_id=f"req-{asked.number:07d}", started_ns=asked.at_ns, ended_ns=max(ended_ns, asked.at_ns + 3_000_000),
        path="/v1/chat/completions", client_model=asked.model, policy="default", decision=decision,
        tier=tier if served else "", model=MODELS[tier] if served else "", status=status, cache=cache,
        attempts=attempts, stream=rng.random() < 0.7, input_tokens=asked.prompt, cached_input_tokens=0,
        output_tokens=asked.output if served else 0, reasoning_tokens=0, estimated=False, cost_nusd=cost,
        team=asked.team, key_id=f"key-{asked.team}", user=asked.user, tags={"workload": rng.choice(WORKLOADS)},
        error_code="" if served else "client_closed_request" if status == 499 else "upstream_failed",
        ttft_ns=int(rng.lognormvariate(5.1, 0.4) * 1e6), overhead_ns=int(rng.lognormvariate(0.8, 0.3) * 1e6),
        facts=_facts(asked, decided or {}), baseline_nusd=baseline if cost is not None else None, saved=saved,
    )  # fmt: skip
    return replace(row, ttft_ns=2_000_000) if cache == "hit" else row


def _facts(asked: Asked, decided: dict[str, object]) -> dict[str, object]:
    quality = {
        "edge": asked.easy * 0.9,
        "short": min(0.97, 0.45 + asked.easy * 0.5),
        "long": min(0.99, 0.7 + asked.easy * 0.28),
    }
    return {
        "prompt_tokens": asked.prompt, "turns": 1 + asked.number % 4, "has_code": asked.number % 9 == 0,
        "has_tools": False, "has_images": False, "wants_json": asked.number % 7 == 0, "wants_logprobs": False,
        "language": "en", "stream": True, "n": 1, "max_tokens": None, "hour": 12, "weekday": 2, **decided,
        "predicted": {
            "quality": quality, "output_p50": asked.p50, "output_p90": asked.p50 * 2.1, "version": "made-up",
        },
    }  # fmt: skip
