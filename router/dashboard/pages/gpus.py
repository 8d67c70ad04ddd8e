"""GPUs: what they cost by the hour, how much of that is idle, and what their tokens cost for it."""

from typing import Any

from policies.schema_tiers import Gpu
from router.dashboard.ask import Ask, Page
from router.dashboard.books import NS, usd
from router.dashboard.dataset import Column, Dataset, over_time
from router.dashboard.figures import Unit, divided
from router.dashboard.state import DAY_S, HOUR_S
from router.ledger.sums import Sums
from router.money import Price
from router.prices.gpu import HOUR_NS, BreakEven, GpuTime, break_even, by_tier, gpu_hours

_MANAGED_ENGINES = ("litellm", "openai")


def _own(ask: Ask) -> dict[str, Gpu]:
    return {name: tier.gpu for name, tier in ask.snapshot.config.tiers.items() if tier.gpu is not None}


def _hours(ask: Ask) -> list[GpuTime]:
    period = ask.state.period
    return ask.books.once(
        "gpu_hours",
        lambda path: gpu_hours(path, ask.snapshot.config, since_ns=period.since * NS, until_ns=period.until * NS),
    )


def _managed(ask: Ask) -> tuple[str, Price] | None:
    """The tier with the cheapest output among those that are paid by the token to somebody else."""
    found = [
        (name, price)
        for name, tier in ask.snapshot.config.tiers.items()
        if tier.gpu is None and tier.engine in _MANAGED_ENGINES and (price := ask.snapshot.prices.price(name))
    ]
    return min(found, key=lambda each: each[1].output, default=None)


def _break_even(ask: Ask, gpu: Gpu, prompt_share: float | None) -> BreakEven | None:
    managed = _managed(ask)
    if managed is None or prompt_share is None:
        return None
    return break_even(gpu, *managed, prompt_share=prompt_share)


def _billed(ask: Ask) -> dict[str, Sums]:
    return {row.by["tier"]: row for row in ask.books.sums(ask.state.period, ("tier",))}


def tiers(ask: Ask) -> Dataset:
    columns = (
        Column("tier", "Tier"), Column("gpus", "GPUs of a replica"), Column("usd_per_hour", "Per hour", "usd"),
        Column("paid_hours", "Paid", "hours"), Column("use", "Use", "share"), Column("idle", "Idle", "share"),
        Column("cost_usd", "Cost of the time", "usd"), Column("idle_usd", "of that idle", "usd"),
        Column("billed_usd", "Billed in use", "usd"), Column("tokens", "Tokens", "tokens"),
        Column("allocated_usd_per_1m", "Per 1M, allocated", "usd"), Column("used_usd_per_1m", "Per 1M, in use", "usd"),
        Column("breaks_even_at", "Breaks even at", "share"),
    )  # fmt: skip
    times, billed = by_tier(_hours(ask)), _billed(ask)
    made = tuple(_row(ask, name, gpu, times.get(name), billed.get(name)) for name, gpu in _own(ask).items())
    note = (
        "Allocated: all the time that was paid for over the tokens really served. In use: what the ledger bills, "
        "at the GPUs' rated throughput."
    )
    return Dataset("tiers", "By tier", columns, made, note)


def _row(ask: Ask, name: str, gpu: Gpu, time: GpuTime | None, row: Sums | None) -> tuple[Any, ...]:
    what = (name, f"{gpu.count} x {gpu.kind}", float(gpu.usd_per_hour) * gpu.count)
    cost = row.attempts.cost_nusd / NS if row else None
    if time is None:
        return (*what, *[None] * 5, cost, *[None] * 4)
    tokens = time.prompt_tokens + time.output_tokens
    even = _break_even(ask, gpu, divided(time.prompt_tokens, tokens))
    idle = time.idle_share
    return (
        *what, time.paid_ns / HOUR_NS, None if idle is None else 1 - idle, idle, usd(time.cost_nusd),
        usd(time.idle_nusd), cost, tokens, usd(time.allocated_nusd_per_million),
        divided(None if cost is None else cost * 1e6, tokens), even.utilisation if even else None,
    )  # fmt: skip


def use(ask: Ask) -> Dataset:
    """Busy share of the paid time, by step."""
    step = ask.state.period.step
    found: dict[str, dict[int, GpuTime]] = {name: {} for name in _own(ask)}
    for hour in _hours(ask):
        at = hour.start_ns // NS // step * step
        mine = found[hour.tier]
        mine[at] = mine[at] + hour if at in mine else hour
    times = list(range(ask.state.period.since // step * step, ask.state.period.until, step))
    drawn = [
        (name, [1 - idle if (time := mine.get(at)) and (idle := time.idle_share) is not None else None for at in times])
        for name, mine in found.items()
        if mine
    ]
    unit: Unit = "day" if step == DAY_S else "hour"
    if not drawn:
        return Dataset("use", "Use", (Column("time", "Time", unit),), ())
    return over_time("use", "Use", "share", times, drawn, step=unit, note="Share of the paid time with work under way.")


def throughput(ask: Ask) -> Dataset:
    lines = ask.books.lines(ask.state.period, ("tier",))
    own = _own(ask)
    drawn = [
        (group[0], [row.attempts.output_tokens / lines.step for row in rows])
        for group, rows in lines.groups.items()
        if group[0] in own
    ]
    unit: Unit = "hour" if lines.step == HOUR_S else "day"
    if not drawn:
        return Dataset("throughput", "Throughput", (Column("time", "Time", unit),), ())
    note = "Output tokens a second, averaged over each step."
    return over_time("throughput", "Throughput", "tokens", lines.times, drawn, step=unit, note=note)


def replicas(ask: Ask) -> Dataset:
    """As they are at the moment; what an engine does not report is unknown."""
    columns = (
        Column("tier", "Tier"), Column("replica", "Replica"), Column("state", "State"),
        Column("inflight", "In flight", "count"), Column("waiting", "Waiting", "count"),
        Column("kv_cache", "KV cache", "share"), Column("breaker", "Breaker"), Column("error", "Last error"),
    )  # fmt: skip
    made = tuple(
        (
            tier.name, replica.name, "draining" if replica.draining else "up" if replica.up else "down",
            replica.inflight, replica.load.waiting if replica.load else None,
            replica.load.kv_cache if replica.load else None, replica.breaker.state,
            str(replica.error) if replica.error else "",
        )
        for tier in ask.snapshot.tiers.values()
        for replica in tier.replicas
    )  # fmt: skip
    return Dataset("replicas", "Replicas now", columns, made)


def context(ask: Ask) -> dict[str, Any]:
    times = list(by_tier(_hours(ask)).values())
    cost, idle = sum(time.cost_nusd for time in times), sum(time.idle_nusd for time in times)
    replicas_of = {name: len(ask.snapshot.tiers[name].replicas) for name in _own(ask)}
    return {
        "hourly": sum(float(gpu.usd_per_hour) * gpu.count * replicas_of[name] for name, gpu in _own(ask).items()),
        "paid_hours": sum(time.paid_ns for time in times) / HOUR_NS, "cost": usd(cost) if times else None,
        "idle": usd(idle) if times else None, "idle_share": divided(idle, cost), "managed": _managed(ask),
        "tokens": sum(time.prompt_tokens + time.output_tokens for time in times),
    }  # fmt: skip


PAGE = Page(
    "gpus", "GPUs", "cpu", "What own GPUs cost by the hour, how much of it is idle, and what a token costs for it.",
    {"tiers": tiers, "use": use, "throughput": throughput, "replicas": replicas}, context, for_all=True,
)  # fmt: skip
