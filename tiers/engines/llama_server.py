"""llama.cpp's llama-server; gauges only when it was started with `--metrics`."""

from tiers.engines.dialect import Dialect, Gauges

LLAMA_SERVER = Dialect(
    kind="llama-server",
    gauges=Gauges(
        running=("llamacpp:requests_processing",),
        waiting=("llamacpp:requests_deferred",),
        kv_cache=("llamacpp:kv_cache_usage_ratio",),
        prompt_tokens=("llamacpp:prompt_tokens_total",),
        output_tokens=("llamacpp:tokens_predicted_total",),
    ),
    renames={"max_completion_tokens": "max_tokens"},
    context_words=("exceeds the available context size", "larger than the max context size"),
    continues=frozenset({"text"}),
)
