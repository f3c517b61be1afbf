"""What other tables need of the shop's customers: birth dates, and the values that mustn't leak."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Self

from data_assets.extracts.declaration import BIRTH_DATE
from data_assets.extracts.sources import PERSONAL_COLUMNS

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from resources.shop_db import ShopDatabase

_IDS_IN_A_QUERY = 100_000
_DENSE = 4
_UNKNOWN = -(2**31)
_BIRTHS = f"SELECT customer_id, {BIRTH_DATE} FROM customers ORDER BY customer_id"  # noqa: S608


class Births:
    """The birth dates of all customers, by id, in four bytes each (twelve if ids are sparse)."""

    def __init__(self, ids: np.ndarray, days: np.ndarray) -> None:
        """`ids` ascending; `days` since 1970, with the smallest int32 for an unknown date."""
        import numpy as np

        self._first = int(ids[0]) if ids.size else 0
        span = int(ids[-1]) - self._first + 1 if ids.size else 0
        self._sparse_ids = None if span <= _DENSE * ids.size else ids
        self._days = days
        if self._sparse_ids is None:
            self._days = np.full(span, _UNKNOWN, np.int32)
            self._days[ids - self._first] = days

    @classmethod
    def read(cls, shop_db: ShopDatabase) -> Self:
        """As the database has them now; dates that don't exist are unknown.

        That `customers` is as declared is for the caller to make sure of.
        """
        import numpy as np

        ids, days = [np.empty(0, np.int64)], [np.empty(0, np.int32)]
        for rows in shop_db.read(_BIRTHS):
            ids.append(rows["customer_id"].to_numpy())
            days.append(rows[BIRTH_DATE].to_physical().fill_null(_UNKNOWN).to_numpy())
        return cls(np.concatenate(ids), np.concatenate(days))

    def of(self, customer_ids: pl.Series) -> pl.Series:
        """Birth dates in the order of the ids; NULL for an unknown customer or date."""
        import numpy as np
        import polars as pl
        import pyarrow as pa

        wanted = customer_ids.to_numpy()
        if not self._days.size:
            return pl.Series(BIRTH_DATE, [None] * len(wanted), pl.Date)
        if self._sparse_ids is None:
            places = wanted - self._first
            known = (places >= 0) & (places < self._days.size)
        else:
            places = np.searchsorted(self._sparse_ids, wanted)
            known = self._sparse_ids.take(places, mode="clip") == wanted
        days = self._days.take(places, mode="clip")
        unknown = ~known | (days == _UNKNOWN)
        return pl.Series(BIRTH_DATE, pa.array(days, mask=unknown).view(pa.date32()))


def personal_values(shop_db: ShopDatabase) -> Callable[[], Iterator[pl.Series]]:
    """A source of all customers' personal values, read anew each time it is asked."""

    def values() -> Iterator[pl.Series]:
        return _values(shop_db, "")

    return values


def personal_values_of(shop_db: ShopDatabase, customer_ids: Iterable[int]) -> Iterator[pl.Series]:
    """The personal values of some customers, for tables in which only these appear."""
    ids = sorted(set(customer_ids))
    for start in range(0, len(ids), _IDS_IN_A_QUERY):
        some = ", ".join(str(int(i)) for i in ids[start : start + _IDS_IN_A_QUERY])
        yield from _values(shop_db, f" WHERE customer_id IN ({some})")


def _values(shop_db: ShopDatabase, where: str) -> Iterator[pl.Series]:
    sql = f"SELECT {', '.join(PERSONAL_COLUMNS)} FROM customers{where}"  # noqa: S608  (integers)
    for rows in shop_db.read(sql):
        yield from rows.get_columns()
