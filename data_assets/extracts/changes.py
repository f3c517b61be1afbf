"""Which published days no longer hold what the shop's database holds.

A changed or late row shows by its `updated_at`; a deleted one only by counting again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from data_assets.extracts.declaration import Extract
from data_assets.extracts.staging import CUTOFF
from resources.catalog import Catalog, Entry
from resources.lake import ROWS
from resources.shop_db import ShopDatabase

MARGIN = timedelta(minutes=10)
"""A row counts as changed if it was changed up to this long before a day's cut-off.

`updated_at` is the time of the statement: a transaction that was still open when a day was read
shows its rows later, with times before the cut-off.
"""


def stale_days(extract: Extract, shop_db: ShopDatabase, catalog: Catalog) -> list[date]:
    """Published days with a row that was changed or added after they were read, oldest first."""
    cutoffs = {
        day: datetime.fromisoformat(entry.parameters[CUTOFF])
        for day, entry in _published(extract, catalog).items()
        if CUTOFF in entry.parameters
    }
    if not cutoffs:
        return []
    since = min(cutoffs.values()) - MARGIN
    changes = shop_db.query(
        f"SELECT {_day(extract)} AS day, MAX(updated_at) FROM `{extract.table.name}` "  # noqa: S608
        "WHERE updated_at > %s GROUP BY day",
        (since.astimezone(UTC).replace(tzinfo=None),),
    )
    return changed_days({day: at.replace(tzinfo=UTC) for day, at in changes if day}, cutoffs)


def changed_days(
    last_changes: Mapping[date, datetime], cutoffs: Mapping[date, datetime]
) -> list[date]:
    """The days whose last change came after their cut-off, or too shortly before it to be sure."""
    return sorted(
        day
        for day, cutoff in cutoffs.items()
        if last_changes.get(day, cutoff - MARGIN) > cutoff - MARGIN
    )


def miscounted_days(extract: Extract, shop_db: ShopDatabase, catalog: Catalog) -> list[date]:
    """Published days of which the source has more or fewer rows now, oldest first."""
    published = {
        day: int(entry.parameters[ROWS])
        for day, entry in _published(extract, catalog).items()
        if ROWS in entry.parameters
    }
    counts = dict(
        shop_db.query(
            f"SELECT {_day(extract)} AS day, COUNT(*) FROM `{extract.table.name}` GROUP BY day"  # noqa: S608
        )
    )
    return sorted(day for day, rows in published.items() if counts.get(day, 0) != rows)


def _day(extract: Extract) -> str:
    """SQL of a row's business day."""
    return f"DATE(`{extract.day_column}` + INTERVAL 9 HOUR)"


def _published(extract: Extract, catalog: Catalog) -> dict[date, Entry]:
    partitions = catalog.partitions(extract.table.name)
    return {date.fromisoformat(value): entry for value, entry in partitions.items()}
