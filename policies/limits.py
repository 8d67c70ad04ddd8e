"""Hard limits: whether a tier may be tried for a request at all, and why not."""

from dataclasses import dataclass
from typing import Literal

from policies.types import Facts, Need, Predicted, TierView

# Prompt tokens are estimated from bytes, so a prompt counts as too long only when four fifths of it are.
SURE_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Standing:
    """usable; last_resort: tried only where nothing is usable; never: the request cannot succeed there."""

    kind: Literal["usable", "last_resort", "never"]
    reason: str = ""


USABLE = Standing("usable")


def needs(facts: Facts) -> frozenset[Need]:
    """What a tier must be able to do to serve the request."""
    wanted: list[Need] = [_endpoint(facts.path)]
    if facts.has_tools:
        wanted.append("tools")
    if facts.has_images:
        wanted.append("images")
    if facts.wants_json:
        wanted.append("json")
    if facts.wants_logprobs:
        wanted.append("logprobs")
    return frozenset(wanted)


def standing(
    view: TierView | None, facts: Facts, wanted: frozenset[Need], predicted: Predicted | None
) -> Standing:
    """Judge one tier; the reason is one clause for a person."""
    if view is None:
        return Standing("never", "not part of the fleet")
    if not wanted <= view.needs_met:
        return Standing("never", f"cannot do {', '.join(sorted(wanted - view.needs_met))}")
    if facts.prompt_tokens + (facts.max_tokens or 1) > view.context and (reason := _too_long(view, facts)):
        return Standing("never", reason)
    if view.state != "up":
        return _not_up(view)
    if predicted is not None and "embeddings" not in wanted and _would_be_cut(view, facts, predicted):
        return Standing(
            "last_resort", _no_room(view, facts, round(predicted.output_p90), "predicted answer (P90)")
        )
    return USABLE


def _endpoint(path: str) -> Need:
    if path.endswith("/embeddings"):
        return "embeddings"
    return (
        "completions" if path.endswith("/completions") and not path.endswith("/chat/completions") else "chat"
    )


def _too_long(view: TierView, facts: Facts) -> str:
    if facts.prompt_tokens * SURE_SHARE + (facts.max_tokens or 1) <= view.context:
        return ""
    if facts.max_tokens is None:
        return f"context {view.context} < {facts.prompt_tokens} prompt"
    return _no_room(view, facts, facts.max_tokens, "answer")


def _no_room(view: TierView, facts: Facts, answer_tokens: int, called: str) -> str:
    return f"context {view.context} < {facts.prompt_tokens} prompt + {answer_tokens} {called}"


def _would_be_cut(view: TierView, facts: Facts, predicted: Predicted) -> bool:
    """Whether the predicted answer does not fit; a limit of the caller's own was checked before."""
    return facts.max_tokens is None and facts.prompt_tokens * SURE_SHARE + predicted.output_p90 > view.context


def _not_up(view: TierView) -> Standing:
    if view.state == "draining":
        return Standing("never", "draining: it takes no new requests")
    if view.state == "full":
        return Standing("last_resort", f"full: {view.inflight} of {view.capacity} requests under way")
    return Standing("last_resort", "down: no healthy replica")
