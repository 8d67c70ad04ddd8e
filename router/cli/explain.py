"""`tiergate explain`: where would this prompt go, and why?"""

from typing import Annotated, Any

import orjson
import typer

from router.admission import admit
from router.api.explain import as_data
from router.assess import predict
from router.cli.check import ConfigOption, read
from router.cli.console import as_json, fail, say, table
from router.errors import ApiError
from router.ids import new_id
from router.limits.recorded import recorded
from router.pipeline import choose
from router.request import Arrival, Principal
from router.savings import ASSUMPTION
from router.settings import build_snapshot, classifier_of, real_tier, tier_spec
from router.snapshot import Snapshot
from router.views import idle_views
from tiers.openai_http import HttpSession


def explain(
    prompt: Annotated[str, typer.Argument(help="The user's message.")],
    config: ConfigOption = None,
    model: Annotated[str, typer.Option(help="What the client puts in `model`.")] = "auto",
    tags: Annotated[str, typer.Option(help="Tags, as team=search,workload=chat.")] = "",
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """The decision for a prompt, with reasons and predicted cost; nothing is called.

    Budgets are as far spent as the ledger says.
    """
    body = {"model": model, "messages": [{"role": "user", "content": prompt}]}
    headers = {"x-tiergate-tags": tags} if tags else {}
    arrival = Arrival(new_id("req"), "/v1/chat/completions", headers, orjson.dumps(body))
    snapshot = unopened(config)
    try:
        request = admit(snapshot, Principal(), arrival)
        decision = choose(request, predict(request), idle_views(snapshot), recorded(request))
    except ApiError as error:
        fail(error.message)
    data = {"model": model, **as_data(decision, snapshot.config)}
    if json:
        as_json(data)
    else:
        _draw(data)


def unopened(config: Any) -> Snapshot:
    """The configuration's tiers, built but never opened."""
    described = read(config)
    session = HttpSession()
    tiers = {name: real_tier(tier_spec(name, tier), session) for name, tier in described.tiers.items()}
    return build_snapshot(described, tiers, classifier_of(described), generation=1)


def _draw(data: dict[str, Any]) -> None:
    say(f"{data['model']} -> {' -> '.join(data['tiers'])}   ({data['decision']}, policy {data['policy']})")
    if data["cascade"]:
        say(_rule(data))
    if data["predicted"]:
        p50, p90 = data["predicted"]["output_p50"], data["predicted"]["output_p90"]
        say(f"predicted output: {p50:.0f} tokens (P50), {p90:.0f} (P90)")
    say()
    headings = ("tier", "verdict", "quality", "cost USD", "latency s", "why")
    rows = [
        (c["tier"], c["verdict"], _number(c["quality"], "{:.2f}"), c["cost_usd"] or "unknown",
         _number(c["latency_s"], "{:.2f}"), c["reason"])
        for c in data["candidates"]
    ]  # fmt: skip
    table(headings, rows, numbers=("quality", "cost USD", "latency s"))
    say()
    baseline = data["baseline"]
    say(f"savings are counted against {baseline['tier']} ({baseline['cost_usd'] or 'unknown'} USD): {ASSUMPTION}")


def _rule(data: dict[str, Any]) -> str:
    """When a draft is kept, with the figures of this request."""
    cascade, predicted = data["cascade"], data["predicted"]
    drafts = " then ".join(cascade["drafts"])
    if predicted and predicted["typical_tokens"] is not None and cascade["rival"]:
        bar = (1 - cascade["accept"]) * cascade["stretch"]
        return f"cascade: {drafts} drafts; kept where {cascade['rival']} would mend it in at most {bar:.0%} of cases"
    sure = "confidence" if cascade["prior"] is None else f"sqrt(confidence x {cascade['prior']:.2f})"
    return f"cascade: {drafts} drafts; kept where {sure} >= {cascade['accept']:g} x {cascade['against']:.2f}"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)
