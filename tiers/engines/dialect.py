"""A dialect: how one kind of server departs from the OpenAI API, and where it shows its load."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tiers.types import EngineKind

Continuation = Literal["text", "schema", "call"]
"""A half-written answer: plain text, one that a schema or grammar holds, one whose tool call has begun."""


@dataclass(frozen=True, slots=True)
class Gauges:
    """Names in the server's Prometheus text, newest first; the first that is present counts.

    running, waiting: requests; summed over label sets. kv_cache: share 0 to 1; the fullest label set.
    prompt_tokens, output_tokens: counters; summed. `name{kind="a"}` wants that label, among others.
    """

    running: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    kv_cache: tuple[str, ...] = ()
    prompt_tokens: tuple[str, ...] = ()
    output_tokens: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of server.

    health: path under the server's root that answers without generating; `models` asks `{base}/models`.
    gauges: None where the server shows none. usage_in_stream: it knows `stream_options.include_usage`.
    fixed_model: sent in place of the tier's model. renames: request fields by their name there.
    context_words: how its messages (lower case) say that prompt and answer do not fit.
    lists_models: `{base}/models` holds every name that requests may use, so a wrong one shows at start.
    continues: half-written answers that a chat goes on from, given `continue_final_message: true`.
    """

    kind: EngineKind
    health: str = "/health"
    metrics: str = "/metrics"
    gauges: Gauges | None = None
    usage_in_stream: bool = True
    fixed_model: str | None = None
    renames: Mapping[str, str] = field(default_factory=dict)
    context_words: tuple[str, ...] = ()
    lists_models: bool = False
    continues: frozenset[Continuation] = frozenset()
