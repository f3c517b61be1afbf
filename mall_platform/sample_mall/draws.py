"""Random draws that depend on a seed, a purpose and a number, and on nothing drawn before.

So the hundredth customer is the same whoever asks, in whatever batch, and a stream of any length
needs no state. The numbers go through SplitMix64's finaliser, which is fixed here for ever, unlike
the streams of numpy's generators.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def bits(seed: int, purpose: str, numbers: ArrayLike) -> NDArray[np.uint64]:
    """64 random bits for each number."""
    key = int.from_bytes(blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest(), "little")
    x = np.asarray(numbers).astype(np.uint64) * _GOLDEN
    x += np.uint64(key)
    x = (x ^ (x >> np.uint64(30))) * _MIX_1
    x = (x ^ (x >> np.uint64(27))) * _MIX_2
    return x ^ (x >> np.uint64(31))


def uniform(seed: int, purpose: str, numbers: ArrayLike) -> Floats:
    """A float in [0, 1) for each number."""
    return (bits(seed, purpose, numbers) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def integers(seed: int, purpose: str, numbers: ArrayLike, low: int, high: int) -> Ints:
    """An integer in [low, high) for each number."""
    return low + (uniform(seed, purpose, numbers) * (high - low)).astype(np.int64)


def chance(seed: int, purpose: str, numbers: ArrayLike, probability: float) -> Flags:
    """True for each number with the given probability."""
    return uniform(seed, purpose, numbers) < probability


def weighted(seed: int, purpose: str, numbers: ArrayLike, weights: ArrayLike) -> Ints:
    """An index into `weights` for each number, as likely as its weight."""
    return index_of(uniform(seed, purpose, numbers), cumulative(weights))


def cumulative(weights: ArrayLike) -> Floats:
    """Weights (along the last axis) as a distribution function that ends at 1."""
    sums = np.cumsum(np.asarray(weights, dtype=np.float64), axis=-1)
    return np.asarray(sums / sums[..., -1:])


def index_of(uniforms: Floats, distribution: Floats) -> Ints:
    """Where each uniform falls in a distribution function of `cumulative`."""
    found = np.searchsorted(distribution, uniforms, side="right").astype(np.int64)
    return np.minimum(found, len(distribution) - 1)
