"""`POST /v1/route/explain`: the decision for a chat body, with its reasons, nothing called."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request

from policies.schema import Config
from policies.types import Decision
from router.admission import admit, identify
from router.api.wire import headers_of, read_body
from router.assess import assess
from router.errors import ApiError
from router.money import usd
from router.pipeline import choose
from router.request import Arrival
from router.savings import ASSUMPTION, predicted_baseline
from router.services import Services
from router.views import views


def routes(services: Services) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/route/explain")
    async def explain(request: Request) -> dict[str, Any]:
        headers = headers_of(request.scope)
        raw = await read_body(request.receive, headers, services.snapshot.config.server.max_body_bytes)
        arrival = Arrival(request.scope["tiergate.request_id"], "/v1/chat/completions", headers, raw)
        return await explained(services, arrival)

    return router


async def explained(services: Services, arrival: Arrival) -> dict[str, Any]:
    """The decision as plain data. Raises ApiError as the request itself would."""
    snapshot = services.snapshot
    admitted = admit(snapshot, identify(services.keys, snapshot, arrival.headers), arrival)
    predicted = assess(services, admitted)
    try:
        decision = choose(admitted, predicted, views(snapshot), services.limits.look(admitted))
    except ApiError as error:
        return {"decision": None, "error": error.error}
    return {"model": admitted.client_model, **as_data(decision, snapshot.config), "facts": asdict(admitted.facts)}


def as_data(decision: Decision, config: Config) -> dict[str, Any]:
    """cost_usd: at the predicted P50 output; None where unknown. baseline: what savings will be counted against."""
    predicted = decision.predicted
    baseline, baseline_nusd = predicted_baseline(config, decision)
    return {
        "policy": decision.policy,
        "decision": decision.name,
        "tiers": list(decision.tiers),
        "cascade": asdict(decision.cascade) if decision.cascade else None,
        "predicted": None if predicted is None else asdict(predicted),
        "baseline": {"tier": baseline, "cost_usd": _usd(baseline_nusd), "assumption": ASSUMPTION},
        "candidates": [
            {
                "tier": c.tier, "verdict": c.verdict, "reason": c.reason, "quality": c.quality,
                "output_tokens": c.output_tokens,
                "cost_usd": _usd(c.cost_nusd),
                "latency_s": c.latency_s, "load": c.load,
            }
            for c in decision.considered
        ],
    }  # fmt: skip


def _usd(nusd: float | None) -> str | None:
    return None if nusd is None else usd(round(nusd))
