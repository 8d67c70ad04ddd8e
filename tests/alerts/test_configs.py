"""Prometheus rules and Grafana boards speak of metrics that exist, and Prometheus itself takes them."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "configs/prometheus"
BOARDS = sorted((ROOT / "configs/grafana").glob("*.json"))
_SUFFIX = re.compile(r"_(bucket|count|sum)$")


def described() -> set[str]:
    """Every metric in docs/metrics.md, which tests/docs holds equal to the exposition."""
    return set(re.findall(r"^\| `(tiergate_\w+)`", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE))


def named(expression: str) -> set[str]:
    return {_SUFFIX.sub("", name) for name in re.findall(r"\btiergate_\w+", expression)}


def test_every_rule_s_metric_exists():
    """A rule on a metric that nobody exposes would never fire."""
    groups = yaml.safe_load((PROMETHEUS / "rules.yaml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) >= 12
    unknown = {rule["alert"]: named(rule["expr"]) - described() for rule in rules}
    assert not {alert: names for alert, names in unknown.items() if names}
    assert all(rule["annotations"]["summary"] and rule["annotations"]["description"] for rule in rules)


@pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.stem)
def test_every_panel_s_metric_exists(board):
    """A panel on a metric that nobody exposes would stay empty; panels neither overlap nor share an id."""
    panels = json.loads(board.read_text())["panels"]
    unknown = {p["title"]: named(t["expr"]) - described() for p in panels for t in p["targets"]}
    assert not {title: names for title, names in unknown.items() if names}
    assert all(named(t["expr"]) for p in panels for t in p["targets"])
    assert len({p["id"] for p in panels}) == len(panels)
    cells = [
        (x, y)
        for p in panels
        for x in range(p["gridPos"]["x"], p["gridPos"]["x"] + p["gridPos"]["w"])
        for y in range(p["gridPos"]["y"], p["gridPos"]["y"] + p["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)


def test_boards_are_provisioned():
    """The provisioning names the folder that the boards are mounted at."""
    text = (ROOT / "configs/grafana/provisioning/dashboards/tiergate.yaml").read_text()
    assert yaml.safe_load(text)["providers"][0]["options"]["path"].endswith("tiergate")
    assert BOARDS


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool: apt-get install prometheus (Debian)")
@pytest.mark.parametrize(
    "arguments",
    [("check", "rules", "rules.yaml"), ("check", "config", "prometheus.yaml"), ("test", "rules", "rules_test.yaml")],
    ids=" ".join,
)
def test_prometheus_takes_them(arguments):
    """promtool checks the syntax, and its unit tests fire each kind of rule."""
    done = subprocess.run(["promtool", *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
