"""What a request is expected to use, before it is known."""

from policies.types import Facts, Predicted

USUAL_OUTPUT = 256  # tokens of an answer of which nothing is predicted


def output_p90(predicted: Predicted | None) -> float:
    return predicted.output_p90 if predicted is not None else float(USUAL_OUTPUT)


def reserved_output(facts: Facts, p90: float) -> int:
    """Output tokens that an attempt reserves: the P90, at most what the caller allows, for each answer asked for."""
    if facts.path.endswith("/embeddings"):
        return 0
    each = max(1, round(p90))
    return (each if facts.max_tokens is None else min(each, facts.max_tokens)) * max(1, facts.n)


def charged_tokens(facts: Facts) -> int:
    """Tokens that a rate limit is charged when a request comes; corrected when it ends."""
    return facts.prompt_tokens + reserved_output(facts, USUAL_OUTPUT)
