"""What the sample mall sells: its categories, how well each does, and its products."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from mall_platform.sample_mall import draws
from mall_platform.sample_mall.draws import Floats, Ints
from mall_platform.sample_mall.effects import UNLOVED_CATEGORY, UNLOVED_RATING
from mall_platform.sample_mall.window import DAY_US, Window

PRODUCTS_MINIMUM = 100
"""So that every category has a product of its own."""
UNKNOWN_CATEGORY_IDS = (901, 902, 903)
"""Recorded on some products, absent from the categories."""
UNKNOWN_PRODUCTS = 40
"""This many product ids after the last are sold though no product has them."""

_BATCH_ROWS = 50_000
_WITHOUT_CATEGORY = 0.02
_OF_UNKNOWN_CATEGORY = 0.01


class Category(NamedTuple):
    """A category; a sold one has a weight.

    `weight` is its share of units over all weights, `women` how many times as likely a woman is to
    buy it as a man, `price_yen` the median price.
    """

    category_id: int
    name: str
    parent_id: int | None = None
    weight: float = 0.0
    women: float = 1.0
    price_yen: int = 0


CATEGORIES = (
    Category(1, "レディース"),
    Category(2, "メンズ"),
    Category(3, "キッズ・ベビー用品"),
    Category(4, "服飾雑貨"),
    Category(11, "ワンピース", 1, 9.0, 9.0, 6_900),
    Category(12, "シャツ/ブラウス", 1, 8.0, 6.0, 4_900),
    Category(13, "スカート", 1, 6.5, 9.0, 4_500),
    Category(14, "パンツ", 1, 6.0, 6.0, 4_900),
    Category(15, "ニット", 1, 5.5, 5.0, 5_500),
    Category(16, "アウター", 1, 4.0, 5.0, 12_800),
    Category(17, "トップス, カットソー", 1, 8.5, 6.0, 2_900),
    Category(18, "ルームウェア", 1, 3.5, 3.0, 3_900),
    Category(21, "Tシャツ", 2, 7.0, 0.25, 2_500),
    Category(22, "ワイシャツ", 2, 4.5, 0.12, 3_900),
    Category(23, "パンツ", 2, 5.0, 0.2, 5_500),
    Category(24, "アウター", 2, 3.0, 0.2, 14_800),
    Category(25, "スーツ", 2, 1.5, 0.15, 29_800),
    Category(31, "ベビー・キッズ", 3, 5.0, 2.0, 2_400),
    Category(32, "学校用品", 3, 1.2, 1.5, 1_980),
    Category(41, "バッグ、財布", 4, 3.8, 1.8, 8_900),
    Category(42, "シューズ", 4, 4.2, 1.2, 7_900),
    Category(43, "帽子", 4, 1.8, 1.1, 3_500),
    Category(44, "アクセサリー", 4, 2.5, 3.5, 3_200),
    Category(45, "靴下;タイツ", 4, 2.8, 1.6, 990),
    Category(46, UNLOVED_CATEGORY, 4, 0.7, 1.0, 4_200),
)
SOLD = tuple(category for category in CATEGORIES if category.weight)
"""The categories that products belong to; their order is the index used below."""

_MATERIALS = (
    "オーガニックコットン",
    "リネン混",
    "ストレッチ",
    "撥水",
    "カシミヤ混",
    "裏起毛",
    "接触冷感",
)
_CUTS = ("クルーネック", "オーバーサイズ", "ロング丈", "テーパード", "2WAY", "ワイド", "クラシック")
_COLOURS = (
    "ブラック",
    "ネイビー",
    "オフホワイト",
    "ベージュ",
    "カーキ",
    "ピンク",
    "サックスブルー",
)


def category_frame(window: Window) -> pl.DataFrame:
    """The categories' rows; they are as old as the shop."""
    opened = pl.lit(_years_before(window, 6)).cast(pl.Datetime("us"))
    return pl.DataFrame(
        {
            "category_id": [c.category_id for c in CATEGORIES],
            "name": [c.name for c in CATEGORIES],
            "parent_id": [c.parent_id for c in CATEGORIES],
        }
    ).with_columns(created_at=opened, updated_at=opened)


