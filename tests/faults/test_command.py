"""The provider can be started by hand."""

import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest


def test_the_command_prints_its_url_and_breaks_as_told():
    """`python -m tests.faults --mode 503` answers 503."""
    command = [sys.executable, "-m", "tests.faults", "--mode", "503"]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True) as process:
        try:
            mode, url = process.stdout.readline().strip().split(": ")
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(f"{url}/chat/completions", data=b"{}", timeout=10)
            caught.value.close()
        finally:
            process.terminate()
    assert (mode, caught.value.code) == ("503", 503)
