"""The latency of a tier, as the ledger measured it: a beginning, and so much for each token."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from router.ledger.sqlite import LedgerError, connect_reader

_SUMS = """
SELECT tier, count(*), sum(output_tokens), sum((ended_ns - started_ns) / 1e9),
  sum(output_tokens * output_tokens), sum(output_tokens * ((ended_ns - started_ns) / 1e9))
FROM request
WHERE started_ns >= ? AND started_ns < ? AND status = 200 AND attempts = 1 AND cache NOT IN ('hit', 'semantic')
GROUP BY tier
"""


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds of a whole answer: base_s + per_token_s x its tokens."""

    base_s: float
    per_token_s: float

    def seconds(self, tokens: float) -> float:
        return self.base_s + self.per_token_s * tokens


def measured(path: Path, *, since_ns: int, until_ns: int) -> Mapping[str, Latency]:
    """Tier to latency, by least squares over what it answered at the first attempt. Raises LedgerError."""
    with closing(connect_reader(path)) as connection:
        try:
            rows = connection.execute(_SUMS, (since_ns, until_ns)).fetchall()
        except sqlite3.Error as error:
            raise LedgerError(f"{path}: {error}") from error
    return {row[0]: fitted(*row[1:]) for row in rows}


def fitted(n: int, tokens: float, seconds: float, squares: float, products: float) -> Latency:
    """From sums over n answers. Where lengths do not differ, or longer ones were not slower, the mean."""
    spread = n * squares - tokens * tokens
    slope = (n * products - tokens * seconds) / spread if spread > 0 else 0.0
    slope = max(0.0, slope)
    base = (seconds - slope * tokens) / n
    return Latency(base, slope) if base >= 0 else Latency(0.0, seconds / tokens)
