"""Triton's OpenAI front end over TensorRT-LLM, which shows Triton's metrics on the same port."""

from tiers.engines.dialect import Dialect, Gauges

TRITON = Dialect(
    kind="triton",
    health="/health/ready",
    gauges=Gauges(
        running=('nv_trt_llm_request_metrics{request_type="scheduled"}',),
        waiting=('nv_trt_llm_request_metrics{request_type="waiting"}',),
        kv_cache=('nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="fraction"}',),
    ),
    renames={"max_completion_tokens": "max_tokens"},
    context_words=("exceeds maximum input length", "max_seq_len", "maximum context length"),
)
