"""Triton's OpenAI front end over TensorRT-LLM."""

from tiers.engines.dialect import Dialect, Gauges

TRITON = Dialect(
    kind="triton",
    health="/health/ready",
    gauges=Gauges(
        running=('nv_trt_llm_request_metrics{request_type="active"', 'request_type="active"'),
        kv_cache=(),
    ),
    renames={"max_completion_tokens": "max_tokens"},
    context_words=("exceeds maximum input length", "max_seq_len", "maximum context length"),
)
