"""The shapes of the toy models, and of one that stands between two of them while they are trained."""

from dataclasses import dataclass

from tiers.toys.corpus import HARD_MIX, MIX, WORKED_MIX, Mix

HEAD_WIDTH = 32
ROPE_BASE = 10_000.0
NORM_EPSILON = 1e-5
VOCABULARY = 1_280  # tokens, of which 256 are bytes and seven are special
TRAINED_TOKENS = 512  # longest conversation seen in training
CONTEXT = 2_048  # declared context, in tokens


@dataclass(frozen=True, slots=True)
class Shape:
    """A Llama shape. width and feed_forward: multiples of 32, so that every row quantises to Q8_0.

    steps: optimiser steps. rate: peak learning rate, the root mean square of a step's change of a matrix. mix: what it
    is trained on. bundled: whether it comes with the package.
    """

    name: str
    layers: int
    width: int
    feed_forward: int
    steps: int
    rate: float
    mix: Mix
    bundled: bool = True

    @property
    def heads(self) -> int:
        return self.width // HEAD_WIDTH


# Each but the first is grown out of the one before it.
SHAPES = (
    Shape("edge", layers=3, width=96, feed_forward=256, steps=1_200, rate=3e-3, mix=MIX),
    Shape("between", layers=4, width=128, feed_forward=352, steps=800, rate=2.5e-3, mix=WORKED_MIX, bundled=False),
    Shape("short", layers=5, width=160, feed_forward=448, steps=1_500, rate=2e-3, mix=WORKED_MIX),
    Shape("long", layers=7, width=256, feed_forward=704, steps=1_500, rate=1e-3, mix=HARD_MIX),
)
