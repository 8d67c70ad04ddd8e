"""Hard limits: whether a tier may be tried for a request at all, and why not."""

from typing import Literal, NamedTuple

from policies.types import Facts, Need, Predicted, TierView

# Prompt tokens are estimated from bytes, so a prompt counts as too long only when four fifths of it are.
SURE_SHARE = 0.8


class Standing(NamedTuple):
    """usable; last_resort: tried only where nothing is usable; never: the request cannot succeed there.

    reason: one clause for a person.
    """

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


def standing(view: TierView | None, facts: Facts, wanted: frozenset[Need], predicted: Predicted | None) -> Standing:
    """Judge one tier. view: None for a name that the fleet does not have. wanted: from `needs`."""
    if view is None or view.barred:
        return Standing("never", view.barred if view is not None else "not part of the fleet")
    if not wanted <= view.needs_met:
        return Standing("never", f"cannot do {', '.join(sorted(wanted - view.needs_met))}")
    if _too_long(view, facts):
        return Standing("never", _no_room(view, facts, facts.max_tokens, "answer"))
    if view.state != "up":
        return _not_up(view)
    if predicted is not None and _would_be_cut(view, facts, wanted, predicted):
        return Standing("last_resort", _no_room(view, facts, round(predicted.output_p90), "predicted answer (P90)"))
    return USABLE


def _endpoint(path: str) -> Need:
    if path.endswith("/embeddings"):
        return "embeddings"
    return "completions" if path.endswith("/completions") and not path.endswith("/chat/completions") else "chat"


def _too_long(view: TierView, facts: Facts) -> bool:
    return facts.prompt_tokens * SURE_SHARE + (facts.max_tokens or 1) > view.context


def _would_be_cut(view: TierView, facts: Facts, wanted: frozenset[Need], predicted: Predicted) -> bool:
    """Whether the predicted answer does not fit; a limit of the caller's own was checked before."""
    if facts.max_tokens is not None or "embeddings" in wanted:
        return False
    return facts.prompt_tokens * SURE_SHARE + predicted.output_p90 > view.context


def _no_room(view: TierView, facts: Facts, answer_tokens: int | None, called: str) -> str:
    answer = "" if answer_tokens is None else f" + {answer_tokens} {called}"
    return f"context {view.context} < {facts.prompt_tokens} prompt{answer}"


def _not_up(view: TierView) -> Standing:
    if view.state == "draining":
        return Standing("never", "draining: it takes no new requests")
    if view.state == "full":
        return Standing("last_resort", f"full: {view.inflight} of {view.capacity} requests under way")
    return Standing("last_resort", "down: no healthy replica")
