"""A tier in the configuration file: an engine, its replicas, its price and its limits."""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema, model_validator

from policies.problems import mistake
from policies.schema_base import Number, Positive, PositiveNumber, Settings, Whole, no_bool

EngineName = Literal[
    "llama.cpp", "vllm", "sglang", "tgi", "triton", "lmdeploy", "ollama", "llama-server", "openai", "litellm"
]
Capability = Literal["chat", "completions", "embeddings", "tools", "images", "json", "logprobs"]
USUAL_CAN: tuple[Capability, ...] = ("chat", "completions", "json", "logprobs", "tools")
DEFAULT_CONTEXT = 8_192
MANAGED_CONTEXT = 128_000

Usd = Annotated[
    Decimal,
    BeforeValidator(no_bool),
    Field(ge=0, le=1_000_000),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1_000_000}),
]


def _http_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise mistake(f"'{url}'", "an address such as http://10.0.0.4:8000/v1")
    return url


class Replica(Settings):
    """One server that serves the tier's model."""

    url: Annotated[str, AfterValidator(_http_url)] = Field(
        description="Base address of the server's OpenAI API, such as http://10.0.0.4:8000/v1."
    )
    kind: Literal["reserved", "spot", "on-demand"] = Field(
        default="reserved",
        alias="class",
        description="How the machine is bought; a spot replica may vanish at any time.",
    )
    region: str = Field(default="", description="Where it stands; free text.")
    name: str = Field(
        default="",
        description="Name in metrics, ledger and `tiergate tiers`; host:port of the url when empty.",
    )


class Figures(Settings):
    """What tokens cost, in USD per million tokens."""

    input: Usd = Field(description="USD per million prompt tokens.")
    output: Usd = Field(description="USD per million generated tokens.")
    cached_input: Usd | None = Field(
        default=None,
        description="USD per million prompt tokens that the engine had cached; as `input` when not given.",
    )
    cache_write: Usd | None = Field(
        default=None,
        description="USD per million prompt tokens that the engine puts into its cache; as `input` when not given.",
    )
    reasoning: Usd | None = Field(
        default=None, description="USD per million generated tokens of reasoning; as `output` when not given."
    )


class LongPrompt(Figures):
    """What tokens cost where the prompt is long."""

    prompt_tokens: Positive = Field(description="Prompts of more tokens than this are billed wholly at these figures.")


class Price(Figures):
    """What tokens cost, in USD per million tokens; for litellm what is not given comes from the catalogue."""

    input: Usd | None = Field(  # type: ignore[assignment]  # the catalogue may have it
        default=None, description="USD per million prompt tokens; needed where no catalogue has it."
    )
    output: Usd | None = Field(  # type: ignore[assignment]  # the catalogue may have it
        default=None, description="USD per million generated tokens; needed where no catalogue has it."
    )
    over: tuple[LongPrompt, ...] = Field(default=(), description="Prices of long prompts, if they differ.")
    batch: Figures | None = Field(default=None, description="Prices of offline work, if they differ.")
    catalogue: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="Name in the bundled catalogue, such as openai/gpt-4.1-mini; for litellm the tier's `model`.",
    )


class GpuRates(Settings):
    """USD per hour of one GPU by the class of the replica, where it differs from `usd_per_hour`."""

    reserved: Usd | None = Field(default=None, description="USD per hour of one GPU of a reserved replica.")
    spot: Usd | None = Field(default=None, description="USD per hour of one GPU of a spot replica.")
    on_demand: Usd | None = Field(
        default=None, alias="on-demand", description="USD per hour of one GPU of an on-demand replica."
    )


class Gpu(Settings):
    """What the tier's own GPUs cost; the price of a token follows from it."""

    kind: str = Field(description="What it is, such as A100-80GB; shown, not calculated with.")
    count: Whole = Field(default=1, ge=1, le=1024, description="GPUs that one replica uses.")
    usd_per_hour: Usd = Field(description="USD per hour of one GPU.")
    rates: GpuRates = Field(default=GpuRates(), description="USD per hour by class of replica, where it differs.")
    tokens_per_second: PositiveNumber | None = Field(
        default=None,
        description="Rated throughput of one busy replica, prompt and generated tokens counted alike; of generated "
        "tokens alone where prompt_tokens_per_second is given. When not given it is what was measured from the "
        "engines' own counters in the last 7 days, and unknown before. A million tokens cost usd_per_hour x count / "
        "3600 / tokens_per_second x 1,000,000.",
    )
    prompt_tokens_per_second: PositiveNumber | None = Field(
        default=None,
        description="Rated throughput of prompt tokens; with it input and output are priced by the GPU time they take.",
    )

    @model_validator(mode="after")
    def _both(self) -> Self:
        if self.prompt_tokens_per_second is not None and self.tokens_per_second is None:
            raise mistake("prompt_tokens_per_second alone", "tokens_per_second with it", at="prompt_tokens_per_second")
        return self


class Timeouts(Settings):
    """How long each phase of a call may take, in seconds."""

    connect_s: PositiveNumber = Field(default=2.0, description="Seconds to connect.")
    first_token_s: PositiveNumber = Field(default=30.0, description="Seconds from sending to the first token.")
    idle_s: PositiveNumber = Field(default=30.0, description="Seconds between two tokens.")
    total_s: PositiveNumber = Field(default=600.0, description="Seconds for the whole answer.")


