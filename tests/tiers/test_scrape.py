"""Load is read from what engines print, and what they do not print stays unknown."""

from pathlib import Path

from tiers.engines.dialect import Gauges
from tiers.engines.registry import DIALECTS
from tiers.scrape import read_load
from tiers.types import Load

WIRE = Path(__file__).parents[1] / "wire"
GAUGES = Gauges(running=("a_running",), waiting=("a_waiting",), kv_cache=("a_kv",), prompt_tokens=("a_total",))


def test_reads_a_recording_of_vllm():
    """Every gauge that the product uses is in what vLLM 0.32 printed."""
    load = read_load((WIRE / "vllm/metrics.txt").read_text(), DIALECTS["vllm"].gauges)
    assert load.running == 0
    assert load.waiting == 0
    assert load.kv_cache == 0.0
    assert load.prompt_tokens > 0
    assert load.output_tokens > 0


def test_reads_sglang_and_llama_server():
    """Counts in exponent notation and samples without labels are read; KV use that is not printed is None."""
    sglang = read_load((WIRE / "sglang/metrics.written.txt").read_text(), DIALECTS["sglang"].gauges)
    assert sglang == Load(running=7, waiting=2, kv_cache=0.31, prompt_tokens=8128902, output_tokens=7557572)
    llama = read_load((WIRE / "llama_server/metrics.written.txt").read_text(), DIALECTS["llama-server"].gauges)
    assert llama == Load(running=2, waiting=0, kv_cache=None, prompt_tokens=1234, output_tokens=567)


def test_what_is_absent_is_none_and_not_zero():
    """A page without the names, and an empty page, say nothing."""
    assert read_load("other 3\n", GAUGES) == Load()
    assert read_load("", GAUGES) == Load()


def test_a_longer_name_is_another_metric():
    """A name is matched whole: its namesakes with a suffix do not count."""
    assert read_load("a_running_by_reason 5\na_running_total 6\n", GAUGES).running is None


def test_replicas_within_an_engine_are_added_and_the_fullest_cache_counts():
    """Data-parallel engines print one sample each."""
    text = 'a_running{engine="0"} 2\na_running{engine="1"} 3\na_kv{engine="0"} 0.2\na_kv{engine="1"} 0.9\n'
    load = read_load(text, GAUGES)
    assert load.running == 5
    assert load.kv_cache == 0.9


def test_odd_samples_do_not_break_the_others():
    """NaN and nonsense are no value; labels may hold braces and spaces; a timestamp may follow."""
    text = 'a_running NaN\na_waiting{x="} 9 {"} 4 1700000000\na_kv banana\na_total\n'
    assert read_load(text, GAUGES) == Load(waiting=4)


def test_the_newest_name_wins_and_an_older_one_serves():
    """vLLM renamed its KV gauge; both versions are read."""
    gauges = DIALECTS["vllm"].gauges
    assert read_load("vllm:gpu_cache_usage_perc 0.5\n", gauges).kv_cache == 0.5
    both = "vllm:gpu_cache_usage_perc 0.5\nvllm:kv_cache_usage_perc 0.6\n"
    assert read_load(both, gauges).kv_cache == 0.6


def test_a_name_may_want_a_label():
    """Triton prints several figures under one name, told apart by a label that may stand anywhere."""
    load = read_load((WIRE / "triton/metrics.written.txt").read_text(), DIALECTS["triton"].gauges)
    assert load == Load(running=4, waiting=3, kv_cache=0.25)
