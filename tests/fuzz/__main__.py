"""`python -m tests.fuzz --examples N`: the fuzzing of the suite, for longer."""

import argparse
import os
import subprocess
import sys
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=5000, help="for each of the four; 5,000 take some minutes")
    chosen = parser.parse_args()
    command = [sys.executable, "-m", "pytest", "-q", str(Path(__file__).parent)]
    settings = os.environ | {"FUZZ_EXAMPLES": str(chosen.examples)}
    sys.exit(subprocess.run(command, cwd=Path(__file__).parents[2], env=settings, check=False).returncode)


if __name__ == "__main__":
    main()
