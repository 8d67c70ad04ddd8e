"""The vendoring of the catalogue: from the package genai-prices to router/prices/data/prices.json.

`python -m router.prices.vendor > router/prices/data/prices.json`, in an environment that has genai-prices.
"""

import dataclasses
import importlib.metadata
import sys
from collections.abc import Iterator
from datetime import date
from typing import Any

import orjson

# Providers that litellm reaches under these or like names.
PROVIDERS = (
    "anthropic", "aws", "azure", "cerebras", "cohere", "deepseek", "fireworks", "google", "groq", "mistral",
    "moonshotai", "novita", "openai", "openrouter", "perplexity", "together", "voyageai", "x-ai", "zai",
)  # fmt: skip
KEYS = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cached_input",
    "cache_write_mtok": "cache_write",
    "output_reasoning_mtok": "reasoning",
}
_NOT_BY_TOKEN = ("requests_kcount", "input_mchars", "input_text_messages_kcount", "audio_hours", "input_audio_hours")


def catalogue() -> dict[str, Any]:
    """Models that are billed by the token alone: USD per million tokens, as text so that nothing is rounded."""
    from genai_prices.data import providers

    kept = {p.id: p for p in providers if p.id in PROVIDERS}
    listed = {name: _provider(kept[name]) for name in sorted(kept)}
    dates = [
        price["from"]
        for provider in listed.values()
        for model in provider["models"]
        for price in model["prices"]
        if "from" in price
    ]
    return {
        "source": f"genai-prices {importlib.metadata.version('genai-prices')}",
        "newest_change": max(day for day in dates if day <= date.today().isoformat()),  # noqa: DTZ011 - a label
        "providers": listed,
    }


def _provider(provider: Any) -> dict[str, Any]:
    models = [model for info in provider.models if (model := _model(info))]
    return {
        "page": (provider.pricing_urls or [""])[0],
        "else": [name for name in provider.fallback_model_providers or () if name in PROVIDERS],
        "models": models,
    }


def _model(info: Any) -> dict[str, Any] | None:
    dated = info.prices if isinstance(info.prices, list) else [None]
    prices = [price for entry in dated if (price := _dated(info, entry))]
    return {"id": info.id, "match": _clause(info.match), "prices": prices} if prices else None


def _dated(info: Any, entry: Any) -> dict[str, Any] | None:
    """A price and the day from which it holds; prices of a time of day are left out, the ordinary one stands."""
    constraint = getattr(entry, "constraint", None)
    if constraint is not None and not hasattr(constraint, "start_date"):
        return None
    price = info.prices if entry is None else entry.prices
    if price.input_mtok is None or any(getattr(price, key) is not None for key in _NOT_BY_TOKEN):
        return None
    told = _figures(price)
    if constraint is not None:
        told = {"from": constraint.start_date.isoformat(), **told}
    batch = next((v for v in info.price_variants or () if v.when == {"processing": "batch"}), None)
    if batch is not None:
        told["batch"] = {**_plain(told), **_plain(_figures(batch.prices))}
    return told


def _figures(price: Any) -> dict[str, Any]:
    given = {ours: value for key, ours in KEYS.items() if (value := getattr(price, key)) is not None}
    base = {name: _text(getattr(value, "base", value)) for name, value in given.items()}
    bounds = sorted({tier.start for value in given.values() for tier in getattr(value, "tiers", ())})
    over = [[bound, {name: _text(_at(value, bound)) for name, value in given.items()}] for bound in bounds]
    return {**base, **({"over": over} if over else {})}


def _plain(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name in KEYS.values()}


def _at(value: Any, bound: int) -> Any:
    passed = [tier for tier in getattr(value, "tiers", ()) if tier.start <= bound]
    return passed[-1].price if passed else getattr(value, "base", value)


def _text(figure: Any) -> str:
    return format(figure.normalize(), "f")


def _clause(match: Any) -> list[Any]:
    field = dataclasses.fields(match)[0].name
    value = getattr(match, field)
    return [field.rstrip("_"), [_clause(part) for part in value] if isinstance(value, list) else value]


def _lines(data: dict[str, Any]) -> Iterator[bytes]:
    """One line a model, so that a new version shows what changed."""
    providers = data.pop("providers")
    yield orjson.dumps(data)[:-1] + b',"providers":{'
    for place, (name, provider) in enumerate(providers.items()):
        models = provider.pop("models")
        yield (b"," if place else b"") + orjson.dumps(name) + b":" + orjson.dumps(provider)[:-1] + b',"models":['
        yield b",\n".join(orjson.dumps(model) for model in models) + b"]}"
    yield b"}}"


if __name__ == "__main__":
    sys.stdout.buffer.write(b"\n".join(_lines(catalogue())) + b"\n")
