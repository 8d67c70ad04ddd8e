"""The docs are held to the code: what exists is described, and what is described exists."""

import re
import tomllib
from pathlib import Path

import typer

from router.cli.main import app
from router.observe.metrics import Metrics

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def read(name: str) -> str:
    return (DOCS / name).read_text()


def test_every_metric_is_described():
    """A metric without a line in docs/metrics.md, or a line without a metric, fails."""
    source = (ROOT / "router/observe/metrics.py").read_text()
    families = {family.name for family in Metrics().registry.collect()}
    counters = {f"{f.name}_total" for f in Metrics().registry.collect() if f.type == "counter"}
    gauges = set(re.findall(r'GaugeMetricFamily\(\s*"(tiergate_\w+)"', source))
    named = {name for name in families if f"{name}_total" not in counters} | counters | gauges
    described = set(re.findall(r"^\| `(tiergate_\w+)`", read("metrics.md"), re.MULTILINE))
    assert described == named


def test_every_error_code_and_header_is_described():
    """Whatever a caller can receive stands in docs/api.md."""
    api = read("api.md")
    sources = "".join(path.read_text() for path in (ROOT / "router").rglob("*.py"))
    codes = set(re.findall(r'code="(\w+)"', sources)) | {"upstream_timeout", "overloaded", "upstream_failed"}
    headers = set(re.findall(r'"(x-tiergate-[\w-]+)"', sources))
    assert not {name for name in codes | headers if f"`{name}`" not in api}


def test_every_dependency_has_a_reason():
    """pyproject.toml and docs/dependencies.md name the same packages."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    text = read("dependencies.md")
    listed = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    for extra in project["project"]["optional-dependencies"].values():
        listed += extra
    names = {re.match(r"[\w.-]+", entry)[0] for entry in listed}
    assert not {name for name in names if name not in text}


def test_every_command_and_option_is_described():
    """docs/cli.md names every command and every option of it."""
    text = read("cli.md")
    missing = []
    for path, command in _commands(typer.main.get_command(app), ("tiergate",)):
        line = next((line for line in text.splitlines() if f"`{' '.join(path)}" in line), "")
        missing += [" ".join(path)] if not line else []
        missing += [
            f"{' '.join(path)} {option}"
            for parameter in command.params
            for option in parameter.opts
            if option.startswith("--") and option != "--help" and f"`{option}`" not in line
        ]
    assert not missing


def _commands(command, path):
    """Every command below, with the words that call it."""
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
        return
    for name, inner in below.items():
        yield from _commands(inner, (*path, name))


def test_links_between_pages_lead_somewhere():
    """No relative link in the README or docs/ is broken."""
    broken = [
        f"{page.relative_to(ROOT)} -> {target}"
        for page in (ROOT / "README.md", *DOCS.rglob("*.md"))
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert not broken
