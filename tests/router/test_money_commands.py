"""The money commands as a person and a script meet them, on a ledger that a gateway wrote."""

import json
import time

import pytest

from router.cli.main import main
from router.ledger.sums import sums
from router.meter import store
from tests.router.gateway import THREE_TIERS, chat, gateway

LONG = "price: {{input: 100, output: 200}},"
GPU = "gpu: {{kind: H100, usd_per_hour: 3.6, tokens_per_second: 1000}},"


def run(capsys, *arguments) -> tuple[int, str, str]:
    """(exit code, standard output, standard error)."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return ended.value.code or 0, out, err


@pytest.fixture
async def config(tmp_path):
    """A gateway has answered three requests and ended; `long` runs on own GPUs."""
    async with gateway(tmp_path, config=THREE_TIERS.replace(LONG, GPU)) as running:
        for model in ("edge", "short", "long"):
            await running.post(chat(model=model))
    return running.config


def test_prices_list(capsys, config):
    """Every tier's price with its basis; both bases of own GPUs; the same as JSON."""
    code, out, _ = run(capsys, "prices", "list", "--config", config)
    assert code == 0 and "GPU, rated" in out and "allocated" in out
    told = {row["tier"]: row for row in json.loads(run(capsys, "prices", "list", "--json", "--config", config)[1])}
    assert told["long"]["usd_per_million_tokens"]["output"] == "1.000000000"
    assert told["long"]["gpu"]["cost_usd"] is not None
    assert told["edge"]["gpu"] is None and told["edge"]["basis"] == "given"


def test_export_focus(capsys, config, tmp_path):
    """Three files, the total on standard output; a month that is none is one line and exit 2."""
    month = time.strftime("%Y-%m", time.gmtime())
    code, out, _ = run(capsys, "export", "focus", "--month", month, "--out", tmp_path / "out", "--config", config)
    assert code == 0 and out.startswith("6 rows, 0.00")
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".csv", ".json", ".parquet"]
    code, _, err = run(capsys, "export", "focus", "--month", "soon", "--out", tmp_path / "out", "--config", config)
    assert (code, err.count("\n")) == (2, 1)


def test_replay(capsys, config):
    """As a table and as JSON; the same configuration moves nothing."""
    code, out, _ = run(capsys, "replay", "--config", config, "--since", "1h")
    assert code == 0 and "3 requests replayed, 0 would move" in out
    told = json.loads(run(capsys, "replay", "--config", config, "--json")[1])
    assert told["before"] == told["after"]


def test_replay_of_another_configuration(capsys, config):
    """What would move is listed with its reason."""
    config.write_text(config.read_text().replace("edge: {tier: edge}", "edge: {tier: short}"))
    code, out, _ = run(capsys, "replay", "--config", config)
    assert code == 0 and "1 would move" in out and "pinned by the model name" in out


def test_reconcile(capsys, config):
    """Exit 1 where nothing counts, 0 where all agree, 1 where a token too many is missing."""
    place = config.parent / "ledger.db"
    code, _, err = run(capsys, "reconcile", "--config", config)
    assert code == 1 and "nothing to compare" in err
    for extra, expected in ((0, 0), (1, 1)):
        counted = _counted(place, extra)
        store.write(place, [counted])
        code, out, _ = run(capsys, "reconcile", "--config", config, "--tolerance", "0")
        assert code == expected and ("DIFFERS" in out) == bool(extra)
    told = json.loads(run(capsys, "reconcile", "--json", "--config", config)[1])
    assert [gap["difference"] for gap in told["gaps"]] == [0, 1]


def test_reconcile_with_a_bill(capsys, config, tmp_path):
    """A bill that cannot be read is one line that names it."""
    (tmp_path / "bill.csv").write_text("date,model\n")
    code, _, err = run(capsys, "reconcile", "--bill", tmp_path / "bill.csv", "--config", config)
    assert code == 2 and "bill.csv:1: found no column for the cost" in err and err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay", "--since", "yesterday"],
        ["reconcile", "--since", "1y"],
        ["reconcile", "--tolerance", "much"],
        ["prices", "list", "--since", "0"],
        ["export", "focus", "--month", "2026"],
    ],
)
def test_a_mistake_is_one_line_and_exit_2(capsys, config, arguments, tmp_path):
    """What was found and what is allowed."""
    more = ["--out", tmp_path / "o"] if arguments[0] == "export" else []
    code, out, err = run(capsys, *arguments, *more, "--config", config)
    assert (code, out, err.count("\n")) == (2, "", 1)


def _counted(place, extra: int) -> store.Piece:
    """What an engine would show that counted all that the ledger has of `edge`."""
    (row,) = sums(place, ("tier",), where={"tier": "edge"})
    (piece,) = [p for p in store.read(place) if p.tier == "edge"]
    prompt = row.attempts.input_tokens + row.attempts.cached_input_tokens
    return store.Piece(
        "edge", piece.replica, "llama.cpp", "reserved", piece.from_ns, piece.until_ns, prompt,
        row.attempts.output_tokens + extra, 0, 0, 0,
    )  # fmt: skip


def test_doctor_tells_of_a_tier_without_a_price(capsys, tmp_path):
    """Before its costs are unknown, with the setting that mends it."""
    place = tmp_path / "f.yaml"
    place.write_text(f"""
state: {{ledger: "sqlite:///{tmp_path}/ledger.db"}}
tiers: {{far: {{engine: openai, model: m, replicas: [{{url: "http://127.0.0.1:9/v1"}}]}}}}
""")
    _, out, _ = run(capsys, "doctor", "--json", "--config", place)
    (finding,) = [each for each in json.loads(out) if each["what"] == "price of far"]
    assert "tiers.far.price" in finding["mend"]
