"""The ledger as a listener."""

from router.ledger.ledger import Ledger
from router.observe.events import AttemptBegan, AttemptCorrected, AttemptEnded, Event, RequestEnded


class Recorder:
    """Hands rows to the ledger's writer; returns at once."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __call__(self, event: Event) -> None:
        match event:
            case AttemptBegan(reservation):
                self._ledger.reserve(reservation)
            case AttemptEnded(_, settlement, _):
                self._ledger.settle(settlement)
            case AttemptCorrected(correction):
                self._ledger.correct(correction)
            case RequestEnded(row=row):
                self._ledger.record(row)
            case _:
                pass
