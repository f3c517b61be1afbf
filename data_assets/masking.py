"""Personal data made harmless: keyed pseudonyms and coarse values, whole columns at a time.

The rules are the contract's (E1, E4). Nothing here reads a secret or touches a file.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, overload

from data_assets.tables import AGE_BANDS

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

Kind = Literal["customer", "email", "session", "respondent"]

KEY_BYTES = 16
DIGEST_BYTES = 32
_SIXTEEN_BYTES = "c16"
"""numpy's widest type: bytes in sixteens are moved fastest as that."""


@overload
def pseudonyms(kind: Kind, values: pl.Series, key: str) -> pl.Series: ...
@overload
def pseudonyms(kind: Kind, values: pl.Expr, key: str) -> pl.Expr: ...
def pseudonyms(kind: Kind, values: pl.Series | pl.Expr, key: str) -> pl.Series | pl.Expr:
    """The first 16 bytes of HMAC-SHA-256 over kind ‖ 0x00 ‖ value, as binary; NULL stays NULL.

    Integers count in decimal. Where values repeat, each is hashed once. E-mails are expected as
    `normalised_email` gives them; a respondent's value is `respondent(quarter, id)`.
    """
    import polars as pl

    if isinstance(values, pl.Expr):
        return values.map_batches(lambda s: _pseudonyms(kind, s, key), return_dtype=pl.Binary)
    return _pseudonyms(kind, values, key)


class RepeatedPseudonyms:
    """`pseudonyms` of integers of one kind that come again in many batches, each hashed once.

    Seventeen bytes are held for each integer up to the largest seen; negative ones and those of
    `room` or more are hashed each time.
    """

    def __init__(self, kind: Kind, key: str, room: int = 2**21) -> None:
        import numpy as np

        self._kind = kind
        self._key = key
        self._room = room
        self._is_known = np.zeros(0, np.bool_)
        self._keys = np.zeros(0, _SIXTEEN_BYTES)

    def of(self, values: pl.Series) -> pl.Series:
        """As `pseudonyms` gives them."""
        if values.null_count() or values.is_empty() or not self._fits(values):
            return _pseudonyms(self._kind, values, self._key)
        numbers = values.to_numpy()
        self._grow(int(numbers.max()) + 1)
        new = values.filter(~self._is_known.take(numbers)).unique()
        if not new.is_empty():
            self._keys[new.to_numpy()] = _digests(self._kind, new, self._key).view(_SIXTEEN_BYTES)
            self._is_known[new.to_numpy()] = True
        return _as_series(values.name, self._keys.take(numbers))

    def _fits(self, values: pl.Series) -> bool:
        return bool(values.is_between(0, self._room - 1).all())

    def _grow(self, size: int) -> None:
        import numpy as np

        missing = size - self._keys.size
        if missing > 0:
            more = max(missing, min(self._keys.size, self._room - self._keys.size))
            self._is_known = np.append(self._is_known, np.zeros(more, np.bool_))
            self._keys = np.append(self._keys, np.zeros(more, _SIXTEEN_BYTES))


