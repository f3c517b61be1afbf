"""The sample mall's customers, each known from the seed and the customer's number alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from mall_platform.sample_mall import draws, japan
from mall_platform.sample_mall.draws import Flags, Ints
from mall_platform.sample_mall.effects import AGE_BANDS
from mall_platform.sample_mall.text import fixed_width
from mall_platform.sample_mall.window import DAY_US, Window

GENDERS = ("F", "M", "X", None)
GENDER_SHARES = (0.57, 0.36, 0.03, 0.04)
UNKNOWN_BAND = len(AGE_BANDS)
"""Index of people without a birth date, after those of AGE_BANDS."""

_BAND_SHARES = (0.08, 0.24, 0.26, 0.19, 0.13, 0.07, 0.03)
_BAND_YEARS = ((14, 20), (20, 30), (30, 40), (40, 50), (50, 60), (60, 70), (70, 89))
_WITHOUT_BIRTH_DATE = 0.03
_PLACEHOLDER_BIRTH_DATE = 0.002
_REGISTERED_AGAIN = 0.015
_BATCH_ROWS = 50_000
_HISTORY_DAYS = 4 * 365
_BCRYPT = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_FULL_WIDTH = str.maketrans({chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)})


def genders(seed: int, ids: Ints) -> Ints:
    """An index into GENDERS for each customer."""
    return draws.weighted(seed, "customer.gender", ids, GENDER_SHARES)


def prefecture_indexes(seed: int, ids: Ints) -> Ints:
    """An index into japan.PREFECTURES for each customer, as many as live there."""
    return draws.weighted(seed, "customer.home", ids, [p.people for p in japan.PREFECTURES])


def birth_dates(seed: int, ids: Ints, last_day: date) -> np.ndarray:
    """Birth dates (datetime64[D]) of people as old on `last_day` as the mall's customers are.

    NaT for unknown, and a few placeholders of 1900-01-01.
    """
    band = draws.weighted(seed, "customer.band", ids, _BAND_SHARES)
    youngest, oldest = np.array(_BAND_YEARS).T
    years = draws.uniform(seed, "customer.age", ids) * (oldest - youngest)[band] + youngest[band]
    born = np.datetime64(last_day) - (years * 365.2425).astype("timedelta64[D]")
    fate = draws.uniform(seed, "customer.birth_fate", ids)
    born[fate < _PLACEHOLDER_BIRTH_DATE] = np.datetime64("1900-01-01")
    born[fate > 1 - _WITHOUT_BIRTH_DATE] = np.datetime64("NaT")
    return np.asarray(born)


def completed_years(born: np.ndarray, on: np.ndarray) -> Ints:
    """Completed years of age between two arrays of datetime64[D]; -1 for an unknown birth date."""

    def number(days: np.ndarray) -> Ints:
        years = days.astype("datetime64[Y]")
        months = days.astype("datetime64[M]")
        month = (months - years).astype(np.int64)
        day = (days - months.astype("datetime64[D]")).astype(np.int64)
        return np.asarray(years.astype(np.int64) * 10_000 + month * 100 + day)

    known = ~np.isnat(born)
    return np.where(known, (number(on) - number(born)) // 10_000, -1)


def bands(ages: Ints) -> Ints:
    """An index into AGE_BANDS for each age in completed years; UNKNOWN_BAND for a negative one."""
    return np.where(ages < 0, UNKNOWN_BAND, np.clip(ages // 10, 1, len(AGE_BANDS)) - 1)


def emails(seed: int, ids: Ints) -> pl.Series:
    """E-mails as typed; some people registered twice, sometimes in other letters."""
    again = draws.chance(seed, "customer.again", ids, _REGISTERED_AGAIN) & (ids > 1)
    back = draws.bits(seed, "customer.again_of", ids) % np.minimum(
        np.maximum(ids - 1, 1), 1_000
    ).astype(np.uint64)
    first = np.where(again, ids - 1 - back.astype(np.int64), ids)
    plain = _plain_emails(seed, first)
    style = np.where(again, draws.integers(seed, "customer.again_style", ids, 0, 4), 0)
    frame = pl.DataFrame({"email": plain, "style": style})
    email = pl.col("email")
    return frame.select(
        pl.when(pl.col("style") == 1)
        .then(email.str.to_uppercase())
        .when(pl.col("style") == 2)
        .then(email + " ")
        .when(pl.col("style") == 3)
        .then(_full_width(plain, style == 3))
        .otherwise(email)
        .alias("email")
    ).to_series()


def names(seed: int, ids: Ints) -> pl.Series:
    """Full names as written, without a space in some."""
    return _names(seed, ids)[0]


def phones(seed: int, ids: Ints) -> pl.Series:
    """Mobile phones with hyphens, without, in full width or with the country's code; some null."""
    number = pl.DataFrame(
        {
            "prefix": pl.Series(["90", "80", "70"]).gather(
                draws.integers(seed, "customer.phone_prefix", ids, 0, 3)
            ),
            "exchange": draws.integers(seed, "customer.phone_exchange", ids, 0, 1_000),
            "line": draws.integers(seed, "customer.phone_line", ids, 0, 10_000),
        }
    ).select(
        "prefix",
        exchange=pl.concat_str(pl.lit("0"), pl.col("exchange").cast(pl.String).str.zfill(3)),
        line=pl.col("line").cast(pl.String).str.zfill(4),
    )
    plain = number.select(pl.format("0{}-{}-{}", "prefix", "exchange", "line")).to_series()
    style = draws.weighted(seed, "customer.phone_style", ids, (0.75, 0.12, 0.05, 0.03, 0.05))
    return number.select(
        pl.when(pl.lit(style) == 0)
        .then(plain)
        .when(pl.lit(style) == 1)
        .then(plain.str.replace_all("-", "", literal=True))
        .when(pl.lit(style) == 2)
        .then(_full_width(plain, style == 2))
        .when(pl.lit(style) == 3)
        .then(pl.format("+81 {}-{}-{}", "prefix", "exchange", "line"))
        .alias("phone")
    ).to_series()


