"""SGLang; gauges only when it was started with `--enable-metrics`."""

from tiers.engines.dialect import Dialect, Gauges

# `/health` answers without generating; `/health_generate` would cost a token each time.
SGLANG = Dialect(
    kind="sglang",
    gauges=Gauges(
        running=("sglang:num_running_reqs",),
        waiting=("sglang:num_queue_reqs",),
        kv_cache=("sglang:token_usage",),
        prompt_tokens=("sglang:prompt_tokens_total",),
        output_tokens=("sglang:generation_tokens_total",),
    ),
    context_words=("longer than the model's context length", "maximum context length"),
    continues=frozenset({"text"}),
)
