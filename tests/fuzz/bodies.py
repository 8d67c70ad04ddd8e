"""What callers may send: nearly right bodies, JSON of any shape, headers and paths of any letters."""

import string
from typing import Any

from hypothesis import strategies as st

PATHS = [
    "/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/route/explain", "/v1/models", "/v1/models/x",
    "/health/live", "/health/ready", "/metrics", "/admin/reload", "/admin/tiers", "/dashboard", "/v1/nothing",
]  # fmt: skip
POSTED = PATHS[:4]
_WORDS = st.text(string.printable, max_size=12) | st.text(max_size=6)
_SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | _WORDS | st.sampled_from(["auto", "edge"])
)
JSON = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS, inner, max_size=4), max_leaves=12
)
_PART = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image_url", "refusal"]) | JSON},
    optional={"text": JSON, "image_url": JSON},
)
_MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool", "developer"]) | JSON},
    optional={"content": st.text(max_size=40) | st.lists(_PART, max_size=3) | JSON, "tool_calls": JSON, "name": JSON},
)
_TOOL = st.fixed_dictionaries(
    {"type": st.just("function"), "function": st.fixed_dictionaries({"name": _WORDS}, optional={"parameters": JSON})}
)
_KNOWN: dict[str, st.SearchStrategy[Any]] = {
    "model": st.sampled_from(["auto", "edge", "short", "long"]) | JSON,
    "messages": st.lists(_MESSAGE, max_size=3) | JSON,
    "prompt": st.text(max_size=20) | st.lists(st.text(max_size=5), max_size=3) | JSON,
    "input": st.text(max_size=20) | JSON,
    "stream": st.booleans() | JSON,
    "stream_options": st.fixed_dictionaries({}, optional={"include_usage": JSON}) | JSON,
    "n": st.integers(0, 4) | JSON,
    "max_tokens": st.integers(-1, 50) | JSON,
    "max_completion_tokens": st.integers(-1, 50) | JSON,
    "temperature": st.floats(-1, 3) | JSON,
    "tools": st.lists(_TOOL, max_size=2) | JSON,
    "tool_choice": JSON,
    "response_format": JSON,
    "logprobs": JSON,
    "top_logprobs": JSON,
    "stop": JSON,
    "seed": JSON,
    "user": JSON,
    "metadata": JSON,
    "continue_final_message": JSON,
}
_NEEDED = {"model": _KNOWN["model"], "messages": _KNOWN["messages"]}
NEARLY_RIGHT = st.fixed_dictionaries(_NEEDED, optional={name: _KNOWN[name] for name in _KNOWN.keys() - _NEEDED.keys()})
BODIES = NEARLY_RIGHT | st.fixed_dictionaries({}, optional=_KNOWN) | JSON
HEADERS = st.dictionaries(
    st.sampled_from(
        ["x-request-id", "x-tiergate-policy", "x-tiergate-cache", "x-tiergate-tags", "x-tiergate-usage",
         "authorization", "content-type", "accept-encoding", "traceparent"]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
    | st.sampled_from(["off", "refresh", "team=a", "1", "Bearer x", "default", "go=draft"]),
    max_size=3,
)  # fmt: skip
