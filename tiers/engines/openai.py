"""OpenAI itself, and any server that says it is like OpenAI and no more."""

from tiers.engines.dialect import Dialect

OPENAI = Dialect(
    kind="openai",
    health="models",
    context_words=("maximum context length", "context window", "reduce the length of the messages"),
)
