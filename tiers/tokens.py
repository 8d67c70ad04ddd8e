"""Counting tokens where an engine does not report them."""

from collections.abc import Callable
from pathlib import Path

from tokenizers import Tokenizer

_BYTES_PER_TOKEN = 4


def counter(tokenizer_path: str | None) -> Callable[[str], int]:
    """A function from text to its number of tokens.

    Exact with a `tokenizer.json`; without one, four UTF-8 bytes are taken for a token, rounded up. Raises
    FileNotFoundError where there is no such file, ValueError where it is not a tokenizer.
    """
    if tokenizer_path is None:
        return _guess
    tokenizer = _read(Path(tokenizer_path))
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def _guess(text: str) -> int:
    return -(-len(text.encode()) // _BYTES_PER_TOKEN)


def _read(path: Path) -> Tokenizer:
    text = path.read_text(encoding="utf-8")
    try:
        return Tokenizer.from_str(text)
    except Exception as error:  # the library raises bare Exception
        raise ValueError(f"{path}: not a tokenizer file: {error}") from error
