"""Personal data made harmless: keyed pseudonyms and coarse values, whole columns at a time.

The rules are the contract's (E1, E4). Nothing here reads a secret or touches a file.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Literal, overload

from data_assets.tables import AGE_BANDS

if TYPE_CHECKING:
    import polars as pl

Kind = Literal["customer", "email", "session", "respondent"]

KEY_BYTES = 16
DIGEST_BYTES = 32


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


def _pseudonyms(kind: Kind, values: pl.Series, key: str) -> pl.Series:
    distinct = values.drop_nulls().unique()
    if 2 * distinct.len() > values.len() and not values.null_count():
        return _digests(kind, values, key)
    hashed = distinct.to_frame("value").with_columns(_digests(kind, distinct, key).alias("key"))
    rows = values.to_frame("value").join(hashed, on="value", how="left", maintain_order="left")
    return rows["key"].rename(values.name)


def _digests(kind: Kind, values: pl.Series, key: str) -> pl.Series:
    """The pseudonyms of values without NULL; of polars-hash's 64 hex digits, half are kept."""
    import numpy as np
    import polars as pl
    import polars_hash as plh
    import pyarrow as pa

    message = plh.concat_str(pl.lit(f"{kind}\0"), pl.col("value").cast(pl.String))
    digits = values.to_frame("value").select(message.chash.hmac_sha256(key=key)).to_series()
    digests = np.frombuffer(bytes.fromhex(digits.str.join("").item()), np.uint8)
    kept = pa.py_buffer(digests.reshape(-1, DIGEST_BYTES)[:, :KEY_BYTES].tobytes())
    keys = pa.FixedSizeBinaryArray.from_buffers(pa.binary(KEY_BYTES), values.len(), [None, kept])
    return pl.Series(values.name, keys.cast(pa.large_binary()))


def respondent(quarter: str, respondent_id: pl.Expr) -> pl.Expr:
    """What a respondent's pseudonym is taken of: ids are unique within a quarter only."""
    import polars as pl

    return pl.concat_str(pl.lit(f"{quarter}\0"), respondent_id.cast(pl.String))


def normalised_email(email: pl.Expr) -> pl.Expr:
    """NFKC, then trimmed, then lower case; an empty address is NULL."""
    import polars as pl

    folded = email.str.normalize("NFKC").str.strip_chars().str.to_lowercase()
    return pl.when(folded != "").then(folded)


def age_band(birth: pl.Expr, on: pl.Expr | date) -> pl.Expr:
    """Age band by completed years on a day; `unknown` without a birth date or before birth.

    Somebody born on 29 February completes a year on 1 March of a common year.
    """
    import polars as pl

    day = pl.lit(on) if isinstance(on, date) else on
    return band_of_years((_as_number(day) - _as_number(birth)) // 10_000)


def band_of_years(years: pl.Expr) -> pl.Expr:
    """The age band of completed years; `unknown` for NULL and for negative ages."""
    import polars as pl

    bands = pl.Series(AGE_BANDS)
    known = (years // 10).clip(1, 7) - 1
    index = pl.when(years >= 0).then(known).otherwise(len(bands) - 1).cast(pl.UInt32)
    return index.map_batches(bands.gather, return_dtype=pl.String)


def _as_number(day: pl.Expr) -> pl.Expr:
    """A date's digits: 20240601; differences in ten thousands are completed years."""
    import polars as pl

    return day.dt.year() * 10_000 + day.dt.month().cast(pl.Int32) * 100 + day.dt.day()
