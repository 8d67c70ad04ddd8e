"""The slots: sequences of the KV cache, whose cells they hold, and which one a prompt finds its beginning in."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

# What idle slots may keep. Every cell in use costs a decoding sequence a look at its mask in each layer and head, some
# 5 % of a step for 1,000 cells, and saves its prompt token's whole decoding where the conversation comes back.
IDLE_CELLS = 4096


class Memory(Protocol):
    """What slots need of the model's KV cache."""

    @property
    def shares_prefixes(self) -> bool: ...

    def truncate(self, sequence: int, length: int) -> bool: ...

    def copy_prefix(self, source: int, target: int, length: int) -> None: ...


@dataclass(slots=True, eq=False)
class Slot:
    """One sequence of the KV cache: the tokens whose keys and values it holds, and whether a request uses it."""

    index: int
    tokens: NDArray[np.int32]
    cells: NDArray[np.int32]
    length: int = 0
    busy: bool = False
    used_at: int = 0  # the table's count of uses, for least-recently-used

    def common_prefix(self, prompt: NDArray[np.int32]) -> int:
        """How many tokens of `prompt` this slot holds from its start."""
        most = min(self.length, prompt.size)
        differs = np.flatnonzero(self.tokens[:most] != prompt[:most])
        return int(differs[0]) if differs.size else most


@dataclass(slots=True)
class CellBook:
    """Who holds which cells; a cell that two slots share counts once. llama.cpp does not tell, so it is kept here."""

    total: int
    free: list[int] = field(init=False)
    holders: NDArray[np.int32] = field(init=False)

    def __post_init__(self) -> None:
        self.free = list(range(self.total - 1, -1, -1))
        self.holders = np.zeros(self.total, np.int32)

    def take(self, count: int) -> list[int]:
        taken = self.free[len(self.free) - count :]
        del self.free[len(self.free) - count :]
        self.holders[taken] = 1
        return taken

    def share(self, cells: NDArray[np.int32]) -> None:
        self.holders[cells] += 1

    def give_back(self, cells: NDArray[np.int32]) -> None:
        self.holders[cells] -= 1
        self.free.extend(cells[self.holders[cells] == 0].tolist())


class SlotTable:
    """All slots over one unified KV cache."""

    def __init__(
        self, memory: Memory, *, slots: int, context: int, kv_tokens: int, idle_cells: int = IDLE_CELLS
    ) -> None:
        self._memory = memory
        self._book = CellBook(kv_tokens)
        self._uses = 0
        self._idle_cells = idle_cells
        self.slots = tuple(Slot(i, np.zeros(context, np.int32), np.zeros(context, np.int32)) for i in range(slots))

    @property
    def free_cells(self) -> int:
        return len(self._book.free)

    def share_in_use(self) -> float:
        """Cells held by busy slots, 0 to 1; what idle slots keep can be taken at any time and does not count."""
        held = [slot.cells[: slot.length] for slot in self.slots if slot.busy]
        return np.unique(np.concatenate(held)).size / self._book.total if held else 0.0

    def acquire(self, prompt: Sequence[int]) -> tuple[Slot, int] | None:
        """A slot for `prompt` and how many of its first tokens the slot now holds; None while all are busy.

        At most all but one are reused: the last token must be decoded for its scores.
        """
        idle = [slot for slot in self.slots if not slot.busy]
        if not idle:
            return None
        wanted = np.asarray(prompt[:-1], np.int32)
        source, shared = self._longest_prefix(wanted, idle)
        oldest = min(idle, key=lambda slot: (slot.length > 0, slot.used_at))
        slot = source if source in idle and self._spends_little(source, shared, oldest) else oldest
        reused = self._reuse(slot, source, shared)
        slot.busy = True
        self._touch(slot)
        return slot, reused

    def extend(self, slot: Slot, tokens: Sequence[int]) -> None:
        """Note that `tokens` were decoded after what the slot held."""
        end = slot.length + len(tokens)
        slot.tokens[slot.length : end] = tokens
        slot.cells[slot.length : end] = self._book.take(len(tokens))
        slot.length = end

    def make_room(self, cells: int) -> bool:
        """Free at least `cells` cells by forgetting what idle slots keep, the least recently used first."""
        idle = sorted((s for s in self.slots if not s.busy and s.length), key=lambda s: s.used_at, reverse=True)
        while self.free_cells < cells and idle:
            self._cut(idle.pop(), 0)
        return self.free_cells >= cells

    def forget_idle(self) -> bool:
        """Forget all that idle slots keep; whether there was anything."""
        kept = [slot for slot in self.slots if not slot.busy and slot.length]
        for slot in kept:
            self._cut(slot, 0)
        return bool(kept)

    def reclaimable(self) -> int:
        """Cells that only idle slots hold."""
        busy = [slot.cells[: slot.length] for slot in self.slots if slot.busy]
        held = np.unique(np.concatenate(busy)).size if busy else 0
        return self._book.total - held - self.free_cells

    def release(self, slot: Slot) -> None:
        """The request is done; its cells stay, within bounds, for a prompt that begins the same."""
        slot.busy = False
        self._touch(slot)
        idle = sorted((s for s in self.slots if not s.busy), key=lambda s: s.used_at)
        excess = sum(s.length for s in idle) - self._idle_cells
        for oldest in idle:
            if excess > 0:
                held = oldest.length
                excess -= held - self._cut(oldest, max(0, held - excess))

    def clear(self, slot: Slot) -> None:
        """Release the slot and forget its cells."""
        self._cut(slot, 0)
        slot.busy = False

    def _longest_prefix(self, wanted: NDArray[np.int32], idle: list[Slot]) -> tuple[Slot, int]:
        """The slot that holds most of the prompt; among equals an idle one."""
        if not self._memory.shares_prefixes:
            whole = [s for s in idle if 0 < s.length == s.common_prefix(wanted)]
            best = max(whole, key=lambda s: s.length, default=idle[0])
            return best, best.length if whole else 0
        lengths = [(slot.common_prefix(wanted), not slot.busy, slot) for slot in self.slots]
        shared, _, source = max(lengths, key=lambda found: found[:2])
        return source, shared

    def _spends_little(self, source: Slot, shared: int, oldest: Slot) -> bool:
        """Whether taking the source itself loses no other conversation's beginning worth keeping."""
        lost = source.length - shared
        return source is oldest or lost <= shared

    def _reuse(self, slot: Slot, source: Slot, shared: int) -> int:
        if slot is source:
            return self._cut(slot, shared)
        self._cut(slot, 0)
        if shared and self._memory.shares_prefixes:
            self._memory.copy_prefix(source.index, slot.index, shared)
            slot.tokens[:shared] = source.tokens[:shared]
            slot.cells[:shared] = source.cells[:shared]
            slot.length = shared
            self._book.share(slot.cells[:shared])
        return slot.length

    def _cut(self, slot: Slot, length: int) -> int:
        """Forget the slot's tokens from `length` on, all of them where the model cannot cut; the length left."""
        if length < slot.length:
            if not self._memory.truncate(slot.index, length):
                self._memory.truncate(slot.index, 0)
                length = 0
            self._book.give_back(slot.cells[length : slot.length])
            slot.length = length
        return slot.length

    def _touch(self, slot: Slot) -> None:
        self._uses += 1
        slot.used_at = self._uses
