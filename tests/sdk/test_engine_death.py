"""The embedded engines are killed; the gateway stays up, says so clearly, and answers again by itself."""

import concurrent.futures
import os
import signal
import time
from pathlib import Path

import openai
import pytest

from tests.sdk.process import Served, serve

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory):
    with serve(tmp_path_factory.mktemp("death")) as running:
        yield running


def workers(served: Served) -> list[int]:
    """The gateway's child processes: one a tier."""
    pid = served.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_killed_engines_come_back(served):
    """Calls in flight end in an answer or in OpenAI's own error; within seconds every tier answers again."""
    with openai.OpenAI(base_url=served.url + "/v1", api_key="none", max_retries=0) as client:

        def ask(number: int) -> str:
            try:
                made = client.chat.completions.create(
                    model=("edge", "short", "long")[number % 3], messages=QUESTION, max_tokens=300,
                    extra_body={"ignore_eos": True}, extra_headers={"x-tiergate-cache": "off"},
                )  # fmt: skip
            except openai.APIStatusError as error:
                return f"{error.status_code} {error.body['message']}"
            return "answered" if made.choices[0].finish_reason == "length" else "cut"

        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            asked = [pool.submit(ask, number) for number in range(6)]
            before = workers(served)
            assert len(before) == 3
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            told = [future.result(timeout=60) for future in asked]
        assert all(said == "answered" or said[:3] in ("502", "503") for said in told), told

        end = time.monotonic() + 30
        while time.monotonic() < end and any(not ask(number).startswith("answered") for number in range(3)):
            pass
        assert [ask(number) for number in range(3)] == ["answered"] * 3
        assert not set(workers(served)) & set(before)
