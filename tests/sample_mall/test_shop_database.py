"""The shop in a real database: the contract's tables, the loading, late and changed rows."""

import getpass
from datetime import date, datetime, timedelta

import polars as pl
import pymysql
import pytest
from polars.testing import assert_frame_equal

from mall_platform.sample_mall import shop
from mall_platform.sample_mall.loading import LoadError, LocalInfileError, load, prefetched
from mall_platform.sample_mall.shop import ShopNotEmptyError, ShopSize

SIZE = ShopSize(1_000, 6_000, 1_200, 200, 10, date(2024, 6, 30))

CONTRACT = {
    "customers": """customer_id bigint; email varchar(255); name varchar(100);
        name_kana varchar(100) null; phone varchar(20) null; postal_code char(8) null;
        prefecture varchar(10) null; address varchar(255) null; birth_date date null;
        gender char(1) null; password_hash varchar(255); signed_up_at datetime(6)""",
    "categories": "category_id int; name varchar(100); parent_id int null",
    "products": "product_id bigint; category_id int null; name varchar(200); price_yen int",
    "purchases": """purchase_id bigint; customer_id bigint; product_id bigint; quantity int;
        amount_yen bigint; return_of bigint null; purchased_at datetime(6)""",
    "reviews": """review_id bigint; purchase_id bigint null; customer_id bigint;
        product_id bigint; rating tinyint; title varchar(200) null; body text null""",
}


