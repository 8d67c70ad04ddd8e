"""The engine's side: the same sequences through EmbeddedEngine, as a gateway would run them."""

import asyncio
import time
from itertools import pairwise
from statistics import median

from benchmarks.edge.prompts import prompt_tokens
from tiers.llamacpp import EmbeddedEngine
from tiers.types import Call

PATH = "/v1/completions"
TOKEN_MARK = b'"token_logprobs":'  # one in each event that carries a sampled token
BACKGROUND_STREAMS = 7
LONG_PROMPT_TOKENS = 2000
SHORT_PROMPT_TOKENS = 12


async def tokens_per_second(engine: EmbeddedEngine, streams: int, tokens: int) -> float:
    """Tokens a second of all streams together, between the last one's beginning and the first one's end."""
    asked = tokens + steps_until_all_run(streams)
    arrivals = await asyncio.gather(*(_arrivals(engine, i, asked) for i in range(streams)))
    begin = max(times[0] for times in arrivals)
    end = min(times[-1] for times in arrivals)
    inside = sum(sum(begin < moment <= end for moment in times) for times in arrivals)
    return inside / (end - begin)


def steps_until_all_run(streams: int) -> int:
    """Steps from the first stream's first token to the last one's, each of which takes one prompt or two."""
    return streams


async def _arrivals(engine: EmbeddedEngine, number: int, tokens: int) -> list[float]:
    """When each token of one stream came."""
    times: list[float] = []
    async for data in await engine.stream(_call(prompt_tokens(number), tokens)):
        times += [time.perf_counter()] * data.count(TOKEN_MARK)
    return times


async def short_prompt_steps(engine: EmbeddedEngine, number: int) -> tuple[float, float]:
    """First token of a short prompt while a long one is prefilled: in decode steps, and one decode step's seconds.

    A decode step is the median gap between two tokens of the streams that run all the while, before the long prompt.
    """
    background = [asyncio.create_task(_arrivals(engine, 100 + i, 400)) for i in range(BACKGROUND_STREAMS)]
    try:
        step_s = await _decode_step_s(engine)
        long = asyncio.create_task(_first_token_s(engine, prompt_tokens(1000 + number, LONG_PROMPT_TOKENS)))
        await asyncio.sleep((5 + 3.7 * number) * step_s)
        short_s = await _first_token_s(engine, prompt_tokens(2000 + number, SHORT_PROMPT_TOKENS))
        if long.done():
            raise RuntimeError("the long prompt was done before the short one came: nothing was measured")
        long.cancel()
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
    return short_s / step_s, step_s


async def _decode_step_s(engine: EmbeddedEngine) -> float:
    """The gap between two tokens of one more stream beside the background's."""
    times = await _arrivals(engine, 99, 16)
    return median(after - before for before, after in pairwise(times[4:]))


async def _first_token_s(engine: EmbeddedEngine, prompt: list[int]) -> float:
    started = time.perf_counter()
    stream = await engine.stream(_call(prompt, 2))
    taken = time.perf_counter() - started
    await stream.aclose()
    return taken


def _call(prompt: list[int], tokens: int) -> Call:
    body = {
        "prompt": prompt,
        "max_tokens": tokens,
        "temperature": 0,
        "logprobs": 5,
        "ignore_eos": True,
        "stream_options": {"include_usage": True},
    }
    return Call(PATH, body, stream=True, request_id="bench")
