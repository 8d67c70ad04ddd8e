"""One line of the scorecard."""

from dataclasses import dataclass

from tests.faults.verdict import Got


@dataclass(frozen=True, slots=True)
class Row:
    """asked: when requests reached the providers, seconds from the caller's last request. ledger: each attempt's kind
    and outcome. surprise: what is not as it must be; empty where all is.
    """

    case: str
    got: Got
    code: str
    asked: tuple[str, ...]
    seconds: float
    ledger: tuple[str, ...]
    surprise: str = ""
