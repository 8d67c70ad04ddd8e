"""The answer: tokens that wait to be read, and the limits on waiting for them."""

import asyncio

import pytest

from tiers.errors import Broken, EngineFailed, Overloaded, TimedOut
from tiers.llamacpp.answer import Answer, Token
from tiers.llamacpp.backlog import Backlog
from tiers.types import Timeouts


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def token(text: str = "a", finish: str | None = None, choice: int = 0) -> Token:
    return Token(choice, text, None, [], finish, 1)


def answer(clock: Clock, choices: int = 1, **limits: float) -> Answer:
    return Answer(choices=choices, timeouts=Timeouts(**limits), clock=clock)


async def test_tokens_come_in_order_and_then_nothing():
    """All that came since the last time is taken together; a whole answer ends in an empty list."""
    waiting = answer(Clock())
    waiting.put(token("a"))
    waiting.put(token("b", finish="stop"))
    assert [t.text for t in await waiting.take()] == ["a", "b"]
    assert await waiting.take() == []
    assert waiting.output_tokens == 2


async def test_an_answer_is_whole_when_every_choice_has_ended():
    """One choice's end is not the answer's."""
    waiting = answer(Clock(), choices=2)
    waiting.put(token(finish="stop", choice=1))
    assert not waiting.done
    waiting.put(token(finish="length", choice=0))
    assert waiting.done


@pytest.mark.parametrize(
    ("limits", "begun", "passed_s", "phase"),
    [
        ({"first_token_s": 5.0}, False, 5.0, "first_token"),
        ({"total_s": 3.0}, False, 3.0, "total"),
        ({"idle_s": 2.0}, True, 2.0, "idle"),
        ({"total_s": 3.0, "idle_s": 30.0}, True, 3.0, "total"),
    ],
)
async def test_each_limit_has_its_phase(limits, begun, passed_s, phase):
    """Which limit passed is said: before the first token, between two, or over all."""
    clock = Clock()
    waiting = answer(clock, **limits)
    if begun:
        waiting.put(token())
        await waiting.take()
    clock.now_s += passed_s
    with pytest.raises(TimedOut) as timed_out:
        await waiting.take()
    assert timed_out.value.phase == phase


async def test_tokens_that_are_there_are_read_before_an_error():
    """What came before the break is not lost, and the break is still told."""
    waiting = answer(Clock())
    waiting.put(token("a"))
    waiting.died("gone")
    assert [t.text for t in await waiting.take()] == ["a"]
    with pytest.raises(Broken):
        await waiting.take()


async def test_an_answer_that_had_not_begun_can_be_had_elsewhere():
    """A death before the first token is no broken answer; a reader that waits hears of it at once."""
    waiting = answer(Clock())
    reader = asyncio.create_task(waiting.take())
    await asyncio.sleep(0)
    waiting.died("gone")
    with pytest.raises(EngineFailed):
        await reader


async def test_a_whole_answer_outlives_the_worker():
    """All tokens were there: a death afterwards changes nothing."""
    waiting = answer(Clock())
    waiting.put(token("a", finish="stop"))
    waiting.died("gone")
    assert [t.text for t in await waiting.take()] == ["a"]
    assert await waiting.take() == []


def test_places_are_given_up_to_the_capacity_and_given_back():
    """No more answers than slots and waiting places; a place is free again when its answer ends."""
    backlog = Backlog(slots=1, max_waiting=1, clock=Clock())
    with backlog.place(1):
        with backlog.place(1), pytest.raises(Overloaded), backlog.place(1):
            pass
        with backlog.place(1):
            pass


def test_an_idle_engine_takes_a_request_of_any_size():
    """More choices than places are served one after another when nobody else is there."""
    with Backlog(slots=1, max_waiting=1, clock=Clock()).place(9):
        pass


def test_when_to_come_again_follows_the_measured_rate():
    """One answer every two seconds and one too many: come again in two seconds."""
    clock = Clock()
    backlog = Backlog(slots=1, max_waiting=0, clock=clock)
    for _ in range(5):
        with backlog.place(1):
            clock.now_s += 2.0
    with backlog.place(1), pytest.raises(Overloaded) as refused, backlog.place(1):
        pass
    assert refused.value.retry_after_s == pytest.approx(2.0)


def test_without_a_rate_nothing_is_said_of_when():
    """An engine that has finished nothing yet does not guess."""
    backlog = Backlog(slots=1, max_waiting=0, clock=Clock())
    with backlog.place(1), pytest.raises(Overloaded) as refused, backlog.place(1):
        pass
    assert refused.value.retry_after_s is None
