"""vLLM 0.10 and later; its older name for KV-cache use is read too."""

from tiers.engines.dialect import Dialect, Gauges

VLLM = Dialect(
    kind="vllm",
    gauges=Gauges(
        running=("vllm:num_requests_running",),
        waiting=("vllm:num_requests_waiting",),
        kv_cache=("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"),
        prompt_tokens=("vllm:prompt_tokens_total",),
        output_tokens=("vllm:generation_tokens_total",),
    ),
    context_words=("maximum context length", "maximum model length", "max_model_len"),
    lists_models=True,
    continues=frozenset({"text"}),
)
