"""The dialects by the word that stands in `tiers.<name>.engine`."""

from collections.abc import Mapping
from types import MappingProxyType

from tiers.engines.dialect import Continuation, Dialect
from tiers.engines.llama_server import LLAMA_SERVER
from tiers.engines.lmdeploy import LMDEPLOY
from tiers.engines.ollama import OLLAMA
from tiers.engines.openai import OPENAI
from tiers.engines.sglang import SGLANG
from tiers.engines.tgi import TGI
from tiers.engines.triton import TRITON
from tiers.engines.vllm import VLLM
from tiers.types import EngineKind

_ALL = (VLLM, SGLANG, TGI, TRITON, LMDEPLOY, OLLAMA, LLAMA_SERVER, OPENAI)

DIALECTS: Mapping[str, Dialect] = MappingProxyType({dialect.kind: dialect for dialect in _ALL})

_EMBEDDED: frozenset[Continuation] = frozenset({"text", "schema", "call"})


def continues(engine: EngineKind, *, remote: bool) -> frozenset[Continuation]:
    """Which half-written answers an engine can go on from; none where it has to begin again.

    remote: llama.cpp with a `url` is a llama-server.
    """
    if engine == "llama.cpp":
        return LLAMA_SERVER.continues if remote else _EMBEDDED
    dialect = DIALECTS.get(engine)
    return dialect.continues if dialect else frozenset()
