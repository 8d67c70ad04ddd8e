"""The tiny model: random weights that load in a moment, for the mechanics of the embedded engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.edge.random_model import TINY, write
from tiers.llamacpp.model import Model, send_log_to_stderr
from tiers.llamacpp.options import EngineOptions


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny.gguf"
    write(path, TINY, quantised=False)
    return path


@pytest.fixture(scope="session")
def quiet_log() -> Iterator[None]:
    kept = send_log_to_stderr()
    yield
    del kept


@pytest.fixture(scope="session")
def model(tiny_gguf: Path, quiet_log: None) -> Model:
    """One model for all tests of this process: 4 slots of 256 tokens over 512 cells, batches of 64.

    Without flash attention and quantised weights llama.cpp's sums hardly depend on what else is in the batch.
    """
    return Model(
        EngineOptions(
            model_path=str(tiny_gguf),
            context=256,
            threads=1,
            kv_tokens=512,
            slots=4,
            batch=64,
            ubatch=64,
            flash_attention=False,
        )
    )
