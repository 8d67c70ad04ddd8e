"""A policy in the configuration file: rules, route, cascade, fallback and cache."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, InstanceOf, WithJsonSchema, model_validator

from policies import conditions
from policies.conditions import Cycle, Numbers, Texts
from policies.problems import mistake
from policies.schema_base import Number, PositiveNumber, Settings, TierName, Whole


def _shape(allowed: str, *kinds: str) -> WithJsonSchema:
    scalars = [{"type": kind} for kind in kinds]
    return WithJsonSchema({"anyOf": [*scalars, {"type": "array", "items": {"anyOf": scalars}}], "x-allowed": allowed})


_number_shape = _shape(conditions.NUMBERS_ALLOWED, "integer", "string")
_text_shape = _shape(conditions.TEXT_ALLOWED, "string", "integer")
NumberIs = Annotated[InstanceOf[Numbers], BeforeValidator(conditions.numbers), _number_shape]
TextIs = Annotated[InstanceOf[Texts], BeforeValidator(conditions.texts), _text_shape]
HourIs = Annotated[
    InstanceOf[Cycle],
    BeforeValidator(conditions.hours),
    _shape(conditions.HOURS_ALLOWED, "integer", "string"),
]
WeekdayIs = Annotated[
    InstanceOf[Cycle], BeforeValidator(conditions.weekdays), _shape(conditions.DAYS_ALLOWED, "string")
]
TierNames = Annotated[tuple[TierName, ...], Field(min_length=1)]
FALLBACK_WORDS = ("timeout", "429", "5xx", "reset", "stream_cut", "overloaded", "context", "refused", "config")
FallbackWord = Annotated[
    Literal["timeout", "429", "5xx", "reset", "stream_cut", "overloaded", "context", "refused", "config"],
    BeforeValidator(lambda word: str(word) if word == 429 else word),  # YAML reads 429 as a number
    WithJsonSchema({"enum": [*FALLBACK_WORDS, 429]}),
]
Priority = Literal["low", "normal", "high"]
TAG = "tag."


def _when_schema(schema: dict[str, Any]) -> None:
    """In the file a tag's condition is the key `tag.NAME`."""
    tag = schema["properties"].pop("tag")
    schema["patternProperties"] = {r"^tag\..+$": {**tag["additionalProperties"], "description": tag["description"]}}


class When(Settings):
    """What a request must be for a rule to apply: all keys must hold, a list means any of its values."""

    model_config = ConfigDict(json_schema_extra=_when_schema)

    prompt_tokens: NumberIs | None = Field(default=None, description="Estimated tokens of the prompt.")
    turns: NumberIs | None = Field(default=None, description="Messages that the user has written so far.")
    max_tokens: NumberIs | None = Field(
        default=None,
        description="The caller's limit on the answer; a request without one meets no comparison.",
    )
    n: NumberIs | None = Field(default=None, description="Answers asked for.")
    has_code: bool | None = Field(default=None, description="Whether the prompt seems to hold program code.")
    has_tools: bool | None = Field(default=None, description="Whether the request offers tools.")
    has_images: bool | None = Field(default=None, description="Whether a message holds an image.")
    wants_json: bool | None = Field(default=None, description="Whether the answer has to be JSON.")
    wants_logprobs: bool | None = Field(default=None, description="Whether log-probabilities are asked for.")
    stream: bool | None = Field(default=None, description="Whether the answer is to be streamed.")
    language: TextIs | None = Field(
        default=None,
        description="Language of the last user message: an ISO 639-1 code such as de, or und where unclear.",
    )
    model: TextIs | None = Field(default=None, description="The model name that the client sent.")
    path: TextIs | None = Field(default=None, description="The request's path, such as /v1/chat/completions.")
    team: TextIs | None = Field(default=None, description="Team of the API key, or the tag `team`.")
    user: TextIs | None = Field(default=None, description="User of the API key, or the request's `user`.")
    key: TextIs | None = Field(default=None, description="Id of the API key (never the secret).")
    tag: dict[str, TextIs] = Field(default={}, description="Value of the request's tag NAME, from header or metadata.")
    hour: HourIs | None = Field(
        default=None, description="Hour of the day in `server.timezone`, 0 to 23, both ends included."
    )
    weekday: WeekdayIs | None = Field(
        default=None, description="Day of the week in `server.timezone`, both ends included."
    )

    @model_validator(mode="before")
    @classmethod
    def _gather_tags(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "tag" in data:
            return data
        tags = {key.removeprefix(TAG): value for key, value in data.items() if _is_tag(key)}
        return {key: value for key, value in data.items() if not _is_tag(key)} | ({"tag": tags} if tags else {})


def _is_tag(key: Any) -> bool:
    return isinstance(key, str) and key.startswith(TAG) and len(key) > len(TAG)


class Rule(Settings):
    """Where requests of one kind go, before any model is consulted."""

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")] = Field(
        description="What the header x-tiergate-decision says; unique within the policy."
    )
    when: When = Field(default=When(), description="Which requests; every request when empty.")
    use: TierNames = Field(description="Tiers to try, in this order.")
    priority: Priority = Field(
        default="normal",
        description="Who goes first where requests wait for a place.",
    )
    fallback: bool = Field(
        default=True,
        description="Whether the policy's fallback may serve it too; false keeps it on the tiers of `use`.",
    )
    cascade: bool = Field(
        default=False, description="Whether the policy's cascade drafts the answer before `use` is tried."
    )


