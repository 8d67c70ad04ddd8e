"""The official Node SDK: `node --test` on tests/sdk/node, against the same embedded gateway."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "node"


@pytest.mark.skipif(
    shutil.which("node") is None or not (HERE / "node_modules").is_dir(),
    reason="needs Node.js and npm; `make test` installs the SDK where they are",
)
def test_the_node_sdk(embedded, keyed):
    """Every case of sdk.test.mjs passes."""
    environment = {
        **os.environ,
        "TIERGATE_BASE_URL": embedded.url + "/v1",
        "TIERGATE_KEYED_URL": keyed[0].url + "/v1",
    }
    ran = subprocess.run(
        ["node", "--test", "sdk.test.mjs"], cwd=HERE, env=environment, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
