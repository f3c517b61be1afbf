"""A small shop and a way to run its extracts through Dagster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pymysql
import pytest

from data_assets.extracts import assets
from resources.lake import Lake
from resources.secrets import PseudonymKey
from resources.shop_db import ShopDatabase

CUSTOMERS = [
    # id, email, name, kana, phone, postal, prefecture, address, birth, gender, signed up (UTC)
    (1, "Taro@Example.jp", "山田 太郎", "ヤマダ タロウ", "090-1111-2222", "100-0001", "東京都",
     "千代田区千代田1-1", "1990-06-02", "M", "2023-12-31 15:00:00"),
    (2, "ｔａｒｏ@example.jp ", "𠮷野 花🌸子", None, None, None, None, None, None, None,
     "2024-01-01 00:00:00"),
    (3, "old@example.jp", "李", "リ", "03-3333-4444", "150-0002", "大阪府", "北区", "1950-01-01",
     "X", "2024-02-01 00:00:00"),
]  # fmt: skip

PURCHASES = [
    # id, customer, product, quantity, amount, return of, purchased at (UTC)
    (1, 1, 10, 2, 2000, None, "2024-06-01 14:59:59.999999"),
    (2, 1, 10, 1, 1000, None, "2024-06-01 15:00:00"),
    (3, 3, 999, 1, 500, None, "2024-06-02 03:00:00"),
    (4, 77, 10, -1, -1000, 2, "2024-06-02 14:59:59"),
    (5, 2, 11, 1, 100, None, "2024-06-03 00:00:00"),
]

REVIEWS = [
    # id, purchase, customer, product, rating, title, body, created at (UTC)
    (1, 1, 1, 10, 5, "山田 太郎より", "電話は090-1111-2222です🌸", "2024-06-01 15:00:00"),
    (2, None, 77, 10, 1, None, None, "2024-06-02 00:00:00"),
]


@dataclass(frozen=True)
class Shop:
    """The shop's database with a few rows, and the platform that extracts it."""

    connection: pymysql.Connection
    resources: dict[str, Any]

    @property
    def lake(self) -> Lake:
        return self.resources["lake"]

    @property
    def db(self) -> ShopDatabase:
        return self.resources["shop_db"]

    @property
    def key(self) -> str:
        key: PseudonymKey = self.resources["pseudonym_key"]
        return key.text()

    def execute(self, *statements: str) -> None:
        with self.connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def insert(self, table: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
        with self.connection.cursor() as cursor:
            marks = ", ".join(["%s"] * len(rows[0]))
            cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)

    def extract(self, *names: str, **options: Any) -> dg.ExecuteInProcessResult:
        wanted = [getattr(assets, name) for name in names]
        needed = ("shop_db", "lake", "pseudonym_key")
        options.setdefault("raise_on_error", False)
        resources = {name: self.resources[name] for name in needed} | options.pop("over", {})
        return dg.materialize(wanted, resources=resources, **options)


@pytest.fixture
def small_shop(shop: pymysql.Connection, empty_lake: dict[str, Any]) -> Shop:
    found = Shop(shop, empty_lake)
    found.insert(
        "customers",
        "customer_id, email, name, name_kana, phone, postal_code, prefecture, address, birth_date,"
        " gender, signed_up_at, password_hash",
        [(*row, "bcrypt$secret") for row in CUSTOMERS],
    )
    found.insert("categories", "category_id, name, parent_id", [(1, "服", None), (2, "靴", 1)])
    found.insert(
        "products",
        "product_id, category_id, name, price_yen",
        [(10, 2, "白い靴", 1000), (11, None, "謎", 1)],
    )
    found.insert(
        "purchases",
        "purchase_id, customer_id, product_id, quantity, amount_yen, return_of, purchased_at",
        PURCHASES,
    )
    found.insert(
        "reviews",
        "review_id, purchase_id, customer_id, product_id, rating, title, body, created_at",
        REVIEWS,
    )
    return found


@pytest.fixture
def failure() -> Callable[[dg.ExecuteInProcessResult], str]:
    """The whole text of a run's only failed step."""

    def text(result: dg.ExecuteInProcessResult) -> str:
        assert not result.success
        (event,) = [e for e in result.all_events if e.event_type_value == "STEP_FAILURE"]
        return str(event.step_failure_data.error_display_string)

    return text
