"""Rates and pots that several gateways share on one Redis, and what holds while it cannot be reached."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from policies.schema_limits import Redis as Settings
from router.limits.batch import Asked, Batch, Reply
from router.limits.pots import Pots
from router.limits.store import Answer, Charge, Draw, Settled, Total

_log = logging.getLogger("tiergate")
_SCRIPT = Path(__file__).with_name("script.lua")
_MOST_ASKS = 200
_MOST_POTS = 500
_REFRESH_S = 1.0
_PUBLISH_S = 0.02
_PATIENCE_S = 1.0  # for a call or a connection, while nobody waits for it any more
_TURNS = 3


class RedisStore:
    """A gateway's own figures live here and are published, whole, with every call; the script adds the others'.

    One call is under way at a time and carries everything that waits, so calls arrive in order and one is enough for
    many requests. source: names this gateway's ledger, which holds its figures over a restart. now_us: the clock of
    rates, None for the server's. now_ns: Unix time, of periods.
    """

    def __init__(
        self,
        client: Redis,
        settings: Settings,
        *,
        source: str,
        now_us: Callable[[], int] | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._client = client
        self._script = client.register_script(_SCRIPT.read_text())
        self._settings = settings
        self._source = source
        self._now_us = now_us
        self._now_ns = now_ns
        self._own = Pots()
        self._others: dict[str, Total] = {}
        self._dirty: dict[str, None] = {}
        self._asks: deque[Asked] = deque()
        self._corrections: list[Charge] = []
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._refresh_at = 0.0
        self._turn: list[str] = []
        self._task: asyncio.Task[None] | None = None
        self._leases: dict[str, int] | None = None  # while away: what each pot had used when Redis was last seen
        self._under_way: list[Asked] = []
        self._calls = 0
        self._failing = False

    @classmethod
    def at(cls, address: str, settings: Settings, *, source: str) -> "RedisStore":
        """address: redis://, rediss:// or unix://. Connects when it is opened."""
        never = Retry(NoBackoff(), 0)
        return cls(Redis.from_url(address, retry=never, single_connection_client=True), settings, source=source)

    @property
    def away(self) -> bool:
        return self._leases is not None

    async def open(self) -> None:
        """Publish what is known and begin to serve; without Redis too, as the settings say."""
        await self._exchange()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if not self.away:
            await self._exchange()
        with contextlib.suppress(RedisError, OSError):
            await self._client.aclose()

    async def ask(self, charges: Sequence[Charge], draws: Sequence[Draw]) -> Answer:
        if self._leases is not None:
            return self._without(charges, draws)
        asked = Asked(charges, draws, asyncio.get_running_loop().create_future())
        self._asks.append(asked)
        self._wake.set()
        try:
            return await asked.answer
        except asyncio.CancelledError:
            if not asked.answer.cancelled() and asked.answer.result().granted:  # granted, and nobody is left to use it
                self.settle([Settled(draw.pot, draw.amount, 0) for draw in draws])
            raise

    async def flush(self) -> None:
        """Return once what was settled and corrected so far is published, or Redis is away."""
        await self.ask((), ())

    def settle(self, ends: Sequence[Settled]) -> None:
        self._own.settle(ends)
        self._publish([end.pot for end in ends])

    def correct(self, charges: Sequence[Charge]) -> None:
        if self._leases is None:
            self._corrections.extend(charges)
            self._publish([])

    def total(self, pot: str) -> Total:
        own, others = self._own.total(pot), self._others.get(pot, Total())
        return Total(*(mine + theirs for mine, theirs in zip(own, others, strict=True)))

    def seed(self, pot: str, spent: int, unpriced: int, ends_ns: int) -> None:
        seeded = self._own.take_up(pot, ends_ns)
        seeded.spent += spent
        seeded.unpriced += unpriced
        self._publish([pot])

    def _publish(self, pots: Sequence[str]) -> None:
        """Soon, with the next ask or by itself."""
        self._dirty |= dict.fromkeys(pots)
        if self._task is not None and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_PUBLISH_S, self._wake.set)

    async def _run(self) -> None:
        while True:
            if self._failing:
                await asyncio.sleep(self._settings.retry_s)
            else:
                await self._woken()
            await self._exchange()

    async def _woken(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REFRESH_S):
                await self._wake.wait()
        self._wake.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _exchange(self) -> None:
        """One call with what waits. Never raises."""
        batch = self._batch()
        now_us = self._now_us() if self._now_us is not None else 0
        call = batch.call(source=self._source, prefix=self._settings.prefix, now_us=now_us, now_ns=self._now_ns())
        timer = asyncio.get_running_loop().call_later(self._settings.timeout_ms / 1000, self._late, self._calls, _TURNS)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                reply = await self._script(keys=call.keys, args=[call.argument])
            self._apply(batch, batch.read(reply))
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait are answered and it is tried again
            self._lost(error)
        finally:
            timer.cancel()
            self._calls += 1

    def _late(self, call: int, turns: int) -> None:
        """The call takes longer than a request may wait. A reply that came while the loop was busy still counts, so it
        is given some turns of the loop to be read; then those who wait are answered without it.
        """
        if call != self._calls:
            return
        if turns:
            asyncio.get_running_loop().call_soon(self._late, call, turns - 1)
        else:
            self._leave()

    def _batch(self) -> Batch:
        """Asks in the order in which they came, and pots whose figures changed or were not looked at for a while."""
        asks = [self._asks.popleft() for _ in range(min(_MOST_ASKS, len(self._asks)))]
        if self._asks:
            self._wake.set()
        self._under_way = asks
        pots = {draw.pot: self._own.take_up(draw.pot, draw.ends_ns) for asked in asks for draw in asked.draws}
        for name in [*self._dirty, *self._stale()][:_MOST_POTS]:
            self._dirty.pop(name, None)
            if (pot := self._own.get(name)) is not None:
                pots[name] = pot
        corrections, self._corrections = self._corrections, []
        return Batch(pots, asks, corrections)

    def _stale(self) -> list[str]:
        """Now and then some pots, in turn, so that what others spent is seen without asking."""
        now = time.monotonic()
        if now < self._refresh_at:
            return []
        self._refresh_at = now + _REFRESH_S
        self._own.sweep(self._now_ns())
        self._others = {name: total for name, total in self._others.items() if self._own.get(name) is not None}
        if not self._turn:
            self._turn = list(self._own)
        turn, self._turn = self._turn[:_MOST_POTS], self._turn[_MOST_POTS:]
        return turn

    def _apply(self, batch: Batch, reply: Reply) -> None:
        if self._leases is not None:
            self._leases = None
            self._publish(list(self._own))
        if self._failing:
            self._failing = False
            _log.warning("Redis is reached again: budgets and limits are shared again")
        self._others |= reply.others
        for asked, answer in zip(batch.asks, reply.answers, strict=True):
            if asked.answer.done():  # cancelled: what was granted is taken back by the next call
                self._publish([draw.pot for draw in asked.draws])
                continue
            if answer.granted:
                self._own.hold(asked.draws)
            asked.answer.set_result(answer)

    def _lost(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            _log.error("Redis cannot be reached, limits are %s and budgets %s until it can: %s",
                       self._settings.limits, self._settings.budgets, str(error) or type(error).__name__)  # fmt: skip
        self._leave()

    def _leave(self) -> None:
        """Until a call succeeds every ask is answered as the settings say; first those that wait."""
        if self._leases is None:
            self._leases = {name: pot.used for name in self._own if (pot := self._own.get(name)) is not None}
        waiting, self._under_way, self._asks = [*self._under_way, *self._asks], [], deque()
        for asked in waiting:
            if not asked.answer.done():
                asked.answer.set_result(self._without(asked.charges, asked.draws))

    def _without(self, charges: Sequence[Charge], draws: Sequence[Draw]) -> Answer:
        """As the settings say of a Redis that is away."""
        if charges and self._settings.limits == "closed":
            return Answer(away=True, closed=True)
        if not all(self._passes(draw) for draw in draws):
            return Answer(away=True, closed=True)
        self._own.hold(draws)
        return Answer(away=True)

    def _passes(self, draw: Draw) -> bool:
        pot = self._own.take_up(draw.pot, draw.ends_ns)
        if draw.cap is None or draw.amount == 0 or self._settings.budgets == "open":
            return True
        if self._settings.budgets == "closed" or self._leases is None:
            return False
        others = self._others.get(draw.pot, Total())
        seen = self._leases.get(draw.pot, 0)
        left = max(0, draw.cap - seen - others.spent - others.reserved)
        return pot.used + draw.amount <= seen + int(left * self._settings.lease_share)
