"""The dashboard's charts: a mart's rows in, a Vega-Lite specification out (V1).

Words are tokens of `labels`, replaced on the page by the reader's language. A chart has one
parameter at most, `chosen`, which the page sets by its buttons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from data_assets.dashboards.labels import token
from data_assets.tables import AGE_BANDS, CHANNELS

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

INK, SOFT, ACCENT, HIDDEN, GRID = "#1d2433", "#5a6376", "#e2583e", "#d9dce3", "#e8eaf0"
SEQUENCE = ["#f3f6fb", "#c9dcf0", "#8fb8de", "#4d86bd", "#24568f", "#12305c"]
TOP_CATEGORIES = 12

Spec = dict[str, Any]


def channel_by_age_band(mart: pd.DataFrame) -> Spec:
    """Shares by age band and channel as a heat map; the quarter is chosen (A1)."""
    import altair as alt
    import pandas as pd

    rows = mart.assign(
        band=[token(f"band.{band}") for band in mart["age_band"]],
        by=[token(f"channel.{channel}") for channel in mart["channel"]],
        percent=(mart["share"] * 100).round(4),
        interval=pd.Series(_intervals(mart), index=mart.index, dtype=object),
    )
    columns = ["quarter", "band", "by", "percent", "respondents", "base", "suppressed", "interval"]
    named = set(mart["channel"])
    channels = [token(f"channel.{name}") for name in CHANNELS if name in named]
    chosen = alt.param("chosen", value="all")
    base = (
        alt.Chart(_data(rows[columns]))
        .transform_filter(alt.datum.quarter == chosen)
        .encode(x=_band_axis(), y=_named_rows("by:N", channels))
    )
    tooltip = [
        alt.Tooltip("band:N", title=token("axis.band")),
        alt.Tooltip("by:N", title=token("axis.channel")),
        alt.Tooltip("percent:Q", title=token("axis.share"), format=".1f"),
        alt.Tooltip("interval:N", title=token("axis.interval")),
        alt.Tooltip("respondents:Q", title=token("axis.respondents")),
        alt.Tooltip("base:Q", title=token("axis.base")),
    ]
    colour = alt.Color("percent:Q", title=None, scale=alt.Scale(range=SEQUENCE), legend=None)
    chart = _heat(base, colour, "percent", ".0f", tooltip)
    return _spec(chart.add_params(chosen), height=30 * len(channels))


def sales_by_day(mart: pd.DataFrame) -> Spec:
    """Sales of a day with their 7-day mean (A2)."""
    import altair as alt

    days = mart.groupby("business_day")["sales_yen"].sum().sort_index().reset_index()
    days["mean"] = days["sales_yen"].rolling(7).mean()
    days["said_mean"] = [f"{mean:,.0f}" if mean == mean else "–" for mean in days["mean"]]
    days["day"] = [day.isoformat() for day in days["business_day"]]
    date = "hours(datum.value) ? '' : timeFormat(datum.value, '%m/%d')"
    axis = alt.Axis(labelExpr=date, labelOverlap=True, labelSeparation=6, grid=False)
    base = alt.Chart(_data(days[["day", "sales_yen", "mean", "said_mean"]])).encode(
        x=alt.X("yearmonthdate(day):T", title=None, axis=axis)
    )
    bars = base.mark_bar(color=SEQUENCE[2], cornerRadiusEnd=2, width={"band": 0.8}).encode(
        y=alt.Y("sales_yen:Q", title=None, axis=_yen_axis()),
        tooltip=[
            alt.Tooltip("day:T", title=token("axis.day"), format="%Y-%m-%d"),
            alt.Tooltip("sales_yen:Q", title=token("axis.sales"), format=","),
            alt.Tooltip("said_mean:N", title=token("axis.mean")),
        ],
    )
    line = base.mark_line(color=ACCENT, strokeWidth=2.5).encode(y="mean:Q")
    return _spec(bars + line if days["mean"].notna().any() else bars, height=220)


def sales_by_category(mart: pd.DataFrame) -> Spec:
    """The best-selling categories of the whole period (A2)."""
    import altair as alt

    totals = category_totals(mart).head(TOP_CATEGORIES)
    bars = alt.Chart(_data(totals)).encode(
        y=_named_rows("label:N", totals["label"].tolist()),
        x=alt.X("sales_yen:Q", title=None, axis=_yen_axis()),
        tooltip=[
            alt.Tooltip("label:N", title=token("axis.category")),
            alt.Tooltip("sales_yen:Q", title=token("axis.sales"), format=","),
            alt.Tooltip("units:Q", title=token("axis.units"), format=","),
            alt.Tooltip("returns:Q", title=token("axis.returns"), format=","),
        ],
    )
    return _spec(bars.mark_bar(color=SEQUENCE[3], cornerRadiusEnd=3), height=26 * len(totals))


def sales_by_age_band_and_category(mart: pd.DataFrame) -> Spec:
    """Sales of the chosen month by age band and category as a heat map (A3)."""
    import altair as alt

    named = mart.assign(label=category_labels(mart))
    order = named.groupby("label")["sales_yen"].sum().sort_values(ascending=False)
    top = order.head(TOP_CATEGORIES).index.tolist()
    rows = named[named["label"].isin(top)]
    rows = rows.assign(band=[token(f"band.{band}") for band in rows["age_band"]])
    columns = ["month", "band", "label", "sales_yen", "units", "buyers", "suppressed"]
    chosen = alt.param("chosen", value=max(mart["month"]))
    base = (
        alt.Chart(_data(rows[columns]))
        .transform_filter(alt.datum.month == chosen)
        .encode(x=_band_axis(), y=_named_rows("label:N", top))
    )
    tooltip = [
        alt.Tooltip("band:N", title=token("axis.band")),
        alt.Tooltip("label:N", title=token("axis.category")),
        alt.Tooltip("sales_yen:Q", title=token("axis.sales"), format=","),
        alt.Tooltip("units:Q", title=token("axis.units"), format=","),
        alt.Tooltip("buyers:Q", title=token("axis.buyers"), format=","),
    ]
    colour = alt.Color("sales_yen:Q", title=None, scale=alt.Scale(range=SEQUENCE), legend=None)
    chart = _heat(base, colour, "sales_yen", ".2~s", tooltip)
    return _spec(chart.add_params(chosen), height=30 * len(top))


def category_sales_and_reviews(mart: pd.DataFrame) -> Spec:
    """A category's mean rating and its share of units sold (A4).

    A name is written where there is room for it, that of the best-selling first.
    """
    import altair as alt

    rows = mart[mart["mean_rating"].notna() & mart["sales_rate"].notna()]
    rows = rows.assign(label=category_labels(rows))
    columns = ["label", "mean_rating", "sales_rate", "reviews", "low_rating_share", "units"]
    dots = alt.Chart(_data(rows[columns])).encode(
        x=alt.X(
            "mean_rating:Q",
            title=token("axis.rating"),
            axis=alt.Axis(tickCount=6),
            scale=alt.Scale(zero=False, padding=16),
        ),
        y=alt.Y(
            "sales_rate:Q",
            title=token("axis.rate"),
            axis=alt.Axis(format="%", tickCount=5),
            scale=alt.Scale(padding=16),
        ),
        opacity=alt.condition(alt.datum.reviews >= 5, alt.value(0.8), alt.value(0.25)),
        size=alt.Size("reviews:Q", legend=None, scale=alt.Scale(range=[40, 600])),
        tooltip=[
            alt.Tooltip("label:N", title=token("axis.category")),
            alt.Tooltip("mean_rating:Q", title=token("axis.rating"), format=".2f"),
            alt.Tooltip("sales_rate:Q", title=token("axis.rate"), format=".1%"),
            alt.Tooltip("reviews:Q", title=token("axis.reviews"), format=","),
            alt.Tooltip("low_rating_share:Q", title=token("axis.low"), format=".1%"),
        ],
    )
    spec = _spec(dots.mark_circle(color=SEQUENCE[3], stroke="white"), height=340)
    names = {"op": "add", "path": "/marks/-", "value": _names_of_dots()}
    return {**spec, "usermeta": {"embedOptions": {"patch": [names]}}}


def visitors_by_hour(mart: pd.DataFrame) -> Spec:
    """Mean visitors of a day by hour (A5)."""
    import altair as alt

    hours = mean_visitors_by_hour(mart)
    chart = alt.Chart(_data(hours)).encode(
        x=alt.X("hour:O", title=token("axis.hour"), axis=alt.Axis(labelAngle=0, labelOverlap=True)),
        y=alt.Y("visitors:Q", title=None, axis=alt.Axis(tickCount=4)),
        color=alt.condition(
            alt.datum.visitors == float(hours["visitors"].max() if len(hours) else 0),
            alt.value(ACCENT),
            alt.value(SEQUENCE[3]),
        ),
        tooltip=[
            alt.Tooltip("hour:O", title=token("axis.hour")),
            alt.Tooltip("visitors:Q", title=token("axis.visitors"), format=",.1f"),
        ],
    )
    return _spec(chart.mark_bar(cornerRadiusEnd=3), height=200)


def visitors_by_weekday_and_hour(mart: pd.DataFrame) -> Spec:
    """Mean visitors by weekday and hour as a heat map (A5)."""
    import altair as alt

    rows = _by_weekday_and_hour(mart)
    weekdays = [token(f"weekday.{day}") for day in range(7)]
    chart = alt.Chart(_data(rows)).encode(
        x=alt.X("hour:O", title=None, axis=alt.Axis(labelAngle=0, labelOverlap=True)),
        y=_named_rows("weekday:N", weekdays),
        color=alt.Color("visitors:Q", legend=None, scale=alt.Scale(range=SEQUENCE)),
        tooltip=[
            alt.Tooltip("weekday:N", title=token("axis.weekday")),
            alt.Tooltip("hour:O", title=token("axis.hour")),
            alt.Tooltip("visitors:Q", title=token("axis.visitors"), format=",.1f"),
        ],
    )
    return _spec(chart.mark_rect(cornerRadius=2, stroke="white"), height=26 * len(weekdays))


def attribute_category_association(mart: pd.DataFrame) -> Spec:
    """Cramér's V by attribute (A6)."""
    import altair as alt

    rows = mart[mart["cramers_v"].notna()].sort_values("cramers_v", ascending=False)
    rows = rows.assign(label=[token(f"attribute.{name}") for name in rows["attribute"]])
    base = alt.Chart(_data(rows)).encode(
        y=_named_rows("label:N", rows["label"].tolist()),
        x=alt.X(
            "cramers_v:Q",
            title=token("axis.v"),
            scale=alt.Scale(domainMin=0),
            axis=alt.Axis(tickCount=5),
        ),
        tooltip=[
            alt.Tooltip("label:N", title=token("axis.attribute")),
            alt.Tooltip("cramers_v:Q", title=token("axis.v"), format=".3f"),
            alt.Tooltip("chi_square:Q", title=token("axis.chi"), format=",.1f"),
            alt.Tooltip("dof:Q", title=token("axis.dof")),
            alt.Tooltip("p_value:Q", title=token("axis.p"), format=".2~g"),
            alt.Tooltip("n:Q", title=token("axis.n"), format=","),
        ],
    )
    bars = base.mark_bar(color=SEQUENCE[3], cornerRadiusEnd=3, size=22)
    values = base.mark_text(align="left", dx=6, color=INK, fontWeight=600)
    return _spec(
        bars + values.encode(text=alt.Text("cramers_v:Q", format=".3f")), height=50 * len(rows)
    )