@dataclass(frozen=True)
class Population:
    """Customers 1 … `customers`, numbered in the order in which they signed up."""

    seed: int
    customers: int
    window: Window

    @property
    def _opened_us(self) -> int:
        return self.window.start_us - _HISTORY_DAYS * DAY_US

    def signed_up_us(self, ids: Ints) -> Ints:
        """When each customer signed up, UTC microseconds; most before the window."""
        share = (ids - 1 + draws.uniform(self.seed, "customer.signed_up", ids)) / self.customers
        return self._opened_us + (share * (self.window.end_us - self._opened_us)).astype(np.int64)

    def signed_up_by(self, times_us: Ints) -> Ints:
        """The last customer that had certainly signed up at each time, at least 1."""
        share = (times_us - self._opened_us) / (self.window.end_us - self._opened_us)
        return np.maximum((share * self.customers).astype(np.int64), 1)

    def frames(self) -> Iterator[pl.DataFrame]:
        """The customers' rows, in batches."""
        for first in range(1, self.customers + 1, _BATCH_ROWS):
            yield self.frame(np.arange(first, min(first + _BATCH_ROWS, self.customers + 1)))

    def frame(self, ids: Ints) -> pl.DataFrame:
        """The rows of some customers."""
        seed = self.seed
        home = prefecture_indexes(seed, ids)
        written, kana = _names(seed, ids)
        signed_up = self.signed_up_us(ids)
        changed = draws.chance(seed, "customer.changed", ids, 0.3)
        later = draws.uniform(seed, "customer.changed_at", ids) * (self.window.end_us - signed_up)
        moments = pl.DataFrame(
            {
                "signed_up_at": signed_up,
                "created_at": signed_up,
                "updated_at": np.where(changed, signed_up + later.astype(np.int64), signed_up),
            }
        ).cast(pl.Datetime("us"))
        return pl.DataFrame(
            {
                "customer_id": ids,
                "email": emails(seed, ids),
                "name": written,
                "name_kana": kana,
                "phone": phones(seed, ids),
                "postal_code": _postal_codes(seed, ids, home),
                "prefecture": _with_nulls(
                    pl.Series([p.name for p in japan.PREFECTURES]).gather(home),
                    draws.chance(seed, "customer.no_home", ids, 0.03),
                ),
                "address": _addresses(seed, ids, home),
                "birth_date": birth_dates(seed, ids, self.window.last_day),
                "gender": pl.Series(GENDERS, dtype=pl.String).gather(genders(seed, ids)),
                "password_hash": _password_hashes(seed, ids),
            }
        ).hstack(moments)


def _name_parts(seed: int, ids: Ints) -> tuple[Ints, Ints]:
    """Indexes into the family names and into women's names followed by men's."""
    family = draws.integers(seed, "customer.family", ids, 0, len(japan.FAMILY_NAMES))
    gender = genders(seed, ids)
    guess = draws.chance(seed, "customer.given_kind", ids, 0.5)
    as_woman = (gender == 0) | ((gender > 1) & guess)
    given = draws.uniform(seed, "customer.given", ids)
    women, men = len(japan.WOMENS_NAMES), len(japan.MENS_NAMES)
    return family, np.where(as_woman, given * women, women + given * men).astype(np.int64)


