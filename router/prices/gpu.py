"""GPU economics: what own GPUs cost by the hour, how much of it was idle, and when a managed model is cheaper."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from policies.schema import Config
from policies.schema_tiers import Gpu
from router.ledger.sums import sums
from router.meter.store import Piece, read
from router.money import NUSD_PER_USD, Price, nusd_per_token
from router.prices.quote import Throughput, hourly_usd, rated

HOUR_NS = 3_600_000_000_000
_MILLION = 1_000_000
Tokens = tuple[int, int]  # prompt (cached ones too), output


@dataclass(frozen=True, slots=True)
class GpuTime:
    """Own GPUs of one tier over an hour, or over several added up.

    start_ns: of the hour, or of the first. paid_ns: replica time that is paid for: of reserved replicas all of it, of
    spot and on-demand ones while they were up. busy_ns: of it, with a request under way. cost_nusd: of the paid time.
    prompt_tokens, output_tokens: really served, by the engines' counters; by the ledger where an engine has none.
    """

    tier: str
    start_ns: int
    paid_ns: int
    busy_ns: int
    cost_nusd: int
    prompt_tokens: int
    output_tokens: int

    @property
    def idle_share(self) -> float | None:
        """Of the paid time, 0 to 1; None where nothing was paid."""
        return 1 - min(1.0, self.busy_ns / self.paid_ns) if self.paid_ns else None

    @property
    def idle_nusd(self) -> int:
        """What the idle time cost."""
        return round(self.cost_nusd * (self.idle_share or 0.0))

    @property
    def allocated_nusd_per_million(self) -> int | None:
        """All that was paid over the tokens really served, prompt and output alike; None where none were."""
        tokens = self.prompt_tokens + self.output_tokens
        return round(Fraction(self.cost_nusd * _MILLION, tokens)) if tokens else None

    def __add__(self, other: "GpuTime") -> "GpuTime":
        return GpuTime(
            self.tier, min(self.start_ns, other.start_ns), self.paid_ns + other.paid_ns, self.busy_ns + other.busy_ns,
            self.cost_nusd + other.cost_nusd, self.prompt_tokens + other.prompt_tokens,
            self.output_tokens + other.output_tokens,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class BreakEven:
    """How busy a replica must be to be cheaper than a managed model at the same mix of tokens.

    tokens_per_hour: prompt and output together. utilisation: of the rated throughput, above 1 never; None where the
    throughput is unknown.
    """

    against: str
    tokens_per_hour: float
    utilisation: float | None


def gpu_hours(path: Path, config: Config, *, since_ns: int, until_ns: int) -> list[GpuTime]:
    """One for each hour (UTC) and tier on own GPUs that was metered, in order. Blocks. Raises LedgerError."""
    pieces = [p for p in read(path, since_ns=since_ns, until_ns=until_ns) if _gpu(config, p.tier)]
    if not pieces:
        return []
    rows = sums(path, ("tier",), since_ns=since_ns, until_ns=until_ns, every="hour")
    ledger = {
        (row.by["tier"], row.start_ns or 0): (
            row.attempts.input_tokens + row.attempts.cached_input_tokens,
            row.attempts.output_tokens,
        )
        for row in rows
    }
    return by_hour(pieces, config, ledger)


def by_hour(pieces: Iterable[Piece], config: Config, ledger: Mapping[tuple[str, int], Tokens]) -> list[GpuTime]:
    """ledger: (tier, start of the hour) to its tokens, for engines that do not count."""
    found: dict[tuple[int, str], GpuTime] = {}
    silent: set[tuple[int, str]] = set()
    for piece in pieces:
        gpu = _gpu(config, piece.tier)
        if gpu is None:
            continue
        key = piece.from_ns // HOUR_NS * HOUR_NS, piece.tier
        counted = _time(piece, gpu, key[0])
        found[key] = found[key] + counted if key in found else counted
        if piece.prompt_tokens is None or piece.output_tokens is None:
            silent.add(key)
    for key in silent:
        prompt, output = ledger.get((key[1], key[0]), (0, 0))
        now = found[key]
        found[key] = GpuTime(now.tier, now.start_ns, now.paid_ns, now.busy_ns, now.cost_nusd, prompt, output)
    return [found[key] for key in sorted(found)]


def by_tier(hours: Iterable[GpuTime]) -> dict[str, GpuTime]:
    """Each tier's hours added up."""
    found: dict[str, GpuTime] = {}
    for hour in hours:
        found[hour.tier] = found[hour.tier] + hour if hour.tier in found else hour
    return found


def break_even(
    gpu: Gpu, against: str, price: Price, *, prompt_share: float, measured: Throughput | None = None
) -> BreakEven:
    """Against a managed price. prompt_share: of the tokens, 0 to 1, how many are prompt."""
    hourly_nusd = float(gpu.usd_per_hour) * gpu.count * NUSD_PER_USD
    per_token = prompt_share * float(nusd_per_token(price.input)) + (1 - prompt_share) * float(
        nusd_per_token(price.output)
    )
    tokens = hourly_nusd / per_token if per_token else float("inf")
    capacity = tokens_per_hour(rated(gpu, measured), prompt_share)
    return BreakEven(against, tokens, None if capacity is None else tokens / capacity)


def tokens_per_hour(speed: Throughput | None, prompt_share: float) -> float | None:
    """What one busy replica serves in an hour of that mix; None where its throughput is unknown."""
    if speed is None:
        return None
    seconds_per_token = prompt_share / (speed.prompt or speed.output) + (1 - prompt_share) / speed.output
    return 3600 / seconds_per_token


def _time(piece: Piece, gpu: Gpu, start_ns: int) -> GpuTime:
    paid_ns = piece.until_ns - piece.from_ns if piece.kind == "reserved" else piece.up_ns
    hourly = Fraction(hourly_usd(gpu, piece.kind)) * NUSD_PER_USD
    return GpuTime(
        piece.tier, start_ns, paid_ns, min(piece.busy_ns, paid_ns), round(hourly * paid_ns / HOUR_NS),
        piece.prompt_tokens or 0, piece.output_tokens or 0,
    )  # fmt: skip


def _gpu(config: Config, tier: str) -> Gpu | None:
    described = config.tiers.get(tier)
    return described.gpu if described else None