class Route(Settings):
    """How a tier is chosen when no rule applies."""

    candidates: TierNames = Field(
        default=(),
        description="Tiers to choose from, weakest first; all tiers in the file's order when not given.",
    )
    quality: Number = Field(
        default=0.9,
        ge=0,
        le=1,
        description="A tier is good enough when its predicted quality is this share of the best one's.",
    )
    short_output_tokens: Whole = Field(
        default=200,
        ge=1,
        description="Predicted tokens from which an answer is long: tiers with `output: short` are preferred "
        "below, those with `output: long` from there on.",
    )
    safe: TierName = Field(
        default="",
        description="Tier when the classifier is late or fails; the last candidate when not given.",
    )
    max_latency_s: PositiveNumber | None = Field(
        default=None,
        description="Tiers whose predicted time to the whole answer is longer are taken last.",
    )


class Cascade(Settings):
    """Draft on a cheap tier, judge the draft, and go on to a better tier when it is not good enough."""

    first: TierName = Field(description="Tier that drafts.")
    then: TierNames = Field(
        default=(), description="Tiers to go on to; the route's candidates without `first` when not given."
    )
    through: tuple[TierName, ...] = Field(
        default=(), description="Tiers of `then` that draft as well, in this order, where the first draft is not kept."
    )
    accept: Number = Field(
        default=0.8,
        ge=0,
        le=1,
        description="How sure a draft must be to be kept: a typical answer's cost is spent to go on where that gains "
        "more than 1 - accept; with a classifier that has not learned to judge drafts, the share of the best predicted "
        "quality behind it.",
    )
    hold_tokens: Whole = Field(
        default=16, ge=1, le=4096, description="Tokens held back and judged before a stream begins."
    )
    method: Literal["logprob"] = Field(
        default="logprob", description="How confidence is judged: from token probabilities."
    )
    enabled: bool = Field(default=True, description="False switches the cascade off without removing it.")


class RetryBudget(Settings):
    """How many re-dispatches after failures a tier may get."""

    share: Number = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Most re-dispatches to a tier, as a share of the requests that it got first.",
    )
    min_per_s: Number = Field(
        default=10.0, ge=0, description="Re-dispatches a second that are allowed however little traffic there is."
    )


class Fallback(Settings):
    """What is tried when an attempt fails."""

    order: tuple[TierName, ...] = Field(
        default=(),
        description="Tiers to fall back on, in order; the candidates when not given, none when empty.",
    )
    attempts: Whole = Field(
        default=4, ge=1, le=20, description="Most attempts for one request, over all tiers and replicas."
    )
    on: tuple[FallbackWord, ...] = Field(
        default=("timeout", "429", "5xx", "reset", "stream_cut", "overloaded", "context", "config"),
        description="Failures after which another attempt is made. `context`: the prompt did not fit; "
        "`config`: the upstream refuses our key or model name; `refused`: it refuses the request itself.",
    )
    retry_budget: RetryBudget = Field(
        default=RetryBudget(), description="How many re-dispatches after failures a tier may get."
    )


class Semantic(Settings):
    """Serving the answer of a question that means the same."""

    enabled: bool = Field(default=False, description="Not available in this release: must be false.")
    max_false_hit_rate: Number = Field(default=0.01, ge=0, le=1, description="Share of wrong hits that is tolerated.")

    @model_validator(mode="after")
    def _of_a_later_release(self) -> Self:
        if self.enabled:
            raise mistake("true", "false: the semantic cache is not available in this release", at="enabled")
        return self


class Cache(Settings):
    """Serving an answer again."""

    exact: bool = Field(default=False, description="Serve the same request the same answer again.")
    semantic: Semantic = Field(default=Semantic(), description="Serve questions that mean the same.")
    ttl_s: PositiveNumber = Field(default=3600, description="Seconds that an answer is kept.")
    scope: Literal["team", "key", "all"] = Field(default="team", description="Who shares answers.")


class Policy(Settings):
    """How requests are routed."""

    rules: tuple[Rule, ...] = Field(default=(), description="First match wins, before any model is consulted.")
    route: Route = Field(default=Route(), description="How a tier is chosen when no rule applies.")
    cascade: Cascade | None = Field(default=None, description="Draft on a cheap tier first; off when not given.")
    fallback: Fallback = Field(default=Fallback(), description="What is tried when an attempt fails.")
    cache: Cache = Field(default=Cache(), description="Serving an answer again.")
