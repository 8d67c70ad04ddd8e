"""The commands as a person and a script meet them: one line for a mistake, exit 0, 1 or 2, JSON where asked."""

import csv
import io
import json

import pytest

from router.cli.main import main
from tests.router.gateway import THREE_TIERS, chat, gateway


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "tiergate.yaml"
    path.write_text(THREE_TIERS.format(folder=tmp_path, more=""))
    return path


def run(capsys, *arguments) -> tuple[int, str, str]:
    """(exit code, standard output, standard error)."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return ended.value.code or 0, out, err


def test_check(capsys, config):
    """A right file is ok; a wrong one gives file:line:column for every mistake and exit 2."""
    assert run(capsys, "check", "--config", config)[0] == 0
    text = config.read_text().replace("candidates: [edge, short, long]", "candidates: [edge, shrt, long]")
    config.write_text(text.replace("ttl_s: 60", "ttl_s: soon"))
    code, _, err = run(capsys, "check", "--config", config)
    assert code == 2
    lines = err.strip().splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"{config}:") and line.split(":")[1].isdigit() for line in lines)


def test_explain(capsys, config):
    """The decision as a table and as JSON, with a reason for every candidate."""
    code, out, _ = run(capsys, "explain", "--config", config, "What is 2 plus 2?")
    assert code == 0
    assert all(tier in out for tier in ("edge", "short", "long"))
    _, out, _ = run(capsys, "explain", "--config", config, "--json", "What is 2 plus 2?")
    told = json.loads(out)
    assert [candidate["tier"] for candidate in told["candidates"]]
    assert told["predicted"]["output_p90"] >= 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["serve", "--port", "99999"],
        ["spend", "--since", "yesterday"],
        ["spend", "--by", "colour"],
        ["spend", "--format", "xml"],
        ["explain", "--model", "gpt-9", "hi"],
        ["keys", "create", "--team", "a", "--role", "king"],
        ["classifier", "evaluate", "/nowhere", "/nowhere.csv"],
        ["classifier", "calibrate", "bundled", "/nowhere.csv", "--quality", "0.9", "--costs", "edge"],
    ],
    ids=" ".join,
)
def test_a_mistake_is_one_line_and_exit_2(capsys, config, arguments):
    """What is wrong and what is allowed, without a trace."""
    known = {"spend", "explain"}
    code, _, err = run(capsys, *arguments, *(["--config", config] if arguments[0] in known else []))
    assert code == 2
    assert err.startswith("tiergate: ")
    assert err.count("\n") == 1


def test_keys(capsys, config):
    """Made with the secret shown once, listed without it, revoked once."""
    code, out, _ = run(capsys, "keys", "create", "--team", "search", "--days", "30", "--config", config)
    secret = out.split()[0]
    assert code == 0
    assert secret.startswith("tg-")
    _, out, _ = run(capsys, "keys", "list", "--json", "--config", config)
    (listed,) = json.loads(out)
    assert (listed["team"], listed["state"]) == ("search", "active")
    assert secret not in out
    assert run(capsys, "keys", "revoke", listed["id"], "--config", config)[0] == 0
    assert run(capsys, "keys", "revoke", listed["id"], "--config", config)[0] == 2


async def test_spend_reads_what_a_gateway_wrote(tmp_path, capsys):
    """Table, JSON and CSV show the same money."""
    async with gateway(tmp_path) as running:
        for number in range(3):
            await running.post(chat(f"question {number}", model="short"), headers={"x-tiergate-tags": "team=search"})
        await running.services.ledger.flush()
    base = ["spend", "--config", tmp_path / "tiergate.yaml", "--by", "team,tier"]
    _, table, _ = run(capsys, *base)
    _, as_json, _ = run(capsys, *base, "--format", "json")
    _, as_csv, _ = run(capsys, *base, "--format", "csv")
    (row,) = json.loads(as_json)
    (line,) = csv.DictReader(io.StringIO(as_csv))
    assert (row["by"], row["requests"], row["attempts"]) == ({"team": "search", "tier": "short"}, 3, 3)
    assert line["cost_usd"] == row["cost_usd"] != "0"
    assert row["cost_usd"] in table


def test_models_and_version(capsys):
    """The bundled models are called toys wherever they appear."""
    code, out, _ = run(capsys, "models", "list", "--json")
    assert code == 0
    assert {model["what"] for model in json.loads(out)} == {"toy model"}
    assert run(capsys, "--version")[0] == 0


def test_spend_without_a_ledger_says_so(capsys, config):
    """Nothing was written yet: one line that says how a ledger comes to be."""
    code, _, err = run(capsys, "spend", "--config", config)
    assert code == 2
    assert "ledger" in err
