"""The options: defaults that fit the machine and the context, and mistakes that are named."""

from pathlib import Path
from typing import Any

import pytest

from tiers.errors import Misconfigured
from tiers.llamacpp.options import EngineOptions, _cpu_quota, usable_cores
from tiers.types import Limits, TierSpec


def read(context: int = 1000, **options: Any) -> EngineOptions:
    spec = TierSpec(
        name="edge", engine="llama.cpp", model="m", context=context, limits=Limits(max_waiting=7), options=options
    )
    return EngineOptions.from_spec(spec, Path("m.gguf"))


def test_defaults_fit_the_machine_and_the_context():
    """Eight slots over four contexts' cells, one thread for each core, batches of 512."""
    options = read()
    assert (options.slots, options.kv_tokens, options.batch, options.gpu_layers) == (8, 4000, 512, 0)
    assert 1 <= options.threads == usable_cores()
    assert options.max_waiting == 7


def test_an_option_without_a_value_is_absent():
    """null in a configuration asks for the default."""
    assert read(threads=None, kv_tokens=None, ubatch=None) == read()


def test_one_context_always_fits():
    """However few cells were asked for, one request of the whole context can be served."""
    assert read(kv_tokens=10).kv_tokens == 1000
    assert read(slots=1).kv_tokens == 1000


def test_a_long_context_does_not_take_all_memory():
    """The cache's default size grows with the context only as far as one context needs."""
    assert read(context=8192).kv_tokens == 16384
    assert read(context=100_000).kv_tokens == 100_000
    assert read(context=8192, kv_tokens=50_000).kv_tokens == 50_000


def test_a_batch_holds_every_slots_token():
    """A batch smaller than the number of slots would leave sequences waiting at every step."""
    assert read(batch=2, slots=8).batch == 8


@pytest.mark.parametrize(("text", "cores"), [("max 100000", None), ("150000 100000", 1.5), ("nonsense", None)])
def test_a_containers_quota_is_read(tmp_path, text, cores):
    """Threads beyond the quota would only wait for each other."""
    path = tmp_path / "cpu.max"
    path.write_text(text)
    assert _cpu_quota(path) == cores
    assert _cpu_quota(tmp_path / "absent") is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"thread": 2}, "no such option"),
        ({"threads": 0}, "from 1"),
        ({"threads": "many"}, "whole number"),
        ({"slots": True}, "whole number"),
        ({"slots": 65}, "at most 64"),
        ({"gpu_layers": -2}, "from -1"),
        ({"flash_attention": 1}, "true or false"),
    ],
)
def test_a_wrong_option_is_named_with_what_is_allowed(options, words):
    """The message has the setting's path, what was found, and what would do."""
    with pytest.raises(Misconfigured) as refused:
        read(**options)
    assert f"tiers.edge.options.{next(iter(options))}" in refused.value.message
    assert words in refused.value.message
