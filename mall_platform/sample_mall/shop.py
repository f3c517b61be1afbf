"""The sample mall's shop database: its schema, its rows, and changes to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pymysql
import pymysql.cursors

from mall_platform.sample_mall import catalogue, draws
from mall_platform.sample_mall.loading import load, prefetched
from mall_platform.sample_mall.people import Population
from mall_platform.sample_mall.sales import Sales
from mall_platform.sample_mall.window import Window, tokyo_midnight_us

SCHEMA_FILE = Path(__file__).with_name("schema.sql")
DATABASE = "mall"
TABLES = ("categories", "products", "customers", "purchases", "reviews")

Progress = Callable[[str, int, int], None]
"""Told the table, its rows so far and its rows in the end."""


class ShopNotEmptyError(Exception):
    """There are rows already where the sample would go."""

    def __init__(self, table: str) -> None:
        super().__init__(
            f"The shop's table {table} already holds rows; the sample goes into an empty database."
        )
        self.table = table


@dataclass(frozen=True)
class ShopSize:
    """How much to make: rows, and the Tokyo days up to and with `last_day` that they fall on.

    Every time in the sample is before the end of `last_day`. `purchases` includes returns.
    """

    customers: int
    purchases: int
    reviews: int
    products: int
    days: int
    last_day: date

    def __post_init__(self) -> None:
        if not 1_000 <= self.customers <= 10_000_000:
            raise ValueError("customers must be 1,000 to 10,000,000")
        if self.products < catalogue.PRODUCTS_MINIMUM:
            raise ValueError(f"products must be at least {catalogue.PRODUCTS_MINIMUM}")
        if self.days < 1:
            raise ValueError("days must be at least 1")
        if self.purchases < 1 or not 0 <= self.reviews <= self.purchases // 2:
            raise ValueError("reviews must be at most half of the purchases")

    @property
    def window(self) -> Window:
        return Window(self.last_day, self.days)


@dataclass(frozen=True)
class Changes:
    """How many rows `changes` touched, by what happened to them."""

    purchases_late: int
    purchases_changed: int
    purchases_returned: int
    reviews_changed: int
    customers_changed: int


def create_schema(connection: pymysql.Connection) -> None:
    """Makes the shop's tables where they are missing, in the selected database.

    Without a selected database, `mall` is made and selected.
    """
    with connection.cursor(pymysql.cursors.Cursor) as cursor:
        cursor.execute("SELECT DATABASE()")
        row = cursor.fetchone()
        if not row or row[0] is None:
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET utf8mb4")
            cursor.execute(f"USE {DATABASE}")
        for statement in _statements(SCHEMA_FILE.read_text(encoding="utf-8")):
            cursor.execute(statement)


def frames(size: ShopSize, seed: int) -> Iterator[tuple[str, pl.DataFrame]]:
    """The sample's rows as (table, batch), the batches of a table in order of its key."""
    population = Population(seed, size.customers, size.window)
    assortment = catalogue.Assortment(seed, size.products)
    yield "categories", catalogue.category_frame(size.window)
    for batch in assortment.frames(size.window):
        yield "products", batch
    for batch in population.frames():
        yield "customers", batch
    for purchases, reviews in Sales(population, assortment, size.purchases, size.reviews).batches():
        yield "purchases", purchases
        if len(reviews):
            yield "reviews", reviews


def seed(
    connection: pymysql.Connection, size: ShopSize, seed: int, progress: Progress | None = None
) -> None:
    """Fills an empty shop database, the same way for the same size and seed.

    The connection needs `local_infile=True` and a selected database with the schema. Commits batch
    by batch; memory doesn't grow with the size. Raises ShopNotEmptyError before the first row,
    LocalInfileError, LoadError.
    """
    _require_empty(connection)
    totals = {
        "categories": len(catalogue.CATEGORIES),
        "products": size.products,
        "customers": size.customers,
        "purchases": size.purchases,
        "reviews": size.reviews,
    }
    done = dict.fromkeys(totals, 0)
    with TemporaryDirectory(prefix="sample-mall-") as folder:
        for table, rows in prefetched(frames(size, seed)):
            load(connection, table, rows, Path(folder))
            connection.commit()
            done[table] += len(rows)
            if progress:
                progress(table, done[table], totals[table])


