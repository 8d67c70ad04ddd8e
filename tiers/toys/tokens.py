"""The toy models' tokenizer: byte-level BPE that splits digits one by one, as llama.cpp's `smollm` does."""

from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from tiers.toys.template import SPECIAL

PRE_TOKENIZER = "smollm"  # llama.cpp's name for the split below


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """A tokenizer of `vocabulary` tokens, the special ones first; the same texts give the same tokenizer."""
    tokenizer = _around(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def from_vocabulary(tokens: Sequence[str], merges: Sequence[str]) -> Tokenizer:
    """The tokenizer that a GGUF file holds: tokens by id, and merges as two pieces with a space between."""
    pairs = [(left, right) for left, _, right in (merge.partition(" ") for merge in merges)]
    tokenizer = _around(models.BPE(vocab={token: place for place, token in enumerate(tokens)}, merges=pairs))
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


def _around(model: models.BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer
