"""The ledger against a real vLLM's own counters."""

import asyncio
import time

import aiohttp
import pytest

from benchmarks.reconcile.gateway import running
from router.reconcile.engines import against_engines

pytestmark = pytest.mark.engines

CONFIG = """
state: {{ledger: "sqlite:///var/ledger.db"}}
tiers:
  short: {{engine: vllm, model: toy, context: 512, replicas: [{{url: "{url}"}}], price: {{input: 1, output: 2}}}}
"""


async def ask(client, url, text, *, stream, leave=False):
    body = {"model": "short", "messages": [{"role": "user", "content": text}], "max_tokens": 60, "stream": stream}
    async with client.post(f"{url}/v1/chat/completions", json=body | {"ignore_eos": True}) as reply:
        if leave:
            await reply.content.readany()
        else:
            await reply.read()
        return reply.status


async def test_whole_and_streamed_answers_agree_to_the_token(vllm_server, tmp_path):
    """Cached prompt tokens too: every prompt is sent twice, and vLLM's counter has them in it."""
    async with running(tmp_path, CONFIG.format(url=vllm_server.url)) as url, aiohttp.ClientSession() as client:
        texts = [f"Tell me a long story about the number {place}. " * 4 for place in range(10)]
        asked = [ask(client, url, text, stream=place % 2 == 0) for place, text in enumerate([*texts, *texts])]
        assert set(await asyncio.gather(*asked)) == {200}
    gaps = against_engines(tmp_path / "ledger.db", since_ns=0, until_ns=time.time_ns())
    assert [(gap.figure, gap.difference) for gap in gaps] == [("prompt", 0), ("output", 0)]
    assert gaps[1].ledger == 20 * 60


async def test_the_gap_of_streams_that_were_left_is_named(vllm_server, tmp_path):
    """vLLM does not tell how far it came: what was seen of them is counted here, and told so."""
    async with running(tmp_path, CONFIG.format(url=vllm_server.url)) as url, aiohttp.ClientSession() as client:
        await asyncio.gather(*(ask(client, url, f"Number {n}", stream=True, leave=n % 2 == 0) for n in range(8)))
    _, output = against_engines(tmp_path / "ledger.db", since_ns=0, until_ns=time.time_ns())
    assert abs(output.difference) < 4 * 60
    assert {cause.name for cause in output.causes} == {"aborts", "estimated"}
