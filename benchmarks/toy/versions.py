"""Versions and machine, as every page of docs/benchmarks/ names them."""

import platform
from importlib.metadata import version


def versions() -> str:
    names = ("tiergate", "llama-cpp-python", "numpy", "uvicorn", "aiohttp")
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    return f"Python {platform.python_version()}, {packages}; {_processor()}."


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123 - Linux's own file
            found = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    except OSError:
        found = []
    return f"{len(found)} cores of {found[0]}" if found else platform.machine()
