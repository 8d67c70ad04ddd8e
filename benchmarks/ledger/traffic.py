"""Traffic as a company of 20 teams makes it: the rows of a ledger, without a gateway."""

import math
import random
from collections.abc import Iterator
from itertools import accumulate

from router.ledger.types import AttemptEnd, AttemptKind, RequestRow, Reservation, Row, Settlement

_DAY_S = 86_400
_TIERS = {  # replicas, nUSD per input and output token, seconds to the first token, seconds per token
    "edge": (1, 20, 60, 0.15, 0.02),
    "short": (4, 190, 390, 0.2, 0.012),
    "long": (2, 470, 1_400, 0.3, 0.02),
    "managed": (1, 400, 1_600, 0.5, 0.015),
}
_ASKED = (("auto", 70), ("gpt-4o", 20), ("short", 6), ("long", 4))
_DECISIONS = (("classified", 80), ("code-to-long", 8), ("nightly", 5), ("contracts", 4), ("small-talk", 3))
_CACHE = (("miss", 78), ("hit", 9), ("semantic", 3), ("off", 10))
_STATUS = ((200, 968), (499, 12), (400, 8), (429, 7), (503, 4), (502, 1))
_WORKLOADS = ("chat", "search", "batch", "agent", "summary")


class Traffic:
    """`requests` requests over `days` days up to `until_s` (Unix time), in the order of their ends.

    A key is one application's: it belongs to one team and asks for one model name, with its own tags. Keys and teams
    are Zipf-distributed, days have nights and weekends, a third of the requests begins with a draft.
    Equal seeds give equal rows.
    """

    def __init__(self, requests: int, *, days: int = 30, until_s: int, seed: int = 1) -> None:
        self._rng = random.Random(seed)
        self._count = requests
        self._starts = _starts(days, until_s)
        self._keys = [(f"key-{n:03d}", f"team-{n % 20:02d}", f"user-{n % 140:03d}") for n in range(200)]
        self._weights = list(accumulate(1 / (rank + 3) for rank in range(200)))
        self._applications = {
            key: (str(self._pick(_ASKED)), self._rng.choice(_WORKLOADS), f"feature-{self._rng.randrange(30):02d}")
            for key, _, _ in self._keys
        }
        self._made = 0

    def rows(self) -> Iterator[list[Row]]:
        """Request after request: a reservation and a settlement for each attempt, then the request's own row."""
        hours, weights = zip(*self._starts, strict=True)
        scale = self._count / sum(weights)
        due = 0.0
        for hour_s, weight in zip(hours, weights, strict=True):
            due += weight * scale
            moments = sorted(self._rng.random() * 3600 for _ in range(round(due)))
            due -= len(moments)
            for moment in moments:
                yield self._request(round((hour_s + moment) * 1e9))

    def _pick(self, choices: tuple[tuple[object, int], ...]) -> object:
        return self._rng.choices([c for c, _ in choices], [w for _, w in choices])[0]

    def _request(self, started_ns: int) -> list[Row]:
        rng, self._made = self._rng, self._made + 1
        key, team, user = rng.choices(self._keys, cum_weights=self._weights)[0]
        asked, workload, feature = self._applications[key]
        cache, status = str(self._pick(_CACHE)), int(str(self._pick(_STATUS)))
        if status in (400, 429):
            cache = "off"
        decision = "pinned" if asked in _TIERS else str(self._pick(_DECISIONS))
        input_tokens = max(4, int(rng.lognormvariate(5.5, 1.1)))
        output_tokens = max(1, int(rng.lognormvariate(4.8, 1.0)))
        request = f"req-{started_ns // 1_000_000:011x}{self._made:016x}"
        plan = self._plan(asked, decision, cache, status)
        rows: list[Row] = []
        at_ns, costs = started_ns + 400_000, list[int]()
        for seq, (kind, tier, end) in enumerate(plan):
            made, at_ns, cost = self._attempt(
                request, seq, kind, tier, end, at_ns, (team, key, user), input_tokens, output_tokens
            )
            rows += made
            costs.append(cost)
        served = plan[-1][1] if plan and status in (200, 499) else ""
        baseline = input_tokens * _TIERS["long"][1] + output_tokens * _TIERS["long"][2]
        cost = sum(costs)
        reason = {"hit": "exact", "semantic": "semantic"}.get(cache, "routing")
        rows.append(
            RequestRow(
                request_id=request,
                started_ns=started_ns,
                ended_ns=at_ns + 300_000,
                path="/v1/chat/completions",
                client_model=asked,
                policy="default",
                decision=decision,
                tier=served,
                model=served and f"model-{served}",
                status=status,
                cache=cache,
                attempts=len(plan),
                stream=rng.random() < 0.6,
                input_tokens=input_tokens,
                cached_input_tokens=0,
                output_tokens=output_tokens,
                reasoning_tokens=0,
                estimated=False,
                cost_nusd=cost,
                team=team,
                key_id=key,
                user=user,
                tags={"workload": workload, "feature": feature},
                error_code="" if status == 200 else str(status),
                ttft_ns=int(rng.lognormvariate(19.2, 0.5)),
                overhead_ns=int(rng.lognormvariate(14.3, 0.4)),
                facts={"prompt_tokens": input_tokens, "turns": rng.randrange(1, 9), "has_code": rng.random() < 0.2},
                baseline_nusd=baseline if served else None,
                saved={reason: baseline - cost} if served else {},
            )
        )
        return rows

    def _plan(self, asked: str, decision: str, cache: str, status: int) -> list[tuple[AttemptKind, str, AttemptEnd]]:
        rng = self._rng
        if status in (400, 429):
            return []
        tier = (
            asked
            if asked in _TIERS
            else "long"
            if decision == "code-to-long"
            else rng.choice(("edge", "short", "long"))
        )
        if cache in ("hit", "semantic"):
            return [("cache_hit", tier, "ok")]
        if status in (502, 503):
            return [("primary", tier, "failed"), ("fallback", "managed", "timeout")]
        end: AttemptEnd = "cancelled" if status == 499 else "ok"
        if asked not in _TIERS and rng.random() < 0.33:
            if rng.random() < 0.3:
                return [("draft", "edge", "rejected"), ("escalation", "long", end)]
            return [("draft", "edge", end)]
        if rng.random() < 0.01:
            return [("primary", tier, "failed"), ("fallback", "managed", end)]
        return [("primary", tier, end)]

    def _attempt(self, request, seq, kind, tier, end, at_ns, who, input_tokens, output_tokens):
        replicas, per_input, per_output, ttft_s, token_s = _TIERS[tier]
        team, key, user = who
        attempt = f"att-{at_ns // 1_000_000:011x}{self._rng.getrandbits(64):016x}"
        used_in, used_out = (input_tokens, output_tokens) if end in ("ok", "cancelled") else (input_tokens, 16)
        if kind == "cache_hit" or end in ("failed", "timeout"):
            used_in = used_out = 0
        cost = used_in * per_input + used_out * per_output
        took_s = ttft_s * self._rng.lognormvariate(0, 0.4) + used_out * token_s if kind != "cache_hit" else 0.0002
        reservation = Reservation(
            attempt_id=attempt, request_id=request, seq=seq, kind=kind, tier=tier,
            replica=f"{tier}-{self._rng.randrange(replicas)}", model=f"model-{tier}", started_ns=at_ns, team=team,
            key_id=key, user=user, cost_nusd=input_tokens * per_input + 500 * per_output, price_version="bench",
        )  # fmt: skip
        ended_ns = at_ns + round(took_s * 1e9)
        settlement = Settlement(
            attempt_id=attempt, ended_ns=ended_ns, end=end, status=200 if end == "ok" else 502, input_tokens=used_in,
            cached_input_tokens=0, output_tokens=used_out, reasoning_tokens=0, estimated=False, cost_nusd=cost,
            price_version="bench", finish_reason="stop", ttft_ns=round(ttft_s * 1e9), confidence=None,
        )  # fmt: skip
        return [reservation, settlement], ended_ns, cost


def _starts(days: int, until_s: int) -> list[tuple[int, float]]:
    """(beginning of an hour, its share of the traffic): busy at 14:00 UTC, quiet at 02:00, half as much at weekends."""
    last = until_s // 3600 * 3600
    hours = range(last - days * _DAY_S, last, 3600)
    return [
        (
            hour,
            (1.1 + math.cos((hour % _DAY_S / 3600 - 14) / 12 * math.pi)) * (0.5 if hour // _DAY_S % 7 in (2, 3) else 1),
        )
        for hour in hours
    ]
