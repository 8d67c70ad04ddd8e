"""The loop: many sequences over one real, tiny model, step by step in this process."""

import json
from collections import defaultdict
from typing import Any

import pytest

from tiers.llamacpp.loop import Loop, Report
from tiers.llamacpp.model import Batch, CacheFull, LogitRows, Model
from tiers.llamacpp.prepare import Preparer

PATH = "/v1/completions"


class Bench:
    """A loop and what it said."""

    def __init__(self, model: Model) -> None:
        model.truncate(-1, 0)
        self.ticks = 0.0
        self.loop = Loop(model, clock=self.clock)
        self.preparer = Preparer(model)
        self.began: dict[int, tuple[int, int]] = {}
        self.texts: dict[tuple[int, int], str] = defaultdict(str)
        self.finish: dict[tuple[int, int], str] = {}
        self.tokens: dict[tuple[int, int], int] = defaultdict(int)
        self.chosen: dict[tuple[int, int], list[Any]] = defaultdict(list)
        self.steps = 0

    def clock(self) -> float:
        self.ticks += 0.001
        return self.ticks

    def ask(self, number: int, path: str = PATH, **body: Any) -> None:
        settings = {"temperature": 0, "max_tokens": 12, "ignore_eos": True, "logprobs": 2}
        self.loop.add(self.preparer.prepare(number, path, {**settings, **body}))

    def step(self) -> Report:
        report = self.loop.step()
        self.steps += 1
        for number, prompt, cached in report.began:
            self.began[number] = (prompt, cached)
        for number, choice, text, logprobs, _, finish, sampled in report.tokens:
            self.texts[number, choice] += text
            self.chosen[number, choice].append(logprobs)
            self.tokens[number, choice] += sampled
            if finish:
                self.finish[number, choice] = finish
        return report

    def run(self) -> "Bench":
        while not self.loop.idle:
            self.step()
        return self


@pytest.fixture
def bench(model: Model) -> Bench:
    return Bench(model)


def prompt(number: int, length: int = 20) -> list[int]:
    return [(number * 37 + i * 11) % 900 for i in range(length)]


def alone(model: Model, **body: Any) -> Bench:
    """The same request with nobody beside it, under number 1."""
    bench = Bench(model)
    bench.ask(1, **body)
    bench.run()
    model.truncate(-1, 0)
    return bench


def same_but_for_ties(ours: list[Any], theirs: list[Any]) -> bool:
    """Whether two greedy answers agree up to where the two best tokens were as good as equal.

    llama.cpp adds up in another order for another batch size, so that scores differ in their last digits.
    """
    for (name, *_), (other, _, top) in zip(ours, theirs, strict=True):
        if name != other:
            return top[0][1] - top[1][1] < 0.02
    return True


def test_neighbours_in_the_batch_do_not_change_a_greedy_answer(model, bench):
    """Ten requests of many lengths over four slots say what each says alone."""
    for number in range(10):
        bench.ask(number, prompt=prompt(number, 5 + 9 * number))
    bench.run()
    for number in range(10):
        by_itself = alone(model, prompt=prompt(number, 5 + 9 * number))
        assert same_but_for_ties(bench.chosen[number, 0], by_itself.chosen[1, 0])


def test_a_seeded_answer_is_the_same_again(model, bench):
    """A seed and a temperature give one answer, with and without neighbours."""
    asked = {"prompt": prompt(3), "temperature": 1.0, "seed": 11}
    bench.ask(1, **asked)
    bench.ask(2, prompt=prompt(4), temperature=1.0)
    assert bench.run().texts[1, 0] == alone(model, **asked).texts[1, 0]


def test_choices_share_the_prompts_cells_and_differ(bench):
    """n answers decode the prompt once and draw for themselves."""
    bench.ask(1, prompt=prompt(1, 40), n=3, temperature=1.0, seed=5)
    bench.run()
    assert {choice for _, choice in bench.finish} == {0, 1, 2}
    assert len(set(bench.texts.values())) == 3
    assert bench.loop.load()["prompt_tokens"] == 40


def test_a_finished_slot_is_taken_at_once(bench):
    """With four slots and five requests the fifth begins in the step after the first one ends."""
    for number in range(5):
        bench.ask(number, prompt=prompt(number, 4), max_tokens=2 if number == 0 else 30)
    while (0, 0) not in bench.finish:
        bench.step()
    assert 4 not in bench.began
    bench.step()
    assert 4 in bench.began


def test_a_conversation_that_comes_back_reports_its_cached_tokens(bench):
    """The second turn reuses the first one's prompt and answer."""
    bench.ask(1, prompt=prompt(1, 30))
    bench.run()
    bench.ask(2, prompt=[*prompt(1, 30), 7, 8])
    bench.run()
    assert bench.began[2] == (32, 30)


def test_a_running_neighbours_system_prompt_is_shared(bench):
    """A request that begins as a running one does decodes only the rest."""
    bench.ask(1, prompt=prompt(1, 40), max_tokens=60)
    while (1, 0) not in bench.texts:
        bench.step()
    bench.ask(2, prompt=[*prompt(1, 40), 3, 4])
    bench.run()
    assert bench.began[2] == (42, 40)