def changes(connection: pymysql.Connection, day: date, seed: int) -> Changes:
    """Makes late and changed rows of a Tokyo day, as they reach a live shop after the fact.

    About 1% of the day's orders each: placed that day and arriving only now; changed in quantity;
    returned now, dated to the end of that day. Likewise reviews edited and customers moved house.
    The database stamps them with its own present time. Commits; a day without orders stays so.
    """
    start = datetime.fromtimestamp(tokyo_midnight_us(day) / 1_000_000, UTC).replace(tzinfo=None)
    span = (start, start + timedelta(days=1))
    with connection.cursor(pymysql.cursors.Cursor) as cursor:
        orders = _ids(
            cursor,
            "SELECT purchase_id FROM purchases WHERE purchased_at >= %s AND purchased_at < %s "
            "AND quantity > 0 ORDER BY purchase_id",
            span,
        )
        written = _ids(
            cursor,
            "SELECT review_id FROM reviews WHERE created_at >= %s AND created_at < %s "
            "ORDER BY review_id",
            span,
        )
        late = cursor.executemany(
            "INSERT INTO purchases (customer_id, product_id, quantity, amount_yen, purchased_at) "
            "SELECT customer_id, product_id, quantity, amount_yen, purchased_at FROM purchases "
            "WHERE purchase_id = %s",
            _some(orders, seed, f"{day}.late"),
        )
        changed = cursor.executemany(
            "UPDATE purchases SET amount_yen = amount_yen + amount_yen DIV quantity, "
            "quantity = quantity + 1 WHERE purchase_id = %s",
            _some(orders, seed, f"{day}.changed"),
        )
        returned = cursor.executemany(
            "INSERT INTO purchases "
            "(customer_id, product_id, quantity, amount_yen, return_of, purchased_at) "
            "SELECT customer_id, product_id, -quantity, -amount_yen, purchase_id, %s "
            "FROM purchases WHERE purchase_id = %s",
            [(span[1] - timedelta(seconds=1), *key) for key in _some(orders, seed, f"{day}.back")],
        )
        edited = cursor.executemany(
            "UPDATE reviews SET rating = 6 - rating, body = CONCAT(COALESCE(body, ''), '（追記）') "
            "WHERE review_id = %s",
            _some(written, seed, f"{day}.edited"),
        )
        moved = cursor.executemany(
            "UPDATE customers SET prefecture = '沖縄県', postal_code = '900-0001', "
            "address = CONCAT('那覇市', customer_id) WHERE customer_id = %s",
            _some(_customers_of(cursor, orders), seed, f"{day}.moved"),
        )
    connection.commit()
    return Changes(*(count or 0 for count in (late, changed, returned, edited, moved)))


def _statements(script: str) -> list[str]:
    """The statements of a script that has no semicolon within one."""
    code = "\n".join(line for line in script.splitlines() if not line.startswith("--"))
    return [statement.strip() for statement in code.split(";") if statement.strip()]


def _require_empty(connection: pymysql.Connection) -> None:
    with connection.cursor(pymysql.cursors.Cursor) as cursor:
        for table in TABLES:
            if cursor.execute(f"SELECT 1 FROM {table} LIMIT 1"):  # noqa: S608
                raise ShopNotEmptyError(table)


def _ids(
    cursor: pymysql.cursors.Cursor, query: str, arguments: tuple[datetime, datetime]
) -> list[int]:
    cursor.execute(query, arguments)
    return [row[0] for row in cursor.fetchall()]


def _customers_of(cursor: pymysql.cursors.Cursor, purchases: list[int]) -> list[int]:
    if not purchases:
        return []
    cursor.execute(
        "SELECT DISTINCT customer_id FROM purchases WHERE purchase_id BETWEEN %s AND %s "
        "ORDER BY customer_id",
        (purchases[0], purchases[-1]),
    )
    return [row[0] for row in cursor.fetchall()]


def _some(ids: list[int], seed: int, purpose: str) -> list[tuple[int]]:
    """About one in a hundred of the ids, at least one of any."""
    if not ids:
        return []
    order = np.argsort(draws.uniform(seed, purpose, ids))
    return [(ids[place],) for place in sorted(order[: -(-len(ids) // 100)])]