def _names(seed: int, ids: Ints) -> tuple[pl.Series, pl.Series]:
    """Names as written and in kana; kana in half width or null in some."""
    family, given = _name_parts(seed, ids)
    given_names = japan.WOMENS_NAMES + japan.MENS_NAMES
    frame = pl.DataFrame(
        {
            "family": pl.Series([n.written for n in japan.FAMILY_NAMES]).gather(family),
            "given": pl.Series([n.written for n in given_names]).gather(given),
            "family_kana": pl.Series([n.kana for n in japan.FAMILY_NAMES]).gather(family),
            "given_kana": pl.Series([n.kana for n in given_names]).gather(given),
        }
    )
    style = draws.weighted(seed, "customer.name_style", ids, (0.7, 0.2, 0.1))
    space = pl.Series([" ", "　", ""]).gather(style)
    no_kana = draws.chance(seed, "customer.no_kana", ids, 0.05)
    written = frame.select(pl.concat_str("family", space, "given")).to_series()
    kana = frame.select(pl.concat_str("family_kana", pl.lit(" "), "given_kana")).to_series()
    return written, _with_nulls(kana, no_kana)


def _plain_emails(seed: int, ids: Ints) -> pl.Series:
    family, given = _name_parts(seed, ids)
    given_names = japan.WOMENS_NAMES + japan.MENS_NAMES
    domain = draws.weighted(seed, "customer.mail_domain", ids, (5, 2, 1, 2, 1))
    return (
        pl.DataFrame(
            {
                "given": pl.Series([n.latin for n in given_names]).gather(given),
                "family": pl.Series([n.latin for n in japan.FAMILY_NAMES]).gather(family),
                "number": ids,
                "domain": pl.Series(japan.MAIL_DOMAINS).gather(domain),
            }
        )
        .select(pl.format("{}.{}{}@{}", "given", "family", "number", "domain"))
        .to_series()
    )


def _postal_codes(seed: int, ids: Ints, home: Ints) -> pl.Series:
    area = pl.Series([p.postal for p in japan.PREFECTURES]).gather(home)
    number = pl.Series(draws.integers(seed, "customer.postal", ids, 1, 10_000))
    codes = pl.select(pl.concat_str(area, pl.lit("-"), number.cast(pl.String).str.zfill(4)))
    return _with_nulls(codes.to_series(), draws.chance(seed, "customer.no_postal", ids, 0.04))


def _addresses(seed: int, ids: Ints, home: Ints) -> pl.Series:
    cities = [city for prefecture in japan.PREFECTURES for city in prefecture.cities]
    counts = np.array([len(p.cities) for p in japan.PREFECTURES])
    within = (draws.uniform(seed, "customer.city", ids) * counts[home]).astype(np.int64)
    city = (np.cumsum(counts) - counts)[home] + within
    towns = draws.integers(seed, "customer.town", ids, 0, len(japan.TOWNS))
    frame = pl.DataFrame(
        {
            "city": pl.Series(cities).gather(city),
            "town": pl.Series(japan.TOWNS).gather(towns),
            "chome": draws.integers(seed, "customer.chome", ids, 1, 8),
            "block": draws.integers(seed, "customer.block", ids, 1, 30),
            "house": draws.integers(seed, "customer.house", ids, 1, 20),
            "building": pl.Series(japan.BUILDINGS).gather(
                draws.integers(seed, "customer.building", ids, 0, len(japan.BUILDINGS))
            ),
            "room": draws.integers(seed, "customer.room", ids, 101, 1_200),
            "flat": draws.chance(seed, "customer.flat", ids, 0.45),
        }
    )
    house = pl.format("{}{}{}-{}-{}", "city", "town", "chome", "block", "house")
    flat = pl.format(" {}{}", "building", "room")
    lines = frame.select(house + pl.when("flat").then(flat).otherwise(pl.lit("")))
    return _with_nulls(lines.to_series(), draws.chance(seed, "customer.no_address", ids, 0.04))


def _password_hashes(seed: int, ids: Ints) -> pl.Series:
    """What looks like bcrypt and is the hash of nothing."""
    head = b"$2b$12$"
    width = len(head) + 53
    letters = np.empty((len(ids), width), dtype=np.uint8)
    letters[:, : len(head)] = np.frombuffer(head, dtype=np.uint8)
    alphabet = np.frombuffer(_BCRYPT, dtype=np.uint8)
    for place in range(53):
        word, within = divmod(place, 10)
        if within == 0:
            random = draws.bits(seed, f"customer.password{word}", ids)
        sextet = (random >> np.uint64(6 * within)) & np.uint64(63)
        letters[:, len(head) + place] = alphabet[sextet]
    return fixed_width(letters)


def _full_width(values: pl.Series, chosen: Flags) -> pl.Series:
    """The chosen values in full-width letters and digits; null elsewhere."""
    wide = [value.translate(_FULL_WIDTH) for value in values.filter(pl.Series(chosen))]
    places = np.full(len(values), -1)
    places[chosen] = np.arange(len(wide))
    lookup = pl.Series(wide, dtype=pl.String)
    return lookup.gather(pl.Series(places).replace(-1, None))


def _with_nulls(values: pl.Series, missing: Flags) -> pl.Series:
    return values.set(pl.Series(missing), None)