def each_once(texts: pl.Series, of: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """`of` of every text, worked out once for each that repeats; NULL stays NULL."""
    import polars as pl

    dtype = pl.Categorical(pl.Categories.random())
    coded = texts.cast(dtype)  # polars forgets categories that no column has
    return of(dtype.categories.to_series()).gather(coded.to_physical()).rename(texts.name)


def _pseudonyms(kind: Kind, values: pl.Series, key: str) -> pl.Series:
    import polars as pl

    count: int = values.to_frame("value").select(pl.col("value").approx_n_unique()).item()
    if 2 * count > values.len() and not values.null_count():
        return _as_series(values.name, _digests(kind, values, key))
    distinct = values.drop_nulls().unique()
    keys = _as_series("key", _digests(kind, distinct, key))
    hashed = distinct.to_frame("value").with_columns(keys)
    rows = values.to_frame("value").join(hashed, on="value", how="left", maintain_order="left")
    return rows["key"].rename(values.name)


def _digests(kind: Kind, values: pl.Series, key: str) -> NDArray[np.uint8]:
    """The pseudonyms of values without NULL; of polars-hash's 64 hex digits, half are kept."""
    import numpy as np
    import polars as pl
    import polars_hash as plh

    message = plh.concat_str(pl.lit(f"{kind}\0"), pl.col("value").cast(pl.String))
    hashed = values.to_frame("value").select(message.chash.hmac_sha256(key=key)).to_series()
    *_, digits = hashed.to_arrow(compat_level=pl.CompatLevel.oldest()).buffers()
    halves = np.frombuffer(digits, f"S{2 * KEY_BYTES}").reshape(-1, DIGEST_BYTES // KEY_BYTES)
    return np.frombuffer(binascii.unhexlify(halves[:, 0].tobytes()), np.uint8)


def _as_series(name: str, keys: NDArray[Any]) -> pl.Series:
    """Bytes of keys, one after the other, as a column of binary."""
    import polars as pl
    import pyarrow as pa

    rows = keys.nbytes // KEY_BYTES
    column = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(KEY_BYTES), rows, [None, pa.py_buffer(keys)]
    )
    return pl.Series(name, column.cast(pa.large_binary()))


def respondent(quarter: str, respondent_id: pl.Expr) -> pl.Expr:
    """What a respondent's pseudonym is taken of: ids are unique within a quarter only."""
    import polars as pl

    return pl.concat_str(pl.lit(f"{quarter}\0"), respondent_id.cast(pl.String))


def normalised_email(email: pl.Expr) -> pl.Expr:
    """NFKC, then trimmed, then lower case; an empty address is NULL."""
    import polars as pl

    return email.map_batches(_normalised_emails, return_dtype=pl.String)


def _normalised_emails(emails: pl.Series) -> pl.Series:
    """Each step of `normalised_email` once, the first where it changes something: not in ASCII."""
    is_wide = (emails.str.len_bytes() != emails.str.len_chars()).fill_null(False)
    if is_wide.any():
        wide = emails.filter(is_wide).str.normalize("NFKC")
        emails = emails.clone().scatter(is_wide.arg_true(), wide)
    folded = emails.str.strip_chars().str.to_lowercase()
    is_empty = folded.str.len_bytes() == 0
    return folded if not is_empty.any() else folded.set(is_empty.fill_null(False), None)


def age_band(birth: pl.Expr, on: pl.Expr | date) -> pl.Expr:
    """Age band by completed years on a day; `unknown` without a birth date or before birth.

    Somebody born on 29 February completes a year on 1 March of a common year.
    """
    import polars as pl

    day = pl.lit(on) if isinstance(on, date) else on
    numbers = [which.map_batches(_numbers, return_dtype=pl.Int32) for which in (day, birth)]
    return band_of_years((numbers[0] - numbers[1]) // 10_000)


def band_of_years(years: pl.Expr) -> pl.Expr:
    """The age band of completed years; `unknown` for NULL and for negative ages."""
    import polars as pl

    return years.map_batches(_bands_of_years, return_dtype=pl.String)


def _bands_of_years(years: pl.Series) -> pl.Series:
    import polars as pl

    *known, unknown = AGE_BANDS
    last = 10 * len(known)
    bands = [unknown, *(known[max(year // 10, 1) - 1] for year in range(last + 1))]
    index = years.clip(-1, last).fill_null(-1) + 1
    return pl.Series(years.name, bands).gather(index.cast(pl.UInt32))


def _numbers(days: pl.Series) -> pl.Series:
    """Dates' digits, as 20240601: differences in ten thousands are completed years.

    Looked up in the years they span, if those have fewer days than there are dates.
    """
    import polars as pl

    first, last = days.min(), days.max()
    if not isinstance(first, date) or not isinstance(last, date):
        return pl.Series(days.name, [None], pl.Int32).new_from_index(0, days.len())
    if (last - first).days >= days.len():
        return _digits(days)
    calendar = _calendar(first.year, last.year)
    since = (date(first.year, 1, 1) - date(1970, 1, 1)).days
    return calendar.gather((days.to_physical() - since).cast(pl.UInt32)).alias(days.name)


@lru_cache(maxsize=16)
def _calendar(first_year: int, last_year: int) -> pl.Series:
    """The digits of every day of some years."""
    import polars as pl

    return _digits(pl.date_range(date(first_year, 1, 1), date(last_year, 12, 31), eager=True))


def _digits(days: pl.Series) -> pl.Series:
    import polars as pl

    return days.dt.year() * 10_000 + days.dt.month().cast(pl.Int32) * 100 + days.dt.day()
