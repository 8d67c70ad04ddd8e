"""The catalogue: what providers ask for a token, vendored from genai-prices (MIT, see router/prices/data)."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib.resources import files
from typing import Any

import orjson

from router.money import Price

FIGURES = ("input", "output", "cached_input", "cache_write", "reasoning")
# litellm's names of providers that the catalogue calls otherwise.
_LITELLM = {
    "bedrock": "aws", "gemini": "google", "vertex_ai": "google", "xai": "x-ai", "together_ai": "together",
    "fireworks_ai": "fireworks", "moonshot": "moonshotai", "voyage": "voyageai", "azure_ai": "azure",
}  # fmt: skip
_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "equals": operator.eq,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "contains": operator.contains,
    "regex": lambda name, pattern: re.search(pattern, name) is not None,
}
_USUAL_PROVIDER = "openai"  # of a model named without one, as litellm has it


@dataclass(frozen=True, slots=True)
class Listed:
    """One model of the catalogue. figures: USD per million tokens by name, as the catalogue has them.

    over: (prompt tokens, figures) of longer prompts. batch: figures of offline work. since: the day from which this
    price holds, "" where the catalogue names none.
    """

    provider: str
    model: str
    figures: Mapping[str, Decimal]
    over: Sequence[tuple[int, Mapping[str, Decimal]]]
    batch: Mapping[str, Decimal] | None
    since: str
    page: str


class Catalogue:
    """Prices per token of managed models, of the day that `newest_change` names or before."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.source: str = data["source"]
        self.newest_change: str = data["newest_change"]
        self._providers: Mapping[str, Any] = data["providers"]

    @classmethod
    def bundled(cls) -> "Catalogue":
        return cls(orjson.loads((files("router.prices") / "data" / "prices.json").read_bytes()))

    def find(self, model: str, on: date) -> Listed | None:
        """The price on that day of a model named as litellm does, `openai/gpt-4.1-mini`; None where not listed."""
        named, slash, rest = model.partition("/")
        provider, name = (named, rest) if slash else (_USUAL_PROVIDER, named)
        provider = _LITELLM.get(provider, provider)
        found = self._providers.get(provider)
        if found is None:
            return None
        for place in (provider, *found["else"]):
            for entry in self._providers[place]["models"]:
                if matches(entry["match"], name.lower()):
                    return _listed(place, entry, self._providers[place]["page"], on)
        return None


def matches(clause: Sequence[Any], name: str) -> bool:
    """Whether a name is meant by `[how, value]`; value: a text, or clauses for `or` and `and`."""
    how, value = clause
    if how in ("or", "and"):
        return (any if how == "or" else all)(matches(part, name) for part in value)
    return _TESTS[how](name, value)


def price_of(figures: Mapping[str, Decimal], over: Mapping[int, Price], batch: Price | None) -> Price:
    """figures: at least `input`; a model without `output`, such as an embedding, generates nothing to pay for."""
    given = {name: figures.get(name) for name in FIGURES}
    return Price.of(
        input=figures["input"],
        output=figures.get("output", Decimal(0)),
        cached_input=given["cached_input"],
        cache_write=given["cache_write"],
        reasoning=given["reasoning"],
        over=over,
        batch=batch,
    )


def _listed(provider: str, entry: Mapping[str, Any], page: str, on: date) -> Listed:
    day = on.isoformat()
    told = next((p for p in reversed(entry["prices"]) if p.get("from", "") <= day), entry["prices"][0])
    return Listed(
        provider=provider,
        model=entry["id"],
        figures=_figures(told),
        over=tuple((bound, _figures(step)) for bound, step in told.get("over", ())),
        batch=_figures(told["batch"]) if "batch" in told else None,
        since=told.get("from", ""),
        page=page,
    )


def _figures(told: Mapping[str, Any]) -> dict[str, Decimal]:
    return {name: Decimal(told[name]) for name in FIGURES if name in told}
