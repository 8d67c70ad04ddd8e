"""Hugging Face's text-generation-inference."""

from tiers.engines.dialect import Dialect, Gauges

# Its `/health` generates a token when idle, so `/info` is asked; any model name but `tgi` is taken for an
# adapter.
TGI = Dialect(
    kind="tgi",
    health="/info",
    gauges=Gauges(running=("tgi_batch_current_size",), waiting=("tgi_queue_size",)),
    fixed_model="tgi",
    renames={"max_completion_tokens": "max_tokens"},
    context_words=("`inputs` tokens + `max_new_tokens` must be", "`inputs` must have less than"),
)
