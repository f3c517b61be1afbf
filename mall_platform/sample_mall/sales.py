"""The sample mall's purchases, returns and reviews, as one stream of batches in order of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from mall_platform.sample_mall import draws, people, reviews
from mall_platform.sample_mall.catalogue import SOLD, UNKNOWN_PRODUCTS, Assortment, mean_ratings
from mall_platform.sample_mall.draws import Floats, Ints
from mall_platform.sample_mall.effects import (
    AGE_BANDS,
    OVERBOUGHT_BAND,
    OVERBOUGHT_CATEGORY,
    OVERBOUGHT_FACTOR,
)
from mall_platform.sample_mall.window import DAY_US, HOUR_US, TOKYO_OFFSET_US, Window

RETURNED = 0.05
"""Share of the purchases' rows that are returns."""
OF_UNKNOWN_PRODUCT = 0.008
ARRIVED_LATE = 0.005
CHANGED_LATER = 0.015

_BATCH_ROWS = 50_000
_HOURS = np.array([3, 2, 1, 1, 1, 1, 2, 4, 5, 5, 6, 8, 11, 8, 6, 6, 6, 7, 8, 9, 11, 13, 10, 6])
_WEEKDAYS = np.array([9, 9, 9, 9, 10, 13, 13])
"""From Monday."""


