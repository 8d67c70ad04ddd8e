"""One embedded gateway for all tests of this folder, and one that wants keys."""

from collections.abc import Iterator

import pytest

from tests.sdk.process import Served, run, serve

KEYED = """
version: 1
server: {auth: keys}
tiers:
  edge: {engine: llama.cpp, model: "bundled:edge", context: 2048, price: {input: 0.02, output: 0.06},
         options: {threads: 1, slots: 2}}
"""


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`tiergate serve` without any argument but the port."""
    with serve(tmp_path_factory.mktemp("embedded")) as served:
        yield served


@pytest.fixture(scope="session")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    """A gateway with `auth: keys`, and a key for team search that may ask for `auto` only."""
    folder = tmp_path_factory.mktemp("keyed")
    (folder / "keyed.yaml").write_text(KEYED)
    made = run("keys", "create", "--team", "search", "--models", "auto", "--config", "keyed.yaml", folder=folder)
    assert made.returncode == 0, made.stderr
    with serve(folder, ["--config", "keyed.yaml"]) as served:
        yield served, made.stdout.split()[0]
