"""A hold: what one attempt keeps of its budgets while it runs, growing with its answer."""

from collections.abc import AsyncIterator, Sequence

from router.errors import ApiError
from router.limits.meters import Meter
from router.limits.refusals import over_budget, uncounted
from router.limits.store import Answer, Settled, Store
from router.money import Price, cost_nusd
from tiers.base import Stream

STEP_TOKENS = 64  # one reservation increment: what an answer that outgrows its prediction is extended by


class Hold:
    """Begins empty; `cover` holds, `settle` ends it. price: of the attempt's tier, None where unknown.

    covered: output tokens that may still come without asking. seen: those that came.
    """

    def __init__(self, store: Store, meters: Sequence[Meter], price: Price | None, input_tokens: int) -> None:
        self._store = store
        self._meters = meters
        self._price = price
        self._input_tokens = input_tokens
        self._held = [0] * len(meters)
        self.covered = 0
        self.seen = 0
        self.refuses = any(meter.cap is not None for meter in meters)

    async def cover(self, output_tokens: int) -> None:
        """Hold what a prompt and so many output tokens cost.

        Raises OverBudget where it does not fit, ApiError 503 where budgets cannot be checked; what was held stays.
        """
        amounts = [self._amount(meter, output_tokens) for meter in self._meters]
        draws = [meter.draw(new - old) for meter, new, old in zip(self._meters, amounts, self._held, strict=True)]
        answer = await self._store.ask((), draws)
        if not answer.granted:
            raise self._refusal(answer)
        self._held = amounts
        self.covered = output_tokens

    async def keep_up(self) -> None:
        """Extend by an increment where the answer has outgrown what is covered. Raises as `cover`."""
        if self.seen > self.covered:
            await self.cover(self.seen + STEP_TOKENS)

    def grew(self, tokens: int) -> None:
        """tokens: of output, seen so far."""
        self.seen = tokens

    def settle(self, cost_nusd: int | None, tokens: int) -> None:
        """cost_nusd: what the attempt cost, None where its price is unknown. tokens: of prompt and answer."""
        self._store.settle(
            [
                Settled(meter.pot, held, cost_nusd if meter.unit == "usd" else tokens)
                for meter, held in zip(self._meters, self._held, strict=True)
            ]
        )

    def correct(self, cost_nusd: int, tokens: int) -> None:
        """Differences to what it was settled at, known later."""
        self._store.settle([Settled(m.pot, 0, cost_nusd if m.unit == "usd" else tokens) for m in self._meters])

    def _amount(self, meter: Meter, output_tokens: int) -> int:
        if meter.unit == "tokens":
            return self._input_tokens + output_tokens
        return expected_nusd(self._price, self._input_tokens, output_tokens) or 0

    def _refusal(self, answer: Answer) -> ApiError:
        if answer.refused is None:
            return uncounted()
        return over_budget(self._meters[answer.refused])


def expected_nusd(price: Price | None, input_tokens: int, output_tokens: int) -> int | None:
    return cost_nusd(price, input_tokens=input_tokens, cached_input_tokens=0, output_tokens=output_tokens)


class PacedStream:
    """An engine's stream, of which nothing more is read than its budget holds."""

    def __init__(self, stream: Stream, hold: Hold) -> None:
        self._stream = stream
        self._source = aiter(stream)
        self._hold = hold
        self.model = stream.model

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await self._hold.keep_up()
        return await anext(self._source)

    async def aclose(self) -> None:
        await self._stream.aclose()
