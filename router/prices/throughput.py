"""Throughput: how many tokens a second a busy replica really serves, learned from the engines' own counters."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from policies.schema import Config
from router.ledger.sqlite import LedgerError
from router.meter.store import Piece, read
from router.prices.quote import Throughput

LEARNED_FROM_DAYS = 7
_LEAST_BUSY_S = 60.0  # below which a piece says little
_LEAST_PIECES = 6  # to tell prompt tokens from output tokens
_NS = 1_000_000_000


def measured(path: Path, config: Config) -> Mapping[str, Throughput]:
    """Tier name to throughput, of the tiers on own GPUs, from the last 7 days; nothing where nothing was counted."""
    if not any(tier.gpu for tier in config.tiers.values()):
        return {}
    try:
        pieces = read(path, since_ns=time.time_ns() - LEARNED_FROM_DAYS * 86_400 * _NS)
    except LedgerError:
        return {}
    return learned(pieces)


def learned(pieces: Iterable[Piece]) -> dict[str, Throughput]:
    """Tier name to the throughput of one busy replica.

    Busy seconds are explained by least squares as a x prompt tokens + b x output tokens, so that a prompt token takes
    1/a of a second's share and an output token 1/b. Where that is not to be told apart (few pieces, or a mix that
    never changes) all tokens count alike: their sum over the busy seconds.
    """
    of_tier: dict[str, list[Piece]] = defaultdict(list)
    for piece in pieces:
        if piece.busy_ns >= _LEAST_BUSY_S * _NS and piece.prompt_tokens is not None and piece.output_tokens is not None:
            of_tier[piece.tier].append(piece)
    found = {tier: _of(kept) for tier, kept in of_tier.items()}
    return {tier: speed for tier, speed in found.items() if speed is not None}


def _of(pieces: Sequence[Piece]) -> Throughput | None:
    tokens = np.array([(p.prompt_tokens, p.output_tokens) for p in pieces], dtype=float)
    busy_s = np.array([p.busy_ns / _NS for p in pieces])
    if not tokens.sum():
        return None
    if len(pieces) >= _LEAST_PIECES:
        seconds, _, rank, _ = np.linalg.lstsq(tokens, busy_s, rcond=1e-6)
        if rank == 2 and (seconds > 0).all():
            return Throughput(output=float(1 / seconds[1]), prompt=float(1 / seconds[0]))
    return Throughput(output=float(tokens.sum() / busy_s.sum()))
