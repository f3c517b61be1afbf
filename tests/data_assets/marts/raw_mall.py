"""A small mall as the outside world has it: shop rows, survey answers and click events.

Random, with the awkward cases that the marts' definitions speak of: returns on other days and in
other months, unknown products and categories, equal names, birthdays within the window, bots,
duplicates and malformed clicks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

FIRST_DAY, LAST_DAY = date(2024, 5, 24), date(2024, 6, 6)
SURVEYS = {"surveys/2024年第1四半期.csv": "2024Q1", "surveys/2024Q2 調査.csv": "2024Q2"}

_AGENTS = {
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Mobile/15E148": "mobile",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0.0.0": "desktop",
    "Googlebot/2.1 (+http://www.google.com/bot.html)": "bot",
    "": "unknown",
}
_CHANNELS = ("Instagram", "LINE", "Google検索", "雑誌", "友人・家族", "その他")
_POPULARITY = np.array([1.0] * 59 + [0.1, 1.0]) / 60.1
_TYPES = ("page_view", "product_view", "search", "add_to_cart", "purchase")


@dataclass(frozen=True)
class RawMall:
    """Tables of the shop, survey files by key, and landed lines by key."""

    tables: dict[str, pd.DataFrame]
    surveys: dict[str, bytes]
    clicks: dict[str, list[bytes]]

    @property
    def days(self) -> list[str]:
        return [d.date().isoformat() for d in pd.date_range(FIRST_DAY, LAST_DAY)]


def make(seed: int = 7) -> RawMall:
    rng = np.random.default_rng(seed)
    return RawMall(_shop(rng), _surveys(rng), _clicks(rng))


def _moments(rng: np.random.Generator, count: int) -> pd.Series:
    """UTC moments within the Tokyo days of the window, to the microsecond."""
    start = datetime.combine(FIRST_DAY, datetime.min.time()) - timedelta(hours=9)
    seconds = ((LAST_DAY - FIRST_DAY).days + 1) * 86_400
    offsets = np.sort(rng.integers(0, seconds * 1_000_000, count))
    return pd.Series(np.datetime64(start, "us") + offsets.astype("timedelta64[us]"))


def _shop(rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    people = 260
    births = pd.Series(
        pd.to_datetime("1945-01-01") + pd.to_timedelta(rng.integers(0, 23_000, people), "D")
    )
    births = births.where(rng.random(people) > 0.08)
    births.iloc[:10] = pd.to_datetime([f"{y}-06-01" for y in range(1964, 2014, 5)])
    ids = np.arange(1, people + 1)
    customers = pd.DataFrame(
        {
            "customer_id": ids,
            "email": [f"kokyaku.{i}@shop.example" for i in ids],
            "name": [f"顧客番号{i:04d}" for i in ids],
            "prefecture": rng.choice(
                ["東京都", "大阪府", "北海道", None], people, p=[0.5, 0.3, 0.1, 0.1]
            ),
            "birth_date": births.dt.date.where(births.notna(), None),
            "gender": rng.choice(["F", "M", "X", None], people, p=[0.5, 0.35, 0.05, 0.1]),
            "password_hash": "x",
            "signed_up_at": pd.Timestamp("2023-01-01"),
        }
    )
    categories = pd.DataFrame(
        {
            "category_id": range(1, 9),
            "name": ["トップス", "シャツ", "ニット", "小物", "小物", "バッグ", "靴", "空き"],
            "parent_id": pd.array([None, 1, 1, None, None, None, None, None], "Int64"),
        }
    )
    products = pd.DataFrame(
        {
            "product_id": range(1, 61),
            "category_id": pd.array([None, None, 99, *rng.integers(1, 7, 56), 7], "Int64"),
            "name": [f"商品{i}" for i in range(1, 61)],
            "price_yen": rng.integers(5, 200, 60) * 100,
        }
    )
    count = 2600
    purchases = pd.DataFrame(
        {
            "purchase_id": range(1, count + 1),
            "customer_id": np.minimum(rng.geometric(0.012, count), people),
            "product_id": rng.choice([*range(1, 61), 777], count, p=_POPULARITY),
            "quantity": rng.integers(1, 4, count),
            "return_of": pd.array([None] * count, "Int64"),
            "purchased_at": _moments(rng, count),
        }
    )
    purchases["amount_yen"] = purchases["quantity"] * rng.integers(500, 20_000, count)
    taken_back = purchases[purchases["return_of"].isna()].sample(150, random_state=3)
    returns = taken_back.assign(
        purchase_id=range(count + 1, count + 151),
        quantity=-taken_back["quantity"],
        amount_yen=-taken_back["amount_yen"],
        return_of=taken_back["purchase_id"].astype("Int64"),
        purchased_at=taken_back["purchased_at"] + pd.Timedelta(days=2),
    )
    returns = returns[returns["purchased_at"] < np.datetime64("2024-06-06T15:00:00")]
    number = 420
    reviewed = purchases.sample(number, random_state=4)
    reviews = pd.DataFrame(
        {
            "review_id": range(1, number + 1),
            "purchase_id": reviewed["purchase_id"].to_numpy(),
            "customer_id": reviewed["customer_id"].to_numpy(),
            "product_id": reviewed["product_id"].to_numpy(),
            "rating": rng.choice([1, 2, 3, 4, 5], number, p=[0.05, 0.1, 0.2, 0.35, 0.3]),
            "created_at": _moments(rng, number),
        }
    )
    return {
        "customers": customers,
        "categories": categories,
        "products": products,
        "purchases": pd.concat([purchases, returns], ignore_index=True),
        "reviews": reviews,
    }


def _surveys(rng: np.random.Generator) -> dict[str, bytes]:
    files = {}
    for key in SURVEYS:
        count = 330
        rows = pd.DataFrame(
            {
                "回答ID": [f"R-{i:05d}" for i in range(count)],
                "回答日": "2024-05-01",
                "年齢": np.clip(rng.normal(38, 16, count).round(), 12, 85).astype(int),
                "性別": rng.choice(["女性", "男性", "回答しない"], count),
                "都道府県": "東京都",
                "きっかけ": rng.choice(_CHANNELS, count, p=[0.4, 0.25, 0.2, 0.03, 0.07, 0.05]),
            }
        )
        files[key] = rows.to_csv(index=False).encode("utf-8-sig")
    return files


def _clicks(rng: np.random.Generator) -> dict[str, list[bytes]]:
    count = 5000
    moments = _moments(rng, count).dt.floor("ms")
    agents = rng.choice(list(_AGENTS), count, p=[0.5, 0.3, 0.1, 0.1])
    landed: dict[str, list[bytes]] = {}
    for i, moment in enumerate(moments):
        event: dict[str, Any] = {
            "event_id": f"{i:08x}-0000-4000-8000-{int(rng.integers(2**47)):012x}",
            "event_time_ms": int(moment.value // 1_000_000),
            "session_id": f"s{rng.integers(0, 900)}",
            "customer_id": int(rng.integers(1, 261)) if rng.random() < 0.4 else None,
            "event_type": str(rng.choice(_TYPES)),
            "page": f"/products/{rng.integers(1, 60)}?from=top#x",
            "product_id": None,
            "referrer": "https://www.instagram.com/",
            "user_agent": str(agents[i]),
            "ip": "203.0.113.9",
        }
        tokyo = moment.tz_localize(UTC).tz_convert("Asia/Tokyo")
        key = f"clicks/dt={tokyo:%Y-%m-%d}/hour={tokyo:%H}/part-{i % 2}.json"
        lines = landed.setdefault(key, [])
        lines.append(json.dumps(event).encode())
        if i % 40 == 0:
            lines.append(json.dumps(event).encode())
        if i % 97 == 0:
            lines.append(json.dumps(event | {"event_id": i}).encode())
        if i % 101 == 0:
            lines.append(b'{"event_id": "cut off')
        if i % 103 == 0:
            late = event["event_time_ms"] + 60_000
            other = f"clicks/dt={tokyo:%Y-%m-%d}/hour=23/zz-late.json"
            again = event | {"event_time_ms": late, "session_id": "late"}
            landed.setdefault(other, []).append(json.dumps(again).encode())
    return landed