def mean_ratings() -> Floats:
    """The mean rating of each sold category: what sells better is liked better."""
    weights = np.array([c.weight for c in SOLD])
    ratings = 2.9 + 1.5 * np.sqrt(weights / weights.max())
    ratings[[c.name == UNLOVED_CATEGORY for c in SOLD]] = UNLOVED_RATING
    return np.asarray(ratings)


@dataclass(frozen=True)
class Assortment:
    """The sample's products 1 … `products`, each a member of one sold category.

    Product `p` is of category `(p - 1) % len(SOLD)`, so that a category's n-th product is known
    without a table; what is *recorded* as its category may be missing or wrong.
    """

    seed: int
    products: int

    def category_index(self, product_ids: Ints) -> Ints:
        """Index into SOLD; unknown products have -1."""
        return np.where(product_ids > self.products, -1, (product_ids - 1) % len(SOLD))

    def product_of(self, category_index: Ints, uniforms: Floats) -> Ints:
        """A product of each category, the first ones of a category selling most."""
        members = (self.products - 1 - category_index) // len(SOLD) + 1
        return (uniforms**1.5 * members).astype(np.int64) * len(SOLD) + category_index + 1

    def prices_yen(self, product_ids: Ints) -> Ints:
        """The tax-included price, also of unknown products."""
        medians = np.array([c.price_yen for c in SOLD] + [3_000])
        spread = np.exp2(2 * draws.uniform(self.seed, "product.price", product_ids) - 1)
        tens = medians[self.category_index(product_ids)] * spread // 100
        return tens.astype(np.int64) * 100 + 90

    def frames(self, window: Window) -> Iterator[pl.DataFrame]:
        """The products' rows, in batches."""
        for first in range(1, self.products + 1, _BATCH_ROWS):
            last = min(first + _BATCH_ROWS - 1, self.products)
            yield self._frame(np.arange(first, last + 1), window)

    def _frame(self, ids: Ints, window: Window) -> pl.DataFrame:
        def word(purpose: str, words: tuple[str, ...]) -> pl.Series:
            chosen = draws.integers(self.seed, purpose, ids, 0, len(words))
            return pl.Series(words).gather(chosen)

        category = self.category_index(ids)
        names = pl.Series([c.name for c in SOLD]).gather(category)
        age_us = draws.uniform(self.seed, "product.age", ids) * 5 * 365 * DAY_US
        created = window.start_us - age_us.astype(np.int64)
        touched = draws.uniform(self.seed, "product.touched", ids) * (window.end_us - created)
        changed = draws.chance(self.seed, "product.changed", ids, 0.1)
        return pl.DataFrame(
            {
                "product_id": ids,
                "category_id": self._recorded_category(ids, category),
                "material": word("product.material", _MATERIALS),
                "cut": word("product.cut", _CUTS),
                "kind": names,
                "colour": word("product.colour", _COLOURS),
                "price_yen": self.prices_yen(ids),
                "created_at": created,
                "updated_at": np.where(changed, created + touched.astype(np.int64), created),
            }
        ).select(
            "product_id",
            "category_id",
            name=pl.concat_str("material", pl.lit(" "), "cut", "kind", pl.lit(" "), "colour"),
            price_yen="price_yen",
            created_at=pl.col("created_at").cast(pl.Datetime("us")),
            updated_at=pl.col("updated_at").cast(pl.Datetime("us")),
        )

    def _recorded_category(self, ids: Ints, category: Ints) -> pl.Series:
        known = np.array([c.category_id for c in SOLD])[category]
        fate = draws.uniform(self.seed, "product.category_fate", ids)
        strange = np.array(UNKNOWN_CATEGORY_IDS)[ids % len(UNKNOWN_CATEGORY_IDS)]
        recorded = np.where(fate < _OF_UNKNOWN_CATEGORY, strange, known)
        missing = fate > 1 - _WITHOUT_CATEGORY
        return pl.Series(recorded).set(pl.Series(missing), None)


def _years_before(window: Window, years: int) -> int:
    return window.start_us - years * 365 * DAY_US
