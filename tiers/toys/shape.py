"""The shapes of the three toy models."""

from dataclasses import dataclass

HEAD_WIDTH = 32
ROPE_BASE = 10_000.0
NORM_EPSILON = 1e-5
VOCABULARY = 1_280  # tokens, of which 256 are bytes and seven are special
TRAINED_TOKENS = 512  # longest conversation seen in training
CONTEXT = 2_048  # declared context, in tokens


@dataclass(frozen=True, slots=True)
class Shape:
    """A Llama shape. width and feed_forward: multiples of 32, so that every row quantises to Q8_0.

    steps: optimiser steps. rate: peak learning rate, the root mean square of a step's change of a matrix.
    """

    name: str
    layers: int
    width: int
    feed_forward: int
    steps: int
    rate: float

    @property
    def heads(self) -> int:
        return self.width // HEAD_WIDTH


# Each but the first is grown out of the one before it.
SHAPES = (
    Shape("edge", layers=3, width=96, feed_forward=256, steps=1_200, rate=3e-3),
    Shape("short", layers=4, width=128, feed_forward=352, steps=800, rate=2.5e-3),
    Shape("long", layers=5, width=160, feed_forward=448, steps=1_500, rate=2e-3),
)
