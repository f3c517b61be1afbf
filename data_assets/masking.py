"""Personal data made harmless: keyed pseudonyms and coarse values, whole columns at a time.

The rules are the contract's (E1, E4). Nothing here reads a secret or touches a file.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Literal, overload

if TYPE_CHECKING:
    import polars as pl

Kind = Literal["customer", "email", "session", "respondent"]

KEY_BYTES = 16


@overload
def pseudonyms(kind: Kind, values: pl.Series, key: str) -> pl.Series: ...
@overload
def pseudonyms(kind: Kind, values: pl.Expr, key: str) -> pl.Expr: ...
def pseudonyms(kind: Kind, values: pl.Series | pl.Expr, key: str) -> pl.Series | pl.Expr:
    """The first 16 bytes of HMAC-SHA-256 over kind ‖ 0x00 ‖ value, as binary; NULL stays NULL.

    Integers count in decimal. Each distinct value is hashed once. E-mails are expected as
    `normalised_email` gives them; a respondent's value is `respondent(quarter, id)`.
    """
    import polars as pl

    if isinstance(values, pl.Expr):
        return values.map_batches(lambda s: _pseudonyms(kind, s, key), return_dtype=pl.Binary)
    return _pseudonyms(kind, values, key)


def _pseudonyms(kind: Kind, values: pl.Series, key: str) -> pl.Series:
    import polars as pl
    import polars_hash as plh

    name, rows = values.name, values.rename("value").to_frame()
    message = plh.concat_str(pl.lit(f"{kind}\0"), pl.col("value").cast(pl.String))
    digest = message.chash.hmac_sha256(key=key).str.head(2 * KEY_BYTES).str.decode("hex")
    hashed = rows.drop_nulls().unique().with_columns(digest.alias("key"))
    return rows.join(hashed, on="value", how="left", maintain_order="left")["key"].rename(name)


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
    return band_of_years(
        day.dt.year()
        - birth.dt.year()
        - (
            (day.dt.month().cast(pl.Int16) * 100 + day.dt.day())
            < (birth.dt.month().cast(pl.Int16) * 100 + birth.dt.day())
        ).cast(pl.Int32)
    )


def band_of_years(years: pl.Expr) -> pl.Expr:
    """The age band of completed years; `unknown` for NULL and for negative ages."""
    import polars as pl

    decade = pl.concat_str((years // 10 * 10).cast(pl.String), pl.lit("s"))
    return (
        pl.when(years.is_null() | (years < 0))
        .then(pl.lit("unknown"))
        .when(years < 20)
        .then(pl.lit("10s"))
        .when(years < 70)
        .then(decade)
        .otherwise(pl.lit("70+"))
    )
