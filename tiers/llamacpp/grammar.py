"""The grammar: what an answer may consist of, as GBNF, and llama.cpp's checker of it."""

import ctypes
import json
from collections.abc import Mapping
from typing import Any

import llama_cpp
import numpy as np
from llama_cpp.llama_grammar import SchemaConverter
from numpy.typing import NDArray

from tiers.llamacpp.refusal import Refusal
from tiers.llamacpp.sampling import Row, best

CANDIDATE = np.dtype([("id", np.int32), ("score", np.float32), ("p", np.float32)])  # llama_token_data
FIRST_TRIED = 64  # best candidates tried before the whole vocabulary is


def schema_to_gbnf(schema: Mapping[str, Any], *, param: str) -> str:
    """Raises Refusal naming `param` where the schema says what cannot be expressed."""
    converter = _Converter(prop_order={}, allow_fetch=False, dotall=False, raw_pattern=False)
    try:
        converter.visit(converter.resolve_refs(json.loads(json.dumps(schema)), "schema"), "")
    except RecursionError as error:
        raise Refusal(f"{param}: the schema nests too deeply", param=param, code="invalid_schema") from error
    except Exception as error:
        raise Refusal(f"{param}: unusable JSON schema: {error}", param=param, code="invalid_schema") from error
    return str(converter.format_grammar())


class _Converter(SchemaConverter):  # type: ignore[misc] # llama_cpp has no types
    """llama-cpp-python's converter, with backslashes kept and control characters kept out of strings."""

    def _format_literal(self, literal: str) -> str:
        return str(super()._format_literal(literal.replace("\\", "\\\\")))

    def format_grammar(self) -> str:
        return str(super().format_grammar()).replace(r'[^"\\]', r'[^"\\\x7F\x00-\x1F]')


class Grammar:
    """One answer's grammar, which follows it token by token. Close it: llama.cpp's memory is behind it."""

    def __init__(self, vocabulary: Any, gbnf: str, *, param: str) -> None:
        """Raises Refusal naming `param` where the GBNF does not parse."""
        self._sampler = llama_cpp.llama_sampler_init_grammar(vocabulary, gbnf.encode(), b"root")
        if not self._sampler:
            message = f"{param}: not a usable GBNF grammar with a `root` rule"
            raise Refusal(message, param=param, code="invalid_grammar")

    def allows(self, token: int) -> bool:
        candidates = np.array([(token, 0.0, 0.0)], CANDIDATE)
        self._apply(candidates)
        return bool(candidates["score"][0] > -np.inf)

    def mask(self, row: Row) -> Row:
        """The scores with -inf wherever the grammar forbids; all of them -inf where nothing may follow."""
        candidates = np.zeros(row.size, CANDIDATE)
        candidates["id"] = np.arange(row.size)
        candidates["score"] = row
        self._apply(candidates)
        return candidates["score"].copy()

    def best_allowed(self, row: Row) -> int | None:
        """The allowed token with the highest score, None where nothing may follow; the best few are tried first."""
        ids = best(row, FIRST_TRIED)
        candidates = np.zeros(ids.size, CANDIDATE)
        candidates["id"] = ids
        candidates["score"] = row[ids]
        self._apply(candidates)
        allowed = np.flatnonzero(candidates["score"] > -np.inf)
        if allowed.size:
            return int(ids[allowed[0]])
        masked = self.mask(row)
        token = int(masked.argmax())
        return token if masked[token] > -np.inf else None

    def accept(self, token: int) -> None:
        """Go on by `token`, which must be allowed (llama.cpp ends the process on any other)."""
        llama_cpp.llama_sampler_accept(self._sampler, token)

    def fork(self) -> "Grammar":
        """A second answer's grammar at the same place."""
        twin = object.__new__(Grammar)
        twin._sampler = llama_cpp.llama_sampler_clone(self._sampler)
        return twin

    def close(self) -> None:
        if self._sampler:
            llama_cpp.llama_sampler_free(self._sampler)
            self._sampler = None

    def _apply(self, candidates: NDArray[Any]) -> None:
        data = candidates.ctypes.data_as(llama_cpp.llama_token_data_p)
        array = llama_cpp.llama_token_data_array(data=data, size=candidates.size, selected=-1, sorted=False)
        llama_cpp.llama_sampler_apply(self._sampler, ctypes.byref(array))
