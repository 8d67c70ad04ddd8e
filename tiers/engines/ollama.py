"""Ollama: shows no metrics, so one's own count of requests is all there is."""

from tiers.engines.dialect import Dialect

OLLAMA = Dialect(
    kind="ollama",
    health="/api/version",
    renames={"max_completion_tokens": "max_tokens"},
    context_words=("context length",),
)
