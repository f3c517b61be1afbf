"""The persons of a day's clicks: their values are looked for, and hidden in paths (E4)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from data_assets.clickstream.compaction import replace_pages
from data_assets.clickstream.harmless import MASKED_SEGMENT, readable, without_segments
from data_assets.extracts.customers import personal_values_of
from data_assets.extracts.sources import PERSONAL_COLUMNS
from data_assets.personal_data import KnownValues, Persons
from resources.shop_db import ShopDatabase

if TYPE_CHECKING:
    import polars as pl

_FEW = 20_000


def persons_of(shop_db: ShopDatabase, customer_ids: Collection[int]) -> Persons:
    """What is known of some customers, read from the shop's database when first asked for."""

    @cache
    def values() -> list[pl.Series]:
        if len(customer_ids) > _FEW:
            return list(personal_values_of(shop_db, customer_ids))
        return _few(shop_db, customer_ids)

    return lambda cells: KnownValues(values(), cells)


def _few(shop_db: ShopDatabase, customer_ids: Collection[int]) -> list[pl.Series]:
    import polars as pl

    if not customer_ids:
        return []
    ids = ", ".join(str(int(i)) for i in customer_ids)
    rows = shop_db.query(
        f"SELECT {', '.join(PERSONAL_COLUMNS)} FROM customers "  # noqa: S608  (integers)
        f"WHERE customer_id IN ({ids})"
    )
    schema = dict.fromkeys(PERSONAL_COLUMNS, pl.String)
    return pl.DataFrame(rows, schema, orient="row").get_columns()


def hide_known_segments(files: Sequence[Path], persons: Persons) -> int:
    """Replaces path segments that hold a known person's value; how many distinct paths had one.

    A segment that is a number alone is left: seven digits or more are hidden already.
    """
    import polars as pl

    pages = {file: pl.read_parquet(file, columns=["page"])["page"].unique() for file in files}
    paths = pl.concat([pl.Series("page", [], pl.String), *pages.values()]).drop_nulls().unique()
    segments = paths.str.split("/").explode().unique()
    segments = segments.filter((segments != MASKED_SEGMENT) & ~segments.str.contains(r"^[0-9]*$"))
    if segments.is_empty():
        return 0
    texts = pl.Series([readable(segment) for segment in segments], dtype=pl.String)
    personal = set(texts.filter(persons(texts).found_in(texts)))
    if not personal:
        return 0
    hidden = dict(zip(paths, without_segments(paths, personal), strict=True))
    hidden = {path: masked for path, masked in hidden.items() if path != masked}
    for file, own in pages.items():
        if own.is_in(list(hidden)).any():
            replace_pages(file, hidden)
    return len(hidden)
