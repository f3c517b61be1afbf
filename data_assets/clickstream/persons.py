"""The persons of a day's clicks: their values are looked for, and hidden where they can be (E4)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from data_assets.clickstream.compaction import replace_cells
from data_assets.clickstream.harmless import MASKED_SEGMENT, readable, without_segments
from data_assets.extracts.customers import personal_values_of
from data_assets.extracts.sources import PERSONAL_COLUMNS
from data_assets.personal_data import KnownValues, Persons, like_personal
from resources.shop_db import ShopDatabase

if TYPE_CHECKING:
    import polars as pl

_FEW = 20_000


def persons_of(shop_db: ShopDatabase, customer_ids: Collection[int]) -> Persons:
    """What is known of some customers, read from the shop's database when first asked for."""
    if len(customer_ids) <= _FEW:
        known = cache(lambda: KnownValues(_few(shop_db, customer_ids)))
        return lambda _cells: known()
    values = cache(lambda: list(personal_values_of(shop_db, customer_ids)))
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


def hide_known_values(files: Sequence[Path], persons: Persons) -> int:
    """Hides persons' values in paths and referrers; how many distinct cells had one.

    A customer may be called like a site, a site like a phone number: neither must keep its day
    from being published.
    """
    return sum(
        _hide(files, column, hidden, persons)
        for column, hidden in (("page", _hidden_paths), ("referrer_host", _hidden_hosts))
    )


def _hide(
    files: Sequence[Path],
    column: str,
    hidden: Callable[[pl.Series, Persons], dict[str, str | None]],
    persons: Persons,
) -> int:
    import polars as pl

    cells = {file: pl.read_parquet(file, columns=[column])[column].unique() for file in files}
    distinct = pl.concat([pl.Series(column, [], pl.String), *cells.values()]).drop_nulls().unique()
    replacements = hidden(distinct, persons)
    for file, own in cells.items():
        if own.is_in(list(replacements)).any():
            replace_cells(file, column, replacements)
    return len(replacements)


def _hidden_paths(paths: pl.Series, persons: Persons) -> dict[str, str | None]:
    """Paths that have a known value, each without it.

    What a segment holds is hidden with the segment. A segment that is a number alone is left:
    seven digits or more are hidden already. A value that only several segments make, as in
    /yamada/taro, is hidden with the whole path.
    """
    import polars as pl

    segments = paths.str.split("/").explode().unique()
    segments = segments.filter((segments != MASKED_SEGMENT) & ~segments.str.contains(r"^[0-9]*$"))
    texts = pl.Series([readable(segment) for segment in segments], dtype=pl.String)
    personal = set(texts.filter(_found_in(texts, persons)))
    masked = pl.Series(without_segments(paths, personal) if personal else paths, dtype=pl.String)
    readings = masked.to_frame("path").select(
        once=pl.col("path").map_elements(unquote, return_dtype=pl.String),
        often=pl.col("path").map_elements(readable, return_dtype=pl.String),
    )
    texts = pl.concat([readings["once"], readings["often"]]).unique()
    found = texts.filter(_found_in(texts, persons)).implode()
    is_personal = readings["once"].is_in(found) | readings["often"].is_in(found)
    masked = masked.set(is_personal, f"/{MASKED_SEGMENT}")
    return {path: new for path, new in zip(paths, masked, strict=True) if path != new}


def _found_in(texts: pl.Series, persons: Persons) -> pl.Series:
    import polars as pl

    if texts.is_empty():
        return pl.Series(dtype=pl.Boolean)
    return persons(texts).found_in(texts)


def _hidden_hosts(hosts: pl.Series, persons: Persons) -> dict[str, str | None]:
    """Hosts that have a known value, or what looks like a phone or a postal code, each with NULL
    in its place."""
    return dict.fromkeys(hosts.filter(_found_in(hosts, persons) | like_personal(hosts)))
