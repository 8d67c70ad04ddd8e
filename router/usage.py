"""What an attempt used: the engine's own count, or ours, marked as such."""

from dataclasses import replace

from router.request import Request
from router.streaming import Incoming
from router.wire.usage import read_usage
from router.wire.whole import Answered
from tiers.pool import Tier
from tiers.tokens import counter
from tiers.types import Usage


def of_whole(request: Request, tier: Tier, answered: Answered | None) -> Usage:
    """answered: None where the answer never came (the caller left, the engine failed)."""
    said = read_usage(answered.usage) if answered else None
    return said or _estimated(request, tier, answered.text() if answered else "", least=0)


def of_stream(request: Request, tier: Tier, incoming: Incoming | None) -> Usage:
    """Usage wherever it came in the stream; where it came not, the text so far is counted."""
    said = read_usage(incoming.assembled.usage()) if incoming else None
    if said is not None:
        return said
    text = incoming.assembled.text() if incoming else ""
    return _estimated(request, tier, text, least=incoming.tokens if incoming else 0)


def of_joined(request: Request, incoming: Incoming) -> Usage:
    """Of an answer that several engines wrote, the last of them in `incoming`; what the others sent was counted."""
    said = read_usage(incoming.usage())
    if said is not None:
        return replace(said, estimated=True)
    output = sum(incoming.answer.choice(index).tokens for index in incoming.answer.indexes())
    return Usage(input=request.facts.prompt_tokens, output=output, estimated=True)


def _estimated(request: Request, tier: Tier, text: str, *, least: int) -> Usage:
    count = counter(tier.spec.tokenizer)
    output = max(least, count(text)) if text else least
    return Usage(input=request.facts.prompt_tokens, output=output, estimated=True)