def category_labels(mart: pd.DataFrame) -> list[str]:
    """Names of categories; those of the same name are told apart by their key."""
    named = mart[["category_id", "category"]].drop_duplicates()
    repeated = set(named["category"][named["category"].duplicated()])
    return [
        token("unknown") if _missing(key) else f"{name} #{key:.0f}" if name in repeated else name
        for key, name in zip(mart["category_id"], mart["category"], strict=True)
    ]


def category_totals(mart: pd.DataFrame) -> pd.DataFrame:
    """Figures of the whole period by category label, the best-selling first."""
    named = mart.assign(label=category_labels(mart))
    figures = ["units", "sales_yen", "orders", "returns"]
    totals = named.groupby("label", as_index=False)[figures].sum()
    return totals.sort_values("sales_yen", ascending=False, ignore_index=True)


def mean_visitors_by_hour(mart: pd.DataFrame) -> pd.DataFrame:
    """Visitors of each hour, on average over all days of the mart."""
    days = max(mart["business_day"].nunique(), 1)
    hours = mart.groupby("hour")["visitors"].sum().reindex(range(24), fill_value=0) / days
    return hours.round(1).rename("visitors").rename_axis("hour").reset_index()


def _by_weekday_and_hour(mart: pd.DataFrame) -> pd.DataFrame:
    weekdays = [day.weekday() for day in mart["business_day"]]
    rows = mart.assign(day_of_week=weekdays)
    days = rows.groupby("day_of_week")["business_day"].nunique()
    means = rows.groupby(["day_of_week", "hour"])["visitors"].sum().reset_index()
    means["visitors"] = (means["visitors"] / means["day_of_week"].map(days)).round(1)
    means["weekday"] = [token(f"weekday.{day}") for day in means["day_of_week"]]
    return means[["weekday", "hour", "visitors"]]


