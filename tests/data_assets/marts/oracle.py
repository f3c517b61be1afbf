"""The marts' figures worked out once more, in pandas, from what the outside world has.

Written from the contract's words; nothing of the platform is used. Keys are columns of the
answers, in no particular order.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats

from tests.data_assets.marts.raw_mall import SURVEYS, RawMall

BOTS = ("bot", "crawler", "spider", "slurp")
TYPES = {"page_view", "product_view", "search", "add_to_cart", "purchase"}


def tokyo(utc: pd.Series) -> pd.Series:
    return pd.to_datetime(utc).dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")


def band_of(age: float) -> str:
    if pd.isna(age) or age < 0:
        return "unknown"
    if age < 20:
        return "10s"
    return "70+" if age >= 70 else f"{int(age) // 10 * 10}s"


def age_on(birth: object, day: object) -> float:
    if birth is None or pd.isna(birth):
        return float("nan")
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def _known(mall: RawMall) -> pd.DataFrame:
    """Products of a known category."""
    products, categories = mall.tables["products"], mall.tables["categories"]
    named = categories[["category_id", "name"]].rename(columns={"name": "category"})
    named["category_id"] = named["category_id"].astype("Int64")
    return products[["product_id", "category_id"]].merge(named, on="category_id")


def _sales(mall: RawMall) -> pd.DataFrame:
    sales = mall.tables["purchases"].merge(_known(mall), on="product_id", how="left")
    sales["category"] = sales["category"].fillna("unknown")
    sales["business_day"] = tokyo(sales["purchased_at"]).dt.date
    births = mall.tables["customers"].set_index("customer_id")["birth_date"]
    sales["age_band"] = [
        band_of(age_on(births.get(c), d))
        for c, d in zip(sales["customer_id"], sales["business_day"], strict=True)
    ]
    return sales


def _grouped(frame: pd.DataFrame, key: list[str]) -> pd.core.groupby.DataFrameGroupBy:
    return frame.groupby(key, dropna=False, observed=True)


def sales_by_category(mall: RawMall) -> pd.DataFrame:
    groups = _grouped(_sales(mall), ["business_day", "category_id", "category"])
    answer = groups.agg(
        units=("quantity", "sum"),
        sales_yen=("amount_yen", "sum"),
        orders=("quantity", lambda q: (q > 0).sum()),
        returns=("quantity", lambda q: (q < 0).sum()),
        buyers=("customer_id", "nunique"),
    ).reset_index()
    answer["buyers"] = answer["buyers"].where(answer["buyers"] >= 5)
    return answer


def sales_by_age_band_and_category(mall: RawMall) -> pd.DataFrame:
    sales = _sales(mall)
    sales["month"] = pd.to_datetime(sales["business_day"]).dt.strftime("%Y-%m")
    answer = (
        _grouped(sales, ["month", "age_band", "category_id", "category"])
        .agg(
            units=("quantity", "sum"),
            sales_yen=("amount_yen", "sum"),
            buyers=("customer_id", "nunique"),
        )
        .reset_index()
    )
    lines = [
        list(g.sort_values("age_band").index) for _, g in _grouped(answer, ["month", "category_id"])
    ]
    hidden = hide(answer["buyers"], [(line, None) for line in lines])
    answer["suppressed"] = hidden
    answer.loc[hidden, ["units", "sales_yen", "buyers"]] = np.nan
    return answer


def channel_by_age_band(mall: RawMall) -> pd.DataFrame:
    parts = []
    for key, quarter in SURVEYS.items():
        rows = pd.read_csv(io.BytesIO(mall.surveys[key]))
        bands = [band_of(age) for age in rows["年齢"]]
        parts.append(
            pd.DataFrame({"quarter": quarter, "age_band": bands, "channel": rows["きっかけ"]})
        )
    people = pd.concat(parts)
    people = pd.concat([people, people.assign(quarter="all")])
    answer = (
        people.groupby(["quarter", "age_band", "channel"])
        .size()
        .rename("respondents")
        .reset_index()
    )
    answer["base"] = answer.groupby(["quarter", "age_band"])["respondents"].transform("sum")
    answer["share"] = answer["respondents"] / answer["base"]
    z = stats.norm.ppf(0.975)
    p, n = answer["share"], answer["base"]
    middle, spread = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    answer["share_low"] = (middle - spread) / (1 + z**2 / n)
    answer["share_high"] = (middle + spread) / (1 + z**2 / n)
    lines = [
        (list(g.sort_values("channel").index), None)
        for _, g in answer.groupby(["quarter", "age_band"])
    ]
    for _, g in answer.groupby(["age_band", "channel"]):
        g = g.sort_values("quarter")
        lines.append((list(g[g["quarter"] != "all"].index), g[g["quarter"] == "all"].index[0]))
    hidden = hide(answer["respondents"], lines)
    answer["suppressed"] = hidden
    answer.loc[hidden, ["respondents", "share", "share_low", "share_high"]] = np.nan
    answer["base"] = answer["base"].where(answer["base"] >= 5)
    return answer


def hide(people: pd.Series, lines: list[tuple[list[int], int | None]]) -> pd.Series:
    """Which cells are hidden: small ones, and in each line enough others, until all is quiet."""
    hidden = people.lt(5) & people.gt(0)
    while True:
        before = hidden.copy()
        for cells, total in lines:
            inside = people.loc[cells]
            while hidden.loc[cells].any() or (total is not None and hidden[total]):
                gone = inside[hidden.loc[cells]]
                if len(gone) >= 2 and gone.sum() >= 5:
                    break
                left = inside[~hidden.loc[cells]]
                if left.empty:
                    if total is not None:
                        hidden[total] = True
                    break
                hidden[left.index[int(np.argmin(left.to_numpy()))]] = True
        if hidden.equals(before):
            return hidden


def category_sales_and_reviews(mall: RawMall) -> pd.DataFrame:
    key = ["category_id", "category"]
    units = _grouped(_sales(mall), key)["quantity"].sum().rename("units")
    reviews = mall.tables["reviews"].merge(_known(mall), on="product_id", how="left")
    reviews["category"] = reviews["category"].fillna("unknown")
    ratings = _grouped(reviews, key)["rating"].agg(
        reviews="size", mean_rating="mean", low_rating_share=lambda r: (r <= 2).mean()
    )
    answer = units.reset_index().merge(ratings.reset_index(), on=key, how="outer")
    answer[["units", "reviews"]] = answer[["units", "reviews"]].fillna(0)
    answer["sales_rate"] = answer["units"] / answer["units"].sum()
    return answer


def sales_review_correlation(mall: RawMall) -> pd.DataFrame:
    table = category_sales_and_reviews(mall)
    table = table[table["category_id"].notna() & (table["reviews"] >= 5)]
    x, y = table["sales_rate"].astype(float), table["mean_rating"].astype(float)
    methods: dict[str, Callable] = {"pearson": stats.pearsonr, "spearman": stats.spearmanr}
    answers = {name: method(x, y) for name, method in methods.items()}
    return pd.DataFrame(
        [
            {"method": name, "coefficient": r.statistic, "p_value": r.pvalue, "n": len(table)}
            for name, r in answers.items()
        ]
    )


def clicks(mall: RawMall) -> pd.DataFrame:
    """Well-formed events, each once."""
    events = []
    for key in sorted(mall.clicks):
        for line in mall.clicks[key]:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event["event_id"], str) and event["event_type"] in TYPES:
                events.append({**event, "dt": key.split("/")[1][3:]})
    frame = pd.DataFrame(events)
    moments = pd.to_datetime(frame["event_time_ms"], unit="ms", utc=True).dt.tz_convert(
        "Asia/Tokyo"
    )
    frame["hour"] = moments.dt.hour
    frame["business_day"] = moments.dt.date
    frame = frame[frame["business_day"].astype(str) == frame["dt"]]
    return frame.sort_values("event_time_ms", kind="stable").drop_duplicates("event_id")


def clicks_by_hour(mall: RawMall) -> pd.DataFrame:
    events = clicks(mall)
    is_bot = events["user_agent"].str.lower().str.contains("|".join(BOTS))
    events = events[~is_bot]
    events["visitor"] = [
        ("customer", c) if not pd.isna(c) else ("session", s)
        for c, s in zip(events["customer_id"], events["session_id"], strict=True)
    ]
    return (
        events.groupby(["business_day", "hour"])
        .agg(
            clicks=("event_id", "size"),
            sessions=("session_id", "nunique"),
            visitors=("visitor", "nunique"),
        )
        .reset_index()
    )


def attribute_category_association(mall: RawMall, today: object) -> pd.DataFrame:
    sales = _sales(mall)
    bought = sales[(sales["quantity"] > 0) & sales["category_id"].notna()]
    pairs = bought[["customer_id", "category_id"]].drop_duplicates()
    customers = mall.tables["customers"].copy()
    bands = [band_of(age_on(birth, today)) for birth in customers["birth_date"]]
    customers["age_band"] = pd.Series(bands).where(lambda band: band != "unknown")
    answers = []
    for attribute in ("age_band", "gender", "prefecture"):
        described = pairs.merge(customers[["customer_id", attribute]].dropna(), on="customer_id")
        table = pd.crosstab(described[attribute], described["category_id"])
        found = stats.chi2_contingency(table, correction=False)
        answers.append(
            {
                "attribute": attribute,
                "chi_square": found.statistic,
                "dof": found.dof,
                "p_value": found.pvalue,
                "cramers_v": np.sqrt(
                    found.statistic / table.to_numpy().sum() / (min(table.shape) - 1)
                ),
                "n": len(described),
            }
        )
    return pd.DataFrame(answers)
