"""The prompts: token ids drawn once and for all, so that every run decodes the same."""

import numpy as np

PROMPT_TOKENS = 32
ORDINARY_TOKENS = 8000  # ids below this are letters and their merges in every model that is measured


def prompt_tokens(number: int, length: int = PROMPT_TOKENS) -> list[int]:
    return np.random.default_rng(number).integers(0, ORDINARY_TOKENS, length).tolist()