def rows_of(connection: pymysql.Connection, query: str, *arguments: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(query, arguments)
        return list(cursor.fetchall())


def described(connection: pymysql.Connection, table: str) -> list[str]:
    """`name type [null]` of each column, without MariaDB's display widths of integers."""
    columns = rows_of(
        connection,
        "SELECT column_name, column_type, is_nullable FROM information_schema.columns "
        "WHERE table_schema = 'mall' AND table_name = %s ORDER BY ordinal_position",
        table,
    )
    widths = ("bigint", "int", "tinyint")
    return [
        f"{name} {kind.split('(')[0] if kind.startswith(widths) else kind}"
        + (" null" if nullable == "YES" else "")
        for name, kind, nullable in columns
    ]


@pytest.fixture
def seeded(connection: pymysql.Connection) -> pymysql.Connection:
    shop.create_schema(connection)
    shop.seed(connection, SIZE, seed=3)
    return connection


@pytest.mark.parametrize("table", CONTRACT)
def test_tables_are_those_of_the_contract(connection: pymysql.Connection, table: str) -> None:
    shop.create_schema(connection)
    expected = [" ".join(column.split()) for column in CONTRACT[table].split(";")]
    assert described(connection, table) == [
        *expected,
        "created_at datetime(6)",
        "updated_at datetime(6)",
    ]
    indexed = rows_of(
        connection,
        "SELECT index_name, column_name FROM information_schema.statistics "
        "WHERE table_schema = 'mall' AND table_name = %s",
        table,
    )
    keys = dict(indexed)
    assert keys["PRIMARY"] == expected[0].split()[0]
    assert "updated_at" in keys.values()
    assert ("purchased_at" in keys.values()) == (table == "purchases")
    collations = rows_of(
        connection,
        "SELECT DISTINCT character_set_name FROM information_schema.columns "
        "WHERE table_schema = 'mall' AND character_set_name IS NOT NULL",
    )
    assert collations == [("utf8mb4",)]


def test_making_the_schema_again_changes_nothing(seeded: pymysql.Connection) -> None:
    shop.create_schema(seeded)
    assert rows_of(seeded, "SELECT COUNT(*) FROM purchases") == [(6_000,)]


def test_the_database_keeps_updated_at_in_utc(connection: pymysql.Connection) -> None:
    shop.create_schema(connection)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO categories (category_id, name) VALUES (1, '帽子')")
        cursor.execute("SELECT created_at = updated_at, created_at FROM categories")
        same, created = cursor.fetchone()
        cursor.execute("UPDATE categories SET name = '手袋'")
        cursor.execute("SELECT updated_at > created_at, UTC_TIMESTAMP(6) FROM categories")
        later, now = cursor.fetchone()
    assert (same, later) == (1, 1)
    assert timedelta(0) <= now - created < timedelta(minutes=1)


def test_what_was_generated_is_what_the_database_holds(seeded: pymysql.Connection) -> None:
    tables: dict[str, list[pl.DataFrame]] = {}
    for table, rows in shop.frames(SIZE, seed=3):
        tables.setdefault(table, []).append(rows)
    assert set(tables) == set(shop.TABLES)
    for table, parts in tables.items():
        expected = pl.concat(parts)
        columns = ", ".join(expected.columns)
        held = rows_of(seeded, f"SELECT {columns} FROM {table} ORDER BY 1")
        assert_frame_equal(
            pl.DataFrame(held, schema=expected.schema, orient="row"),
            expected.sort(expected.columns[0]),
        )


def test_progress_is_told_up_to_the_last_row(connection: pymysql.Connection) -> None:
    shop.create_schema(connection)
    told: list[tuple[str, int, int]] = []
    shop.seed(connection, SIZE, 3, lambda *step: told.append(step))
    last = {table: (done, total) for table, done, total in told}
    assert last["purchases"] == (6_000, 6_000)
    assert last["reviews"] == (1_200, 1_200)
    assert all(done == total for done, total in last.values())


def test_a_shop_that_holds_rows_is_left_alone(seeded: pymysql.Connection) -> None:
    with pytest.raises(ShopNotEmptyError) as raised:
        shop.seed(seeded, SIZE, seed=4)
    assert raised.value.table == "categories"
    assert rows_of(seeded, "SELECT COUNT(*) FROM customers") == [(1_000,)]


def test_a_connection_without_local_infile_is_told_so(mariadb: str) -> None:
    with pymysql.connect(unix_socket=mariadb, user=getpass.getuser()) as plain:
        plain.cursor().execute("DROP DATABASE IF EXISTS mall")
        shop.create_schema(plain)
        with pytest.raises(LocalInfileError, match="local_infile"):
            shop.seed(plain, SIZE, seed=1)


@pytest.mark.parametrize(
    "rows",
    [
        pl.DataFrame({"category_id": [1, 1], "name": ["a", "b"]}),
        pl.DataFrame({"category_id": [1], "name": ["x" * 101]}),
        pl.DataFrame({"category_id": ["one"], "name": ["a"]}),
    ],
    ids=["same key twice", "too long", "not a number"],
)
def test_a_row_that_the_database_would_drop_or_alter_is_an_error(
    connection: pymysql.Connection, rows: pl.DataFrame, tmp_path
) -> None:
    """LOAD DATA LOCAL turns such errors into warnings."""
    shop.create_schema(connection)
    with pytest.raises(LoadError, match="categories"):
        load(connection, "categories", rows, tmp_path)


def test_awkward_texts_arrive_as_they_are(connection: pymysql.Connection, tmp_path) -> None:
    shop.create_schema(connection)
    names = ['引用"符', "改\n行", "カンマ,", "逆\\斜線\\n", "タブ\t", "𠮷😊", "", " 空白 ", "\\N"]
    rows = pl.DataFrame({"category_id": range(1, len(names) + 1), "name": names})
    load(connection, "categories", rows, tmp_path)
    held = rows_of(connection, "SELECT name FROM categories ORDER BY category_id")
    assert [name for (name,) in held] == names


def test_an_error_while_rows_are_made_reaches_the_caller() -> None:
    def rows():
        yield 1
        raise RuntimeError("no more")

    upcoming = prefetched(rows())
    assert next(upcoming) == 1
    with pytest.raises(RuntimeError, match="no more"):
        next(upcoming)


def test_changes_touch_rows_of_their_day_and_are_stamped_by_the_database(
    seeded: pymysql.Connection,
) -> None:
    """(E1) Late and changed rows have an `updated_at` after everything that was there before."""
    day = date(2024, 6, 25)
    start = datetime(2024, 6, 24, 15)  # noqa: DTZ001
    before = rows_of(seeded, "SELECT MAX(updated_at) FROM purchases")[0][0]
    held = dict(rows_of(seeded, "SELECT purchase_id, quantity FROM purchases"))

    made = shop.changes(seeded, day, seed=1)

    touched = rows_of(
        seeded,
        "SELECT purchase_id, quantity, amount_yen, return_of, purchased_at FROM purchases "
        "WHERE updated_at > %s",
        before,
    )
    assert len(touched) == (made.purchases_late + made.purchases_changed + made.purchases_returned)
    assert min(made.purchases_late, made.purchases_changed, made.purchases_returned) >= 5
    assert all(start <= row[4] < start + timedelta(days=1) for row in touched)
    changed = [row for row in touched if row[0] in held]
    assert len(changed) == made.purchases_changed
    assert all(row[1] == held[row[0]] + 1 for row in changed)
    returned = [row for row in touched if row[3] is not None and row[0] not in held]
    assert len(returned) == made.purchases_returned
    assert all(row[1] < 0 and row[2] < 0 for row in returned)
    edited = rows_of(seeded, "SELECT COUNT(*) FROM reviews WHERE updated_at > %s", before)
    assert edited == [(made.reviews_changed,)] and made.reviews_changed >= 1
    moved = rows_of(seeded, "SELECT COUNT(*) FROM customers WHERE updated_at > %s", before)
    assert moved == [(made.customers_changed,)] and made.customers_changed >= 1


def test_a_day_without_orders_has_nothing_to_change(seeded: pymysql.Connection) -> None:
    made = shop.changes(seeded, date(2020, 1, 1), seed=1)
    assert made == shop.Changes(0, 0, 0, 0, 0)
