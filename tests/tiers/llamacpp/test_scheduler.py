"""The schedule: what goes into a batch, whatever waits."""

from hypothesis import given
from hypothesis import strategies as st

from tiers.llamacpp.scheduler import LEAST_CHUNK, PATIENCE_STEPS, STRETCH, ChunkSizer, Prefill, plan, starved_after

PROMPTS = st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 50)), max_size=12)


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[int], list[Prefill], int, int]:
    decoding = list(range(draw(st.integers(0, 16))))
    prompts = [Prefill(100 + i, left, starved) for i, (left, starved) in enumerate(draw(PROMPTS))]
    budget = draw(st.integers(max(1, len(decoding)), 512))
    return decoding, prompts, budget, draw(st.integers(1, 512))


@given(situations())
def test_a_batch_never_exceeds_its_budget(situation):
    """Whatever waits, the batch holds at most `budget` tokens and STRETCH times `chunk` prompt tokens."""
    decoding, prompts, budget, chunk = situation
    shares = plan(decoding, prompts, budget=budget, chunk=chunk)
    prompt_tokens = sum(share.tokens for share in shares if share.key >= 100)
    assert sum(share.tokens for share in shares) <= budget
    assert prompt_tokens <= STRETCH * chunk


@given(situations())
def test_decoding_comes_first_and_is_never_left_out(situation):
    """Every decoding sequence has exactly one token, before any prompt's."""
    decoding, prompts, budget, chunk = situation
    shares = plan(decoding, prompts, budget=budget, chunk=chunk)
    assert [(share.key, share.tokens) for share in shares[: len(decoding)]] == [(key, 1) for key in decoding]


@given(situations())
def test_nobody_is_given_more_than_is_left_or_served_twice(situation):
    """A prompt's share is between one token and its remainder, and it has one share at most."""
    decoding, prompts, budget, chunk = situation
    shares = plan(decoding, prompts, budget=budget, chunk=chunk)
    remaining = {prompt.key: prompt.remaining for prompt in prompts}
    assert len({share.key for share in shares}) == len(shares)
    assert all(1 <= share.tokens <= remaining.get(share.key, 1) for share in shares)


@given(situations())
def test_some_prompt_goes_on_wherever_there_is_room(situation):
    """A step with room for prompt tokens and a prompt waiting takes at least one of them."""
    decoding, prompts, budget, chunk = situation
    shares = plan(decoding, prompts, budget=budget, chunk=chunk)
    assert len(shares) > len(decoding) or not prompts or len(decoding) == budget


@given(
    long=st.integers(100, 1000),
    short=st.integers(1, 60),
    chunk=st.integers(8, 64),
    decodes=st.integers(0, 16),
)
def test_a_long_prompt_is_not_starved_by_a_stream_of_short_ones(long, short, chunk, decodes):
    """With a new short prompt at every step the long one still has a chunk every few steps."""
    starved, steps = 0, 0
    limit = (PATIENCE_STEPS + 1) * (long // LEAST_CHUNK + 1)
    while long > 0:
        prompts = [Prefill(0, long, starved), Prefill(1, short)]
        shares = plan(list(range(10, 10 + decodes)), prompts, budget=512, chunk=chunk)
        given_now = sum(share.tokens for share in shares if share.key == 0)
        starved = starved_after(starved, remaining=long, tokens=given_now)
        long -= given_now
        steps += 1
        assert steps <= limit


def test_a_short_prompt_goes_before_the_rest_of_a_long_one():
    """A prompt that can be finished in this step is, however much of a longer one is left."""
    shares = plan([1, 2], [Prefill(3, 2000), Prefill(4, 20)], budget=512, chunk=8)
    assert shares[2].key == 4
    assert shares[2].tokens == 20


def test_the_chunk_follows_the_measured_cost_of_a_prompt_token():
    """Prompt tokens lengthen a step by about a third of a decode step, as the steps before have shown."""
    sizer = ChunkSizer(budget=512)
    sizer.measured(decodes=8, prompt_tokens=0, seconds=0.1)
    sizer.measured(decodes=8, prompt_tokens=10, seconds=0.11)
    assert sizer.chunk(8) == 30


def test_an_unmeasured_machine_gets_a_small_chunk():
    """Before anything is known the chunk is modest, and never under its least."""
    assert LEAST_CHUNK <= ChunkSizer(budget=512).chunk(4) <= 64


@given(st.lists(st.tuples(st.integers(0, 16), st.integers(0, 512), st.floats(1e-5, 10.0)), max_size=40))
def test_the_chunk_stays_within_its_bounds_whatever_is_measured(steps):
    """However odd the measurements, a chunk is at least LEAST_CHUNK and at most the budget."""
    sizer = ChunkSizer(budget=512)
    for decodes, prompt_tokens, seconds in steps:
        sizer.measured(decodes=decodes, prompt_tokens=prompt_tokens, seconds=seconds)
    assert all(LEAST_CHUNK <= sizer.chunk(decodes) <= 512 for decodes in range(17))
