"""The values that cross the seam between the router and an engine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

EngineKind = Literal[
    "llama.cpp", "vllm", "sglang", "tgi", "triton", "lmdeploy", "ollama", "llama-server", "openai", "litellm", "fake"
]
CapabilityName = Literal["chat", "completions", "embeddings", "tools", "images", "json", "logprobs"]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits in seconds: to connect, to the first token, between two tokens, for the whole call."""

    connect_s: float = 2.0
    first_token_s: float = 30.0
    idle_s: float = 30.0
    total_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a tier stops taking work, how long requests wait for a place then, and when a replica is too slow.

    max_inflight: our requests on one replica. max_kv_cache: share in use, 0 to 1. max_waiting: requests waiting inside
    the engine. max_queue, queue_timeout_s: requests that may wait in the router, and how long. degraded_s: seconds to
    the first token from which a replica may be ejected.
    """

    max_inflight: int = 64
    max_kv_cache: float = 0.85
    max_waiting: int = 32
    max_queue: int = 128
    queue_timeout_s: float = 10.0
    degraded_s: float = 1.0


@dataclass(frozen=True, slots=True)
class ReplicaSpec:
    """One place that serves the tier's model. `url` is empty for the embedded engine and for litellm."""

    url: str = ""
    name: str = ""  # host:port of the url unless given; unique within the tier
    region: str = ""
    kind: Literal["reserved", "spot", "on-demand"] = "reserved"


@dataclass(frozen=True, slots=True)
class TierSpec:
    """What is configured for one tier; everything an engine needs to be built.

    model: name to send upstream, `bundled:NAME`, or a path to a GGUF. context: tokens of prompt and answer.
    api_key: the secret itself; never in repr. options: engine-specific settings, already validated. prefer: the class
    of replicas that takes work while it can, "" for all alike.
    """

    name: str
    engine: EngineKind
    model: str
    context: int = 8192
    replicas: tuple[ReplicaSpec, ...] = (ReplicaSpec(name="local"),)
    api_key: str | None = field(default=None, repr=False)
    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()
    capabilities: frozenset[CapabilityName] = frozenset({"chat", "completions", "json", "logprobs", "tools"})
    tokenizer: str | None = None  # path of a tokenizer.json that counts what the engine does not report
    options: Mapping[str, Any] = field(default_factory=dict)
    prefer: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One OpenAI-shaped request on its way to one replica.

    path: `/v1/chat/completions`, `/v1/completions` or `/v1/embeddings`. body: the parsed request; the engine sends its
    own `model` and never changes this mapping. stream: whether server-sent events are wanted from the engine (the
    router may want a stream where the caller did not ask for one). on_end: told the engine's own, final count of this
    call, also of one that was given up; engines that do not know it never call it.
    """

    path: str
    body: Mapping[str, Any]
    stream: bool
    request_id: str
    on_end: "Callable[[Usage], None] | None" = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one attempt in disjoint buckets: `input` excludes `cached_input`, `output` includes `reasoning`.

    cache_write: the part of `input` that was put into the provider's cache, at a price of its own. estimated: counted
    here because the engine did not say.
    """

    input: int = 0
    cached_input: int = 0
    output: int = 0
    reasoning: int = 0
    estimated: bool = False
    cache_write: int = 0


@dataclass(frozen=True, slots=True)
class Load:
    """What an engine says of itself; None where it does not say (never 0 in its place).

    running, waiting: requests. kv_cache: share in use, 0 to 1. prompt_tokens, output_tokens: counted since its start.
    """

    running: int | None = None
    waiting: int | None = None
    kv_cache: float | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
