"""The rules: each looks at the evidence and says what it measured, over its threshold or not."""

from collections.abc import Callable, Iterator
from statistics import fmean

from policies.schema_alerts import Alerts
from router.alerts.evidence import Evidence
from router.alerts.types import Reading
from router.limits.state import BudgetState

Rule = Callable[[Evidence, Alerts], Iterator[Reading]]
_EARLY = 0.1  # share of a budget's period before which its pace says nothing


def budgets(seen: Evidence, set_: Alerts) -> Iterator[Reading]:
    """The highest percent that is reached; each next one is told again."""
    for state in seen.budgets:
        if state.limit <= 0:
            continue
        used = (state.spent + state.reserved) / state.limit
        reached = [percent for percent in set_.budget_percent if used * 100 >= percent]
        highest = reached[-1] if reached else set_.budget_percent[0]
        yield Reading(
            "budget", _named(state), used, (highest - 0.001) / 100, "share",
            f"{state.scope} has used {used:.0%} of its {state.period}'s budget.",
            f"See who spends on /dashboard/explore; raise the limit, or let on_exceed: {state.on_exceed} act.",
            "critical" if used >= 1 else "warning", _team(state), len(reached),
        )  # fmt: skip


def budget_forecast(seen: Evidence, set_: Alerts) -> Iterator[Reading]:
    """At the pace of the period so far."""
    del set_
    for state in seen.budgets:
        begins, ends = state.starts_ns / 1e9, state.ends_ns / 1e9
        passed = (seen.now - begins) / max(ends - begins, 1)
        if state.limit <= 0 or not _EARLY <= passed <= 1 or state.spent >= state.limit:
            continue
        expected = state.spent / passed / state.limit
        yield Reading(
            "budget-forecast", _named(state), expected, 1.0, "share",
            f"At its pace {state.scope} will have used {expected:.0%} of its {state.period}'s budget at the end.",
            "Move work to cheaper tiers, or raise the limit under `budgets`.", "warning", _team(state),
        )  # fmt: skip


def spend_rate(seen: Evidence, set_: Alerts) -> Iterator[Reading]:
    known = [usd for usd in seen.same_hours if usd > 0]
    now = sum(seen.this_hour.values())
    if len(known) < 2:
        return
    usual = fmean(known)
    yield Reading(
        "spend-rate", "all", now, max(set_.least_usd, usual * set_.spend_times), "usd",
        f"{now:.2f} USD were spent this hour; the same hour of the last weeks cost {usual:.2f} USD.",
        "See which team, key or model it is on /dashboard/explore?period=24h.", "critical",
    )  # fmt: skip


def key_jump(seen: Evidence, set_: Alerts) -> Iterator[Reading]:
    for key, now in seen.this_hour.items():
        usual = seen.key_hours.get(key, 0.0)
        if not key or not usual:
            continue
        yield Reading(
            "key-jump", key, now, max(set_.least_usd, usual * set_.key_times), "usd",
            f"Key {key} spent {now:.2f} USD this hour; its mean hour is {usual:.2f} USD.",
            f"Ask its owner; `tiergate keys revoke {key}` stops it.", "warning", seen.teams.get(key),
        )  # fmt: skip


def runaway_loop(seen: Evidence, set_: Alerts) -> Iterator[Reading]:
    for (key, team, model, prompt), count in seen.loops.items():
        if count * 2 >= set_.loop_requests:
            yield Reading(
                "runaway-loop", f"{key or team or 'no key'} {model} {prompt}", count, set_.loop_requests, "count",
                f"{count} requests for {model} with {prompt} prompt tokens each came within five minutes"
                f" from {f'key {key}' if key else team or 'nobody known'}.",
                "A program may be calling in a loop: ask its owner, or set a limit of requests a minute.", "critical",
                team or None,
            )  # fmt: skip


def unknown_price(seen: Evidence, set_: Alerts) -> Iterator[Reading]:
    del set_
    for (tier, model), count in seen.unknown.items():
        yield Reading(
            "unknown-price", f"{tier} {model}".strip(), count, 0, "count",
            f"{count} attempts on {tier} ({model}) have no known price; their cost is missing from every sum.",
            f"Set tiers.{tier}.price, or gpu, in the configuration.",
        )  # fmt: skip


