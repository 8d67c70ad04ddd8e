"""The model: weights, vocabulary and KV cache behind a few typed calls into llama.cpp's C functions."""

import ctypes
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from tiers.llamacpp.options import EngineOptions

LogitRows: TypeAlias = NDArray[np.float32]
"""Shape (outputs, vocabulary): raw scores in the batch's order; the memory is llama.cpp's until the next decode."""

OF_NO_CONCERN = b"n_ctx_seq"  # of the cache that all slots share, which may be larger than one trained context
LOG_WARNING = 3  # ggml's levels: 1 debug, 2 info, 3 warning, 4 error, 5 the previous line goes on
LOG_CONTINUED = 5
NO_ROOM = 1  # llama_decode's answer when the KV cache has no room; the cache is as before


class ModelError(Exception):
    """The model cannot be loaded or run; the message says what to mend."""


class CacheFull(ModelError):
    """There was no room in the KV cache for the batch; nothing was decoded."""


def send_log_to_stderr() -> object:
    """Keep llama.cpp's warnings and errors, drop its chatter. The returned reference must outlive every call."""
    last_level = 0

    def log(level: int, text: bytes, _: object) -> None:
        nonlocal last_level
        last_level = last_level if level == LOG_CONTINUED else level
        if last_level >= LOG_WARNING and OF_NO_CONCERN not in text:
            sys.stderr.write(text.decode("utf-8", "replace"))
            sys.stderr.flush()

    callback = llama_cpp.llama_log_callback(log)
    llama_cpp.llama_log_set(callback, ctypes.c_void_p(0))
    return callback


class Vocabulary:
    """Tokens and their bytes."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle
        self.size: int = llama_cpp.llama_vocab_n_tokens(handle)
        self.bos: int = llama_cpp.llama_vocab_bos(handle)
        self.eos: int = llama_cpp.llama_vocab_eos(handle)
        self.adds_bos: bool = llama_cpp.llama_vocab_get_add_bos(handle)
        self.ends = frozenset(t for t in range(self.size) if llama_cpp.llama_vocab_is_eog(handle, t))
        self._shown: dict[int, bytes] = {}
        self._names: dict[int, str] = {}

    def tokenize(self, text: str, *, add_bos: bool, special: bool) -> list[int]:
        """Token ids of `text`. special: read `<|im_end|>` and the like as control tokens and not as letters."""
        data = text.encode("utf-8", "surrogatepass")
        room = len(data) + 2
        ids = (llama_cpp.llama_token * room)()
        count = llama_cpp.llama_tokenize(self.handle, data, len(data), ids, room, add_bos, special)
        if count < 0:
            raise ModelError(f"the tokenizer wants {-count} tokens for {len(data)} bytes")
        return list(ids[:count])

    def shown(self, token: int) -> bytes:
        """The bytes a reader sees: nothing for a control token."""
        piece = self._shown.get(token)
        if piece is None:
            piece = self._shown[token] = self._read_piece(token, special=False)
        return piece

    def name(self, token: int) -> str:
        """The bytes that name the token, control tokens included, each as the Latin-1 letter of its value."""
        name = self._names.get(token)
        if name is None:
            name = self._names[token] = self._read_piece(token, special=True).decode("latin-1")
        return name

    def text(self, token: int) -> str:
        """The token's name as a template writes it; empty where there is no such token."""
        return self.name(token).encode("latin-1").decode("utf-8", "replace") if token >= 0 else ""

    def _read_piece(self, token: int, *, special: bool) -> bytes:
        room = 64
        while True:
            buffer = ctypes.create_string_buffer(room)
            count = llama_cpp.llama_token_to_piece(self.handle, token, buffer, room, 0, special)
            if count >= 0:
                return buffer.raw[:count]
            room = -count