@dataclass(frozen=True)
class Sales:
    """Rows of `purchases` (exactly `purchases`, returns among them) and of `reviews`."""

    population: people.Population
    assortment: Assortment
    purchases: int
    reviews: int

    def batches(self) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """Purchases and the reviews of them, in batches."""
        for first in range(0, self.purchases, _BATCH_ROWS):
            orders = self._orders(first, min(first + _BATCH_ROWS, self.purchases))
            yield self._purchase_frame(orders), self._review_frame(orders)

    def _orders(self, first: int, end: int) -> _Orders:
        """The orders of rows [first, end), leaving out as many rows as will be their returns."""
        seed, window = self.population.seed, self.population.window
        ordered_before, ordered = first - _share(first, RETURNED), end - _share(end, RETURNED)
        ranks = np.arange(ordered_before, ordered)
        times = _moments(
            (ranks + draws.uniform(seed, "purchase.time", ranks)) / self._ordered, window
        )
        signed_up = self.population.signed_up_by(times)
        customers = 1 + (signed_up * draws.uniform(seed, "purchase.buyer", ranks) ** 1.2).astype(
            np.int64
        )
        products = self._products(ranks, customers, times)
        quantity = 1 + draws.weighted(seed, "purchase.quantity", ranks, (84, 11, 3, 1, 1))
        coupon = np.array([100, 90, 80])[
            draws.weighted(seed, "purchase.coupon", ranks, (80, 14, 6))
        ]
        amount = self.assortment.prices_yen(products) * quantity * coupon // 100
        ids = np.arange(first + 1, first + 1 + len(ranks))
        return _Orders(first, end, ids, customers, products, quantity, amount, times)

    @property
    def _ordered(self) -> int:
        return self.purchases - _share(self.purchases, RETURNED)

    def _products(self, ranks: Ints, customers: Ints, times: Ints) -> Ints:
        seed = self.population.seed
        day = _tokyo_days(times)
        born = people.birth_dates(seed, customers, self.population.window.last_day)
        band = people.bands(people.completed_years(born, day))
        gender = people.genders(seed, customers)
        taste = _TASTES[band * len(people.GENDERS) + gender]
        wish = draws.uniform(seed, "purchase.category", ranks)
        stacked = _TASTE_STACK.searchsorted(taste + wish, side="right")
        category = np.clip(stacked - taste * len(SOLD), 0, len(SOLD) - 1)
        known = self.assortment.product_of(category, draws.uniform(seed, "purchase.product", ranks))
        unknown = draws.chance(seed, "purchase.unknown", ranks, OF_UNKNOWN_PRODUCT)
        strange = self.assortment.products + draws.integers(
            seed, "purchase.unknown_id", ranks, 1, UNKNOWN_PRODUCTS + 1
        )
        return np.where(unknown, strange, known)

    def _purchase_frame(self, orders: _Orders) -> pl.DataFrame:
        """The orders, then their returns: some in part, the last ones soon after the order."""
        seed, end_us = self.population.seed, self.population.window.end_us
        returned = _chosen(
            draws.uniform(seed, "return.of", orders.ids),
            orders.end - orders.first - len(orders.ids),
        )
        ids = np.arange(orders.first + len(orders.ids) + 1, orders.end + 1)
        bought = orders.quantity[returned]
        back = 1 + (draws.uniform(seed, "return.quantity", ids) * bought).astype(np.int64)
        ordered_at = orders.times[returned]
        days = draws.integers(seed, "return.time", ids, 2 * DAY_US, 21 * DAY_US)
        left = draws.uniform(seed, "return.haste", ids) * (end_us - ordered_at)
        returned_at = ordered_at + np.minimum(days, left.astype(np.int64))
        frame = pl.DataFrame(
            {
                "purchase_id": np.concatenate([orders.ids, ids]),
                "customer_id": np.concatenate([orders.customers, orders.customers[returned]]),
                "product_id": np.concatenate([orders.products, orders.products[returned]]),
                "quantity": np.concatenate([orders.quantity, -back]),
                "amount_yen": np.concatenate(
                    [orders.amount, -(orders.amount[returned] * back // bought)]
                ),
                "return_of": pl.concat(
                    [
                        pl.Series([None], dtype=pl.Int64).new_from_index(0, len(orders.ids)),
                        pl.Series(orders.ids[returned]),
                    ]
                ),
                "purchased_at": np.concatenate([orders.times, returned_at]),
            }
        )
        return _with_history(frame, "purchase", "purchased_at", seed, end_us)

    def _review_frame(self, orders: _Orders) -> pl.DataFrame:
        """Reviews of some of the orders, one to thirty days later where there is time for it."""
        seed, end_us = self.population.seed, self.population.window.end_us
        before = orders.first * self.reviews // self.purchases
        ids = np.arange(before + 1, orders.end * self.reviews // self.purchases + 1)
        about = _chosen(draws.uniform(seed, "review.about", orders.ids), len(ids))
        products, customers = orders.products[about], orders.customers[about]
        rating = self._ratings(ids, products)
        bought_at = orders.times[about]
        days = draws.integers(seed, "review.time", ids, DAY_US, 30 * DAY_US)
        left = draws.uniform(seed, "review.haste", ids) * (end_us - bought_at)
        written_at = bought_at + np.minimum(days, left.astype(np.int64))
        unlinked = pl.Series(draws.chance(seed, "review.unlinked", ids, 0.1))
        frame = pl.DataFrame(
            {
                "review_id": ids,
                "purchase_id": pl.Series(orders.ids[about]).set(unlinked, None),
                "customer_id": customers,
                "product_id": products,
                "rating": rating,
                "written_at": written_at,
            }
        ).hstack(reviews.texts(seed, ids, customers, rating))
        return _with_history(frame, "review", "written_at", seed, end_us).drop("written_at")

    def _ratings(self, ids: Ints, products: Ints) -> Ints:
        """One to five stars whose mean is the category's."""
        means = np.append(mean_ratings(), 3.2)[self.assortment.category_index(products)]
        stars = np.ones(len(ids), dtype=np.int64)
        for star in range(4):
            stars += (
                draws.uniform(self.population.seed, f"review.star{star}", ids) < (means - 1) / 4
            )
        return stars


@dataclass(frozen=True)
class _Orders:
    """The orders among rows [first, end) as parallel arrays; times are UTC microseconds."""

    first: int
    end: int
    ids: Ints
    customers: Ints
    products: Ints
    quantity: Ints
    amount: Ints
    times: Ints


def _share(rows: int, share: float) -> int:
    return int(rows * share)


def _chosen(uniforms: Floats, count: int) -> Ints:
    """Indexes of the `count` smallest, in order of index."""
    return np.sort(np.argpartition(uniforms, min(count, len(uniforms) - 1))[:count])


def _tokyo_days(times_us: Ints) -> np.ndarray:
    return ((times_us + TOKYO_OFFSET_US) // DAY_US).view("datetime64[D]")


def _moments(shares: Floats, window: Window) -> Ints:
    """When each share of all orders had been placed: by weekday and hour of the Tokyo day."""
    weekday = (window.first_day.weekday() + np.arange(window.days)) % 7
    busy = np.append(0, np.cumsum(np.outer(_WEEKDAYS[weekday], _HOURS)))
    hours = np.interp(shares, busy / busy[-1], np.arange(len(busy)))
    return window.start_us + (hours * HOUR_US).astype(np.int64)


def _with_history(
    frame: pl.DataFrame, kind: str, happened: str, seed: int, end_us: int
) -> pl.DataFrame:
    """Adds `created_at` and `updated_at`: some rows arrive days late, some change later."""
    ids = frame[f"{kind}_id"].to_numpy()
    at = frame[happened].to_numpy()
    late = kind == "purchase"
    delay = np.where(
        draws.chance(seed, f"{kind}.late", ids, ARRIVED_LATE * late),
        draws.integers(seed, f"{kind}.delay", ids, DAY_US, 3 * DAY_US),
        draws.integers(seed, f"{kind}.lag", ids, 0, 2_000_000) * late,
    )
    created = np.minimum(at + delay, end_us - 1)
    change = np.where(
        draws.chance(seed, f"{kind}.changed", ids, CHANGED_LATER),
        draws.integers(seed, f"{kind}.changed_after", ids, DAY_US, 20 * DAY_US),
        0,
    )
    return frame.with_columns(
        pl.col(happened).cast(pl.Datetime("us")),
        created_at=pl.Series(created).cast(pl.Datetime("us")),
        updated_at=pl.Series(np.minimum(created + change, end_us - 1)).cast(pl.Datetime("us")),
    )


def _tastes() -> Floats:
    """For each age band (and unknown) × gender, the distribution function over SOLD."""
    weight = np.array([c.weight for c in SOLD])
    lean = np.sqrt([c.women for c in SOLD])
    by_gender = np.stack([weight * lean, weight / lean, weight, weight])
    by_band = np.ones((len(AGE_BANDS) + 1, len(SOLD)))
    overbought = [c.name == OVERBOUGHT_CATEGORY for c in SOLD]
    by_band[AGE_BANDS.index(OVERBOUGHT_BAND), overbought] = OVERBOUGHT_FACTOR
    rows = (by_band[:, None, :] * by_gender[None, :, :]).reshape(-1, len(SOLD))
    return draws.cumulative(rows)


_TASTES = np.arange((len(AGE_BANDS) + 1) * len(people.GENDERS))
_TASTE_STACK = (_tastes() + _TASTES[:, None]).ravel()
"""All distribution functions in one ascending array: group g runs from g to g + 1."""