def ledger_lag(seen: Evidence, set_: Alerts) -> Iterator[Reading]:
    why = f": {seen.failing}" if seen.failing else ""
    yield Reading(
        "ledger-lag", "ledger", seen.lag_s, set_.ledger_lag_s, "seconds",
        f"The oldest row that is not written is {seen.lag_s:.0f} s old{why}.",
        "Look at the disk of state.ledger: full, slow, or locked by another program. Rows wait in memory.", "critical",
    )  # fmt: skip


def stale_config(seen: Evidence, set_: Alerts) -> Iterator[Reading]:
    del set_
    yield Reading(
        "stale-config", "configuration", seen.reload_failures, 0, "count",
        "The configuration file was refused; the last good one serves on.",
        "`tiergate check --config FILE` says what is wrong with it.",
    )  # fmt: skip


def _rate(seen: Evidence, set_: Alerts, part: float) -> float | None:
    requests = seen.counts.sum("tiergate_requests_total")
    return part / requests if requests >= set_.least_requests else None


def escalation_rate(seen: Evidence, set_: Alerts) -> Iterator[Reading]:
    rate = _rate(seen, set_, seen.counts.sum("tiergate_escalations_total"))
    if rate is not None:
        yield Reading(
            "escalation-rate", "all", rate, set_.escalation_rate, "share",
            f"{rate:.0%} of the last five minutes' requests were escalated.",
            "Drafts are thrown away: lower cascade.accept, or draft less (see /dashboard/routing).",
        )  # fmt: skip


def error_rate(seen: Evidence, set_: Alerts) -> Iterator[Reading]:
    failed = sum(n for status, n in seen.counts.by("tiergate_requests_total", "status").items() if status >= "500")
    rate = _rate(seen, set_, failed)
    if rate is not None:
        yield Reading(
            "error-rate", "all", rate, set_.error_rate, "share",
            f"{rate:.1%} of the last five minutes' requests failed.",
            "See which tier it is on /dashboard/requests?status=502 and `tiergate tiers list`.", "critical",
        )  # fmt: skip


def slow_requests(seen: Evidence, set_: Alerts) -> Iterator[Reading]:
    p99 = seen.counts.quantile("tiergate_request_duration_seconds", 0.99)
    if p99 is not None and _rate(seen, set_, 0) is not None:
        yield Reading(
            "slow-requests", "all", p99, set_.p99_s, "seconds", f"p99 of whole requests is {p99:.2f} s.",
            "See the tiers' load on /dashboard/gpus; answers that are long by nature ask for a higher alerts.p99_s.",
        )  # fmt: skip


def slow_first_token(seen: Evidence, set_: Alerts) -> Iterator[Reading]:
    name = "tiergate_time_to_first_token_seconds"
    for tier, count in seen.counts.by(f"{name}_count", "tier").items():
        p95 = seen.counts.quantile(name, 0.95, tier=tier)
        if p95 is not None and count >= set_.least_requests:
            yield Reading(
                "slow-first-token", tier, p95, set_.ttft_s, "seconds",
                f"p95 of the time to the first token on {tier} is {p95:.2f} s.",
                "Add a replica, or lower limits.max_inflight there so that requests go elsewhere.",
            )  # fmt: skip


def gpu_memory(seen: Evidence, set_: Alerts) -> Iterator[Reading]:
    for (tier, replica), used in seen.kv_cache.items():
        yield Reading(
            "gpu-memory", f"{tier} {replica}", used, set_.kv_cache, "share",
            f"{used:.0%} of the KV cache of {tier} ({replica}) is in use.",
            "Add a replica, or lower limits.max_kv_cache there so that requests go elsewhere sooner.",
        )  # fmt: skip


RULES: tuple[Rule, ...] = (
    budgets, budget_forecast, spend_rate, key_jump, runaway_loop, unknown_price, ledger_lag, stale_config,
    escalation_rate, error_rate, slow_requests, slow_first_token, gpu_memory,
)  # fmt: skip


def readings(seen: Evidence, set_: Alerts) -> list[Reading]:
    return [reading for rule in RULES for reading in rule(seen, set_)]


def _named(state: BudgetState) -> str:
    return f"{state.scope} {state.period}"


def _team(state: BudgetState) -> str | None:
    kind, _, name = state.scope.partition(":")
    return name if kind == "team" else None
