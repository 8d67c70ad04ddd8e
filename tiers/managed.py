"""Somebody else's API through litellm; the only module that imports it, and only when a tier is opened."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any

import orjson

from tiers.base import Stream, Whole
from tiers.deadlines import Deadlines
from tiers.errors import Misconfigured, TierError, Unavailable, Unsupported
from tiers.managed_errors import as_tier_error
from tiers.managed_stream import ManagedStream
from tiers.types import Call, Load, ReplicaSpec, TierSpec

# Only these become arguments of litellm: others would steer litellm itself (`api_base`, `api_key`,
# `fallbacks`), and a caller who could set them could have our key sent elsewhere. They go into the request's
# JSON instead.
_ARGUMENTS = frozenset({
    "audio", "dimensions", "encoding_format", "frequency_penalty", "input", "logit_bias", "logprobs",
    "max_completion_tokens", "max_tokens", "messages", "modalities", "n", "parallel_tool_calls", "prediction",
    "presence_penalty", "prompt", "reasoning_effort", "response_format", "seed", "service_tier", "stop",
    "suffix", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user",
})  # fmt: skip
_OURS = frozenset({"model", "stream", "stream_options", "metadata"})
_FUNCTIONS = {
    "/v1/chat/completions": "acompletion",
    "/v1/completions": "atext_completion",
    "/v1/embeddings": "aembedding",
}


class ManagedEngine:
    """A provider that litellm knows, named by the model: `openai/gpt-4.1-mini`. `replica.url` replaces its
    address.

    litellm does not retry, fetch its price list, read a `.env` file or report anything anywhere.
    """

    def __init__(self, spec: TierSpec, replica: ReplicaSpec) -> None:
        self._spec = spec
        self._url = replica.url or None
        self._litellm: Any = None

    async def open(self) -> None:
        """Import litellm in a thread; it takes seconds. Raises Misconfigured where it is not installed."""
        try:
            self._litellm = await asyncio.to_thread(_import_litellm)
        except ImportError as error:
            raise Misconfigured("litellm is not installed: pip install 'tiergate[managed]'") from error

    async def complete(self, call: Call) -> Whole:
        deadlines = Deadlines(self._spec.timeouts, streamed=False)
        answer = await self._ask(call, deadlines)
        return Whole(orjson.dumps(_plain(answer)), self._spec.model)

    async def stream(self, call: Call) -> Stream:
        deadlines = Deadlines(self._spec.timeouts, streamed=True)
        answer = await self._ask(call, deadlines, stream=True, stream_options={"include_usage": True})
        return ManagedStream(answer, deadlines, self._spec.model, secret=self._spec.api_key)

    async def load(self) -> Load:
        """A provider shows no load; nothing is asked."""
        return Load()

    async def close(self) -> None:
        """litellm keeps its connections in module state; they end with the process."""

    async def _ask(self, call: Call, deadlines: Deadlines, **options: Any) -> Any:
        function = self._function(call.path)
        async with deadlines.limit():
            try:
                return await function(**self._arguments(call.body), **options)
            except TierError:
                raise
            except Exception as error:
                raise as_tier_error(error, secret=self._spec.api_key) from error

    def _function(self, path: str) -> Callable[..., Awaitable[Any]]:
        if self._litellm is None:
            raise Unavailable("litellm is not open")
        if path not in _FUNCTIONS:
            raise Unsupported(f"litellm tiers do not serve {path}")
        function: Callable[..., Awaitable[Any]] = getattr(self._litellm, _FUNCTIONS[path])
        return function

    def _arguments(self, body: Mapping[str, Any]) -> dict[str, Any]:
        named = {name: value for name, value in body.items() if name in _ARGUMENTS}
        others = {name: value for name, value in body.items() if name not in _ARGUMENTS | _OURS}
        return {
            **named,
            **({"extra_body": others} if others else {}),
            "model": self._spec.model,
            "api_key": self._spec.api_key,
            "api_base": self._url,
            "timeout": self._spec.timeouts.total_s,
            "num_retries": 0,
            "max_retries": 0,
        }


def _import_litellm() -> Any:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
    litellm: Any = import_module("litellm")
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    return litellm


def _plain(answer: Any) -> dict[str, Any]:
    plain: dict[str, Any] = answer.model_dump(exclude_none=True)
    return plain
