"""Tokens are counted with the tier's tokenizer, or guessed from bytes."""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from tiers.tokens import counter


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("ééé", 2)])
def test_without_a_tokenizer_four_bytes_are_a_token(text, tokens):
    """Rounded up, so that no text is free."""
    assert counter(None)(text) == tokens


def test_with_a_tokenizer_the_count_is_exact(tmp_path):
    """One token a word here, without special tokens."""
    words = Tokenizer(models.WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save(str(tmp_path / "tokenizer.json"))
    assert counter(str(tmp_path / "tokenizer.json"))("a b a zzz") == 4


def test_a_file_that_is_no_tokenizer_is_named(tmp_path):
    """Absent and unreadable files are errors at the start and not at the first request."""
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(ValueError, match=r"bad\.json: not a tokenizer"):
        counter(str(tmp_path / "bad.json"))
    with pytest.raises(FileNotFoundError):
        counter(str(tmp_path / "none.json"))
