"""Columns of text made from bytes without a loop over the rows."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray


def fixed_width(letters: NDArray[np.uint8]) -> pl.Series:
    """One ASCII text for each row of a matrix of letters."""
    rows, width = letters.shape
    offsets = np.arange(rows + 1, dtype=np.int64) * width
    array = pa.LargeStringArray.from_buffers(
        rows, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(letters))
    )
    return pl.Series(pl.from_arrow(array))


def hexadecimal(words: NDArray[np.uint64]) -> pl.Series:
    """16 hexadecimal digits for each word; for a matrix, those of its row one after another."""
    width = 16 * (words.shape[1] if words.ndim == 2 else 1)
    digits = np.frombuffer(words.astype(">u8").tobytes().hex().encode(), dtype=np.uint8)
    return fixed_width(digits.reshape(len(words), width))


def encoded_lines(lines: pl.Series) -> tuple[memoryview, NDArray[np.int64]]:
    """The UTF-8 bytes of all lines one after another, and where each begins (and the last ends)."""
    array = lines.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = array.buffers()
    starts = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    return memoryview(data), starts