def test_cancelling_frees_the_slot_before_the_next_step(bench):
    """A cancelled request says nothing more and the next in the queue begins."""
    for number in range(5):
        bench.ask(number, prompt=prompt(number, 4), max_tokens=100)
    bench.step()
    bench.loop.cancel(2)
    report = bench.step()
    assert [began[0] for began in report.began] == [4]
    assert 2 not in {token[0] for token in report.tokens}
    bench.loop.cancel(3)
    assert bench.loop.load()["running"] == 3


def test_a_waiting_request_can_be_cancelled(bench):
    """One that never had a slot leaves the queue."""
    for number in range(6):
        bench.ask(number, prompt=prompt(number, 4), n=2, max_tokens=50)
    bench.step()
    bench.loop.cancel(5)
    bench.run()
    assert {number for number, _ in bench.finish} == {0, 1, 2, 3, 4}


def test_a_full_cache_puts_the_newest_back_and_nobody_notices(model, bench):
    """Four answers that together need more cells than there are all end as they would alone."""
    asked = [{"prompt": prompt(number, 60), "max_tokens": 120} for number in range(4)]
    for number, body in enumerate(asked):
        bench.ask(number, **body)
    waited = False
    while not bench.loop.idle:
        bench.step()
        waited = waited or (bench.steps > 60 and bench.loop.load()["waiting"] > 0)
    assert waited
    for number, body in enumerate(asked):
        assert bench.tokens[number, 0] == 120
        assert same_but_for_ties(bench.chosen[number, 0], alone(model, **body).chosen[1, 0])


class Cramped:
    """A model whose cache is fuller than the book says: it has no room for batches of more than `most` tokens."""

    def __init__(self, model: Model, most: int) -> None:
        self.model, self.most = model, most

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def decode(self, batch: Batch) -> LogitRows:
        if batch.size > self.most:
            raise CacheFull("no room")
        return self.model.decode(batch)


def test_a_cache_that_is_fuller_than_the_book_says_ends_nothing_but_what_cannot_fit(model):
    """Where llama.cpp finds no room the newest waits, and a request that does not fit alone fails by itself."""
    bench = Bench(Cramped(model, most=3))
    for number in range(3):
        bench.ask(number, prompt=prompt(number, 2), max_tokens=30)
    bench.ask(9, prompt=prompt(9, 25))
    failed = []
    while not bench.loop.idle:
        failed += [number for number, _ in bench.step().failed]
    assert failed == [9]
    assert {number for number, _ in bench.finish} == {0, 1, 2}


def test_every_token_is_counted_once(bench):
    """The counters of the load agree with what was asked and said."""
    for number in range(6):
        bench.ask(number, prompt=prompt(number, 10), max_tokens=3 + number)
    bench.run()
    load = bench.loop.load()
    assert load["prompt_tokens"] == 60
    assert load["output_tokens"] == sum(bench.tokens.values()) == sum(3 + n for n in range(6))
    assert (load["running"], load["waiting"], load["kv_cache"]) == (0, 0, 0.0)


def test_a_stop_string_ends_the_answer_before_it(model, bench):
    """The text ends where the stop string begins, and the finish reason is stop."""
    whole = alone(model, prompt=prompt(2), max_tokens=30).texts[1, 0]
    stop = whole[6:9]
    bench.ask(1, prompt=prompt(2), max_tokens=30, stop=[stop])
    bench.run()
    assert bench.texts[1, 0] == whole[: whole.index(stop)]
    assert bench.finish[1, 0] == "stop"


def test_a_schema_makes_json_whatever_the_model_would_rather_say(bench):
    """Random weights and a schema still give an object that fits, greedy and drawn."""
    schema = {
        "type": "object",
        "properties": {"ok": {"type": "boolean"}, "word": {"enum": ["red", "blue"]}},
        "required": ["ok", "word"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    for number, temperature in enumerate([0, 1.0, 2.0]):
        bench.ask(number, prompt=prompt(number), response_format=wanted, temperature=temperature, max_tokens=60)
    bench.run()
    for number in range(3):
        answer = json.loads(bench.texts[number, 0])
        assert isinstance(answer["ok"], bool)
        assert answer["word"] in {"red", "blue"}
        assert bench.finish[number, 0] == "stop"


def test_an_early_end_can_be_forbidden(model, bench):
    """min_tokens holds the end of the answer back although the model wants it at once."""
    end = next(iter(model.vocabulary.ends))
    bench.ask(1, prompt=prompt(1), logit_bias={str(end): 100}, ignore_eos=False, min_tokens=5)
    bench.ask(2, prompt=prompt(1), logit_bias={str(end): 100}, ignore_eos=False)
    bench.run()
    assert (bench.tokens[1, 0], bench.finish[1, 0]) == (6, "stop")
    assert (bench.tokens[2, 0], bench.texts[2, 0]) == (1, "")