class Limits(Settings):
    """Where a replica stops taking work, and what happens to requests that then find no place."""

    max_inflight: Positive = Field(default=64, description="Requests under way on one replica.")
    max_kv_cache: Number = Field(default=0.85, gt=0, le=1, description="Share of the KV cache in use, 0 to 1.")
    max_waiting: Whole = Field(default=32, ge=0, description="Requests waiting inside the engine.")
    max_queue: Whole = Field(
        default=128,
        ge=0,
        description="Requests that wait in Tiergate while every replica is full; 0 refuses them at once.",
    )
    queue_timeout_s: PositiveNumber = Field(
        default=10.0,
        description="Seconds that a request waits for a place; refused early when the wait is predicted to be longer.",
    )
    degraded_s: PositiveNumber = Field(
        default=1.0,
        description="Average seconds to the first token (of a prompt of 1,000 tokens) over which a replica is taken "
        "out, if it is also twice as slow as the tier's others.",
    )


class LlamaCppOptions(Settings):
    """What `options` may say of a tier whose engine is llama.cpp inside Tiergate."""

    threads: Positive | None = Field(
        default=None, description="Threads that compute; the physical cores when not given."
    )
    slots: Whole = Field(default=8, ge=1, le=64, description="Requests decoded at the same time.")
    kv_tokens: Positive | None = Field(
        default=None,
        description="Cells of the KV cache that all slots share; four contexts when not given.",
    )
    batch: Positive = Field(default=512, description="Most tokens in one decode call.")
    ubatch: Positive | None = Field(
        default=None, description="Most tokens in one pass over the weights; at most `batch`."
    )
    gpu_layers: Whole = Field(default=0, ge=-1, description="Layers put on a GPU; -1 is all.")
    flash_attention: bool = Field(default=True, description="Use flash attention.")


def _default_context(given: dict[str, Any]) -> int:
    return MANAGED_CONTEXT if given["engine"] == "litellm" else DEFAULT_CONTEXT


class Tier(Settings):
    """One level of the fleet."""

    engine: EngineName = Field(description="What serves the model; `llama.cpp` without replicas runs inside Tiergate.")
    model: Annotated[str, Field(min_length=1)] = Field(
        description="Model name to send upstream; for llama.cpp `bundled:NAME` or the path of a GGUF file."
    )
    replicas: tuple[Replica, ...] = Field(
        default=(), description="The servers; needed for every engine but llama.cpp and litellm."
    )
    api_key: SecretStr | None = Field(default=None, description="Key for the upstream, as ${ENV}.")
    context: Whole = Field(
        default_factory=_default_context,
        ge=16,
        description="Tokens of prompt and answer together; 8192 when not given, 128000 for litellm.",
    )
    price: Price | None = Field(
        default=None,
        description="What a token costs; not together with `gpu`. A litellm tier without it has the catalogue's price.",
    )
    gpu: Gpu | None = Field(
        default=None, description="Own GPUs, from which the price of a token follows; not with `price`."
    )
    timeouts: Timeouts = Field(default=Timeouts(), description="How long each phase of a call may take.")
    limits: Limits = Field(default=Limits(), description="Where a replica stops taking work.")
    prefer: Literal["", "reserved", "spot", "on-demand"] = Field(
        default="",
        description="Class of the replicas that take work while they can; the others take what is over. All alike when "
        "not given.",
    )
    capabilities: tuple[Capability, ...] = Field(
        default=USUAL_CAN,
        description="What the tier can do. When not given: chat, completions, json, logprobs and tools.",
    )
    tokenizer: str | None = Field(
        default=None, description="Path of a tokenizer.json that counts what the engine does not report."
    )
    options: LlamaCppOptions = Field(default=LlamaCppOptions(), description="How llama.cpp runs inside Tiergate.")
    output: Literal["any", "short", "long"] = Field(
        default="any",
        description="Which answer lengths the tier is for. When not given: `short` for a tier of that name, "
        "`long` likewise, else `any`.",
    )
    rated_as: str = Field(
        default="",
        description="Name by which the classifier's artifact knows this tier; its own when not given.",
    )

    @property
    def embedded(self) -> bool:
        """Whether the model runs inside Tiergate."""
        return self.engine == "llama.cpp" and not self.replicas

    @property
    def engine_options(self) -> dict[str, Any]:
        """The options that the file gives; the engine knows the defaults of the others."""
        return self.options.model_dump(exclude_unset=True)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.price is not None and self.gpu is not None:
            raise mistake("both 'price' and 'gpu'", "one of them", at="gpu")
        self._priced()
        if self.engine == "litellm" and self.replicas:
            raise mistake("replicas", "none for engine litellm: the provider is in the model's name", at="replicas")
        if self.engine not in ("litellm", "llama.cpp") and not self.replicas:
            raise mistake("none", f"one or more [{{url: ...}}] for engine {self.engine}", at="replicas")
        if self.prefer and self.prefer not in (classes := {replica.kind for replica in self.replicas}):
            had = ", ".join(sorted(classes)) or "no replica here has one"
            raise mistake(f"'{self.prefer}'", f"a class that one of the replicas has: {had}", at="prefer")
        if self.options.model_fields_set and not self.embedded:
            raise mistake(
                "options",
                f"none for engine {self.engine} on a server: they belong to its start command",
                at="options",
            )
        return self

    def _priced(self) -> None:
        price = self.price
        if price is None or price.catalogue is not None or self.engine == "litellm":
            return
        missing = [name for name in ("input", "output") if getattr(price, name) is None]
        if missing:
            raise mistake(f"no '{missing[0]}'", "both 'input' and 'output', or 'catalogue'", at="price")