def _intervals(mart: pd.DataFrame) -> list[str | None]:
    ends = zip(mart["share_low"], mart["share_high"], strict=True)
    return [None if _missing(a) else f"{a * 100:.1f} – {b * 100:.1f} %" for a, b in ends]


def _missing(value: Any) -> bool:
    import pandas as pd

    return bool(pd.isna(value))


def _data(rows: pd.DataFrame) -> alt.InlineData:
    """Rows inside the specification, as plain JSON values."""
    import json

    import altair as alt

    return alt.InlineData(values=json.loads(rows.to_json(orient="records", date_format="iso")))


def _named_rows(field: str, names: list[str]) -> alt.Y:
    """One row per name, in that order; long names are cut at a part of the chart's width."""
    import altair as alt

    cut = alt.ExprRef("isFinite(containerSize()[0]) ? max(112, containerSize()[0] / 4) : 112")
    return alt.Y(field, title=None, scale=alt.Scale(domain=names), axis=alt.Axis(labelLimit=cut))


def _yen_axis() -> alt.Axis:
    import altair as alt

    return alt.Axis(tickCount=4, labelExpr=_short("datum.value", "~s"))


def _short(number: str, number_format: str) -> str:
    """An expression's figure in few characters: of billions that they are (SI says G)."""
    return f"replace(format({number}, '{number_format}'), 'G', 'B')"