class Batch:
    """The next decode's entries: NumPy arrays that llama.cpp reads in place."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.size = 0
        self._tokens = np.zeros(capacity, np.int32)
        self._positions = np.zeros(capacity, np.int32)
        self._sequences = np.zeros(capacity, np.int32)
        self._wants_logits = np.zeros(capacity, np.int8)
        self._ones = np.ones(capacity, np.int32)
        start = self._sequences.ctypes.data
        self._sequence_pointers = (start + 4 * np.arange(capacity)).astype(np.uintp)
        self._c = llama_cpp.llama_batch()
        self._c.token = _pointer(self._tokens, ctypes.c_int32)
        self._c.pos = _pointer(self._positions, ctypes.c_int32)
        self._c.n_seq_id = _pointer(self._ones, ctypes.c_int32)
        self._c.seq_id = _pointer(self._sequence_pointers, ctypes.POINTER(ctypes.c_int32))
        self._c.logits = _pointer(self._wants_logits, ctypes.c_int8)

    def clear(self) -> None:
        self.size = 0

    def add(self, sequence: int, position: int, tokens: Sequence[int], *, last_logits: bool) -> None:
        """Append consecutive `tokens` of one sequence; `last_logits` asks for the scores after the last of them."""
        start, end = self.size, self.size + len(tokens)
        self._tokens[start:end] = tokens
        self._positions[start:end] = range(position, position + len(tokens))
        self._sequences[start:end] = sequence
        self._wants_logits[start:end] = 0
        self._wants_logits[end - 1] = last_logits
        self.size = end

    def c_struct(self) -> Any:
        self._c.n_tokens = self.size
        return self._c

    def outputs(self) -> int:
        return int(np.count_nonzero(self._wants_logits[: self.size]))


def _pointer(array: NDArray[Any], kind: Any) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(kind))


class Model:
    """A loaded model with its context. Only `vocabulary` is thread-safe. The constructor raises ModelError."""

    def __init__(self, options: EngineOptions) -> None:
        llama_cpp.llama_backend_init()
        self.options = options
        self._model = _load_model(options)
        self._context = _make_context(self._model, options)
        self._memory = llama_cpp.llama_get_memory(self._context)
        self.vocabulary = Vocabulary(llama_cpp.llama_model_get_vocab(self._model))
        self.trained_context: int = llama_cpp.llama_model_n_ctx_train(self._model)

    def metadata(self, key: str) -> str | None:
        """One string of the GGUF file's metadata, whatever its length; None where there is none."""
        name = key.encode()
        length = llama_cpp.llama_model_meta_val_str(self._model, name, ctypes.create_string_buffer(1), 1)
        if length < 0:
            return None
        buffer = ctypes.create_string_buffer(length + 1)
        llama_cpp.llama_model_meta_val_str(self._model, name, buffer, length + 1)
        return buffer.value.decode("utf-8", "replace")

    def warm_up(self) -> None:
        """Decode one token, so that the weights are in memory before the first request waits for them."""
        batch = Batch(1)
        batch.add(0, 0, [max(0, self.vocabulary.bos)], last_logits=True)
        self.decode(batch)
        self.truncate(0, 0)

    def decode(self, batch: Batch) -> LogitRows:
        """Run the batch. Raises CacheFull (nothing changed) and ModelError (the context can no longer be trusted)."""
        code = llama_cpp.llama_decode(self._context, batch.c_struct())
        if code == NO_ROOM:
            raise CacheFull(f"no room in the KV cache for {batch.size} tokens")
        if code != 0:
            raise ModelError(f"llama_decode failed with code {code}")
        outputs = batch.outputs()
        if not outputs:
            return np.empty((0, self.vocabulary.size), np.float32)
        start = llama_cpp.llama_get_logits(self._context)
        return np.ctypeslib.as_array(start, shape=(outputs, self.vocabulary.size))

    def truncate(self, sequence: int, length: int) -> bool:
        """Forget the sequence's tokens from position `length` on; False where this kind of model cannot do it."""
        kept: bool = llama_cpp.llama_memory_seq_rm(self._memory, sequence, length, -1)
        return kept

    def copy_prefix(self, source: int, target: int, length: int) -> None:
        """Let `target` (empty before) share the first `length` cells of `source`."""
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, 0, length)

    @property
    def shares_prefixes(self) -> bool:
        """Whether part of a sequence can be kept or shared; recurrent models hold one state and cannot."""
        recurrent = llama_cpp.llama_model_is_recurrent(self._model) or llama_cpp.llama_model_is_hybrid(self._model)
        return not recurrent


def _load_model(options: EngineOptions) -> Any:
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = options.gpu_layers
    model = llama_cpp.llama_model_load_from_file(options.model_path.encode(), params)
    if not model:
        raise ModelError(f"llama.cpp cannot load {options.model_path}")
    if not llama_cpp.llama_model_has_decoder(model):
        raise ModelError(f"{options.model_path} holds an encoder, which cannot generate text")
    return model


def _make_context(model: Any, options: EngineOptions) -> Any:
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = options.kv_tokens
    params.n_batch = options.batch
    params.n_ubatch = options.ubatch
    params.n_seq_max = options.slots
    params.n_threads = params.n_threads_batch = options.threads
    params.flash_attn_type = int(options.flash_attention)
    params.kv_unified = True
    params.swa_full = True
    params.no_perf = True
    context = llama_cpp.llama_init_from_model(model, params)
    if not context:
        raise ModelError(
            f"no memory for a KV cache of {options.kv_tokens} tokens; lower `context`, `slots` or `kv_tokens`"
        )
    return context


ModelLoader: TypeAlias = Callable[[EngineOptions], Model]
