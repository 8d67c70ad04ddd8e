"""The slots: what is kept, shared and forgotten, against a memory that remembers everything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.llamacpp.slots import Slot, SlotTable

SLOTS, CONTEXT, CELLS = 3, 24, 40
ACTIONS = st.lists(
    st.tuples(st.sampled_from(["acquire", "grow", "release", "clear"]), st.integers(0, 10**6)), max_size=40
)


class RecordingMemory:
    """A KV cache that keeps, for each sequence, the ids of the cells it holds; `shares_prefixes` as told."""

    def __init__(self, *, shares_prefixes: bool = True) -> None:
        self.shares_prefixes = shares_prefixes
        self.cells: dict[int, list[object]] = {i: [] for i in range(SLOTS)}

    def truncate(self, sequence: int, length: int) -> bool:
        if not self.shares_prefixes and 0 < length < len(self.cells[sequence]):
            return False
        del self.cells[sequence][length:]
        return True

    def copy_prefix(self, source: int, target: int, length: int) -> None:
        assert not self.cells[target]
        self.cells[target] = self.cells[source][:length]

    def decode(self, sequence: int, count: int) -> None:
        self.cells[sequence] += [object() for _ in range(count)]

    def used(self) -> int:
        return len({id(cell) for held in self.cells.values() for cell in held})


class Driver:
    """A table and its memory, driven as the loop does."""

    def __init__(self, *, shares_prefixes: bool = True) -> None:
        self.memory = RecordingMemory(shares_prefixes=shares_prefixes)
        self.table = SlotTable(self.memory, slots=SLOTS, context=CONTEXT, kv_tokens=CELLS)

    def decode(self, slot: Slot, tokens: list[int]) -> bool:
        if slot.length + len(tokens) > CONTEXT or not self.table.make_room(len(tokens)):
            return False
        self.memory.decode(slot.index, len(tokens))
        self.table.extend(slot, tokens)
        return True

    def serve(self, prompt: list[int]) -> tuple[Slot, int]:
        found = self.table.acquire(prompt)
        assert found is not None
        slot, reused = found
        assert self.decode(slot, prompt[slot.length :])
        return slot, reused


def prompt_from(number: int) -> list[int]:
    """Prompts over few tokens, so that many begin alike."""
    digits = [int(digit) % 2 for digit in f"{number:b}"]
    return digits[: CONTEXT - 2] or [0]


@given(ACTIONS, st.booleans())
def test_the_book_of_cells_agrees_with_the_memory(actions, shares_prefixes):
    """After any run of requests the free cells, the lengths and the tokens are what the memory really holds."""
    driver = Driver(shares_prefixes=shares_prefixes)
    running: list[Slot] = []
    for action, number in actions:
        if action == "acquire":
            found = driver.table.acquire(prompt := prompt_from(number))
            if found is None:
                assert len(running) == SLOTS
                continue
            slot, reused = found
            assert slot not in running
            assert slot.tokens[:reused].tolist() == prompt[:reused]
            running.append(slot)
            if not driver.decode(slot, prompt[reused:]):
                driver.table.clear(running.pop())
        elif running:
            slot = running[number % len(running)]
            if action == "grow":
                driver.decode(slot, [number % 2])
            else:
                running.remove(slot)
                getattr(driver.table, action)(slot)
        assert CELLS - driver.table.free_cells == driver.memory.used()
        assert [s.length for s in driver.table.slots] == [len(driver.memory.cells[i]) for i in range(SLOTS)]
        assert driver.table.free_cells + driver.table.reclaimable() <= CELLS


def test_a_conversation_that_comes_back_finds_its_tokens():
    """The next turn reuses all that the slot holds of it, and takes that same slot."""
    driver = Driver()
    first, _ = driver.serve([1, 2, 3, 4])
    driver.decode(first, [5, 6])
    driver.table.release(first)
    driver.serve([9, 9])
    second, reused = driver.serve([1, 2, 3, 4, 5, 6, 7])
    assert second is first
    assert reused == 6


def test_the_last_prompt_token_is_always_decoded_again():
    """An identical prompt reuses all but its last token, whose scores are needed."""
    driver = Driver()
    slot, _ = driver.serve([1, 2, 3])
    driver.table.release(slot)
    assert driver.serve([1, 2, 3])[1] == 2


def test_a_running_neighbour_lends_its_beginning_without_using_more_cells():
    """A system prompt shared with a running request is copied, and its cells count once."""
    driver = Driver()
    driver.serve([1, 2, 3, 4, 5])
    _, reused = driver.serve([1, 2, 3, 4, 8])
    assert reused == 4
    assert CELLS - driver.table.free_cells == 6


def test_another_conversations_cells_are_not_given_up_for_a_short_common_beginning():
    """A prompt that shares only the beginning of a long idle conversation leaves it whole."""
    driver = Driver()
    slot, _ = driver.serve([1, *range(2, 16)])
    driver.table.release(slot)
    other, reused = driver.serve([1, 2, 99])
    assert other is not slot
    assert reused == 2
    assert slot.length == 15


def test_room_is_made_by_forgetting_the_least_recently_used():
    """Idle slots lose their cells oldest first, and only as many as are needed."""
    driver = Driver()
    slots = [driver.serve([token] * 12)[0] for token in (1, 2, 3)]
    for slot in slots:
        driver.table.release(slot)
    assert driver.table.make_room(10)
    assert [slot.length for slot in slots] == [0, 12, 12]


def test_idle_slots_keep_no_more_than_they_may():
    """Beyond the bound the oldest conversation loses its end first, and its beginning stays."""
    memory = RecordingMemory()
    driver = Driver()
    driver.memory, driver.table = memory, SlotTable(memory, slots=3, context=CONTEXT, kv_tokens=CELLS, idle_cells=20)
    slots = [driver.serve([token] * 12)[0] for token in (1, 2)]
    for slot in slots:
        driver.table.release(slot)
    assert [slot.length for slot in slots] == [8, 12]


def test_busy_slots_are_never_robbed():
    """Where running requests hold the cells, there is no room, and nothing of theirs is touched."""
    driver = Driver()
    slots = [driver.serve([token] * 13)[0] for token in (1, 2, 3)]
    assert not driver.table.make_room(5)
    assert [slot.length for slot in slots] == [13, 13, 13]
    assert driver.table.share_in_use() == pytest.approx(39 / CELLS)


def test_a_model_that_cannot_cut_reuses_only_whole_sequences():
    """A recurrent model's state serves a prompt that goes on exactly where it ended, and no other."""
    driver = Driver(shares_prefixes=False)
    slot, _ = driver.serve([1, 2, 3])
    driver.table.release(slot)
    assert driver.serve([1, 2, 9, 9])[1] == 0
    assert driver.serve([1, 2, 3, 4])[1] == 3
