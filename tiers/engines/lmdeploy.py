"""LMDeploy's api_server; gauges only when it was started with `--enable-metrics`."""

from tiers.engines.dialect import Dialect, Gauges

LMDEPLOY = Dialect(
    kind="lmdeploy",
    gauges=Gauges(
        running=("lmdeploy:num_requests_running",),
        waiting=("lmdeploy:num_requests_waiting",),
        kv_cache=("lmdeploy:gpu_cache_usage_perc",),
        prompt_tokens=("lmdeploy:prompt_tokens_total",),
        output_tokens=("lmdeploy:generation_tokens_total",),
    ),
    context_words=("maximum context length", "session_len"),
    lists_models=True,
)