def _names_of_dots() -> Spec:
    """A mark of Vega that names dots without hiding another name or a dot.

    Vega-Lite has no such placement: Vega's `label` drops the names it finds no room for, and the
    page adds the mark to the compiled chart.
    """
    anchors = ["top", "bottom", "right", "left", "top-right", "top-left"]
    return {
        "type": "text",
        "style": ["text"],
        "from": {"data": "marks"},
        "interactive": False,
        "encode": {
            "enter": {
                "text": {"field": "datum.label"},
                "fill": {"value": INK},
                "fontSize": {"value": 11},
                "limit": {"value": 110},
            }
        },
        "transform": [
            {
                "type": "label",
                "size": {"signal": "[width, height]"},
                "anchor": anchors,
                "offset": [3] * len(anchors),
                "sort": {"field": "datum.datum.sales_rate", "order": "descending"},
            }
        ],
    }


def _band_axis() -> alt.X:
    import altair as alt

    return alt.X(
        "band:N",
        title=None,
        sort=[token(f"band.{band}") for band in AGE_BANDS],
        axis=alt.Axis(
            orient="top",
            labelAngle=0,
            labelLimit=44,
            labelFontSize=_cell_font(),
        ),
    )


def _cell_font() -> alt.ExprRef:
    """A size at which four characters fit into a cell, also on a phone."""
    import altair as alt

    return alt.ExprRef("min(11, bandwidth('x') / 3.1)")


def _heat(
    base: alt.Chart,
    colour: alt.Color,
    figure: str,
    number_format: str,
    tooltip: list[alt.Tooltip],
) -> alt.LayerChart | alt.FacetChart:
    """Coloured cells with their figures; hidden cells are grey and say so by a dash.

    Figures are white on the colours where they read better than dark ones, and small in narrow
    cells.
    """
    import altair as alt

    is_dark = f"datum.{figure} > lerp([datum.lowest, datum.highest], 0.6)"
    shown, hidden = alt.datum.suppressed == False, alt.datum.suppressed == True  # noqa: E712
    cells = base.transform_filter(shown).mark_rect(cornerRadius=3, stroke="white", strokeWidth=2)
    grey = base.transform_filter(hidden).mark_rect(
        cornerRadius=3, stroke="white", strokeWidth=2, color=HIDDEN
    )
    figures = (
        base.transform_filter(shown)
        .transform_joinaggregate(lowest=f"min({figure})", highest=f"max({figure})")
        .transform_calculate(figure=_short(f"datum.{figure}", number_format))
        .mark_text(fontSize=_cell_font())
        .encode(
            text="figure:N",
            color=alt.condition(is_dark, alt.value("white"), alt.value(INK)),
        )
    )
    dashes = base.transform_filter(hidden).mark_text(fontSize=11, color=SOFT, text="–")
    of_hidden = [*tooltip[:2], alt.Tooltip("mark:N", title=token("axis.share"))]
    return alt.layer(
        cells.encode(color=colour, tooltip=tooltip),
        grey.transform_calculate(mark=f"'{token('hidden')}'").encode(tooltip=of_hidden),
        figures,
        dashes,
    )


def _spec(chart: alt.Chart | alt.LayerChart | alt.FacetChart, height: Any) -> Spec:
    import altair as alt

    specification: Spec = (
        chart.properties(
            width="container",
            height=height,
            background="transparent",
            autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        )
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=SOFT,
            titleColor=SOFT,
            titleFontWeight="normal",
            gridColor=GRID,
            domain=False,
            ticks=False,
            labelPadding=6,
            labelFontSize=11,
        )
        .to_dict(validate=False)
    )
    return specification
