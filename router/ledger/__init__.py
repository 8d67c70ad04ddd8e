"""The ledger: every token, once, with its price."""

from router.ledger.ledger import Ledger
from router.ledger.sqlite import LedgerError
from router.ledger.types import Correction, RequestRow, Reservation, Settlement

__all__ = ["Correction", "Ledger", "LedgerError", "RequestRow", "Reservation", "Settlement"]
