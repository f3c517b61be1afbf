"""The dashboard page: one HTML file that needs no network, of the marts' rows (V1)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_assets.dashboards import charts
from data_assets.dashboards.labels import (
    FIRST_LANGUAGE,
    LABELS,
    LANGUAGES,
    dictionary,
    resolved,
    text,
    token,
)
from data_assets.partitions import TOKYO
from data_assets.tables import ALL_QUARTERS

if TYPE_CHECKING:
    import pandas as pd

Marts = Mapping[str, "pd.DataFrame"]
"""The marts' rows by the table's name; a mart that isn't published yet is missing or empty."""

TABLE_ROWS = 120
_LIBRARIES = "window.vegaEmbed = vegaEmbed;"
_TEMPLATE = Path(__file__).parent / "page.html.j2"


@dataclass(frozen=True)
class Say:
    """A label with values filled in."""

    key: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    """Buttons that set a chart's parameter: values, with the first shown chosen."""

    label: str
    values: tuple[str, ...]
    chosen: str


@dataclass(frozen=True)
class Table:
    """What a chart shows as a table, for who can't see it."""

    columns: tuple[str, ...]
    rows: list[list[str]]
    total: int


@dataclass(frozen=True)
class Section:
    """One answer: `charts` are specifications; none if there is no data."""

    id: str
    charts: list[charts.Spec] = field(default_factory=list)
    insight: Say | None = None
    choice: Choice | None = None
    table: Table | None = None
    hides: bool = False

    @property
    def short(self) -> str:
        return f"{self.id}.short"

    @property
    def title(self) -> str:
        return f"{self.id}.title"

    @property
    def note(self) -> str:
        return f"{self.id}.note"


@dataclass(frozen=True)
class Figure:
    """A number at the top of the page."""

    label: str
    value: str


def render(marts: Marts, updated_at: datetime) -> str:
    """The page as HTML; `updated_at` is aware."""
    import jinja2

    sections = [build(marts) for build in _SECTIONS]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATE.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        text=lambda key, *values: text(key, FIRST_LANGUAGE, *values),
        resolved=lambda value: resolved(value, FIRST_LANGUAGE),
    )
    return environment.get_template(_TEMPLATE.name).render(
        language=FIRST_LANGUAGE,
        languages=LANGUAGES,
        labels=_in_script(dictionary()),
        sections=sections,
        specs=_in_script({section.id: section.charts for section in sections}),
        figures=_figures(marts),
        period=_period(marts),
        updated_at=f"{updated_at.astimezone(TOKYO):%Y-%m-%d %H:%M}",
        updated_iso=updated_at.isoformat(timespec="seconds"),
        vega=_vega(),
        table_rows=TABLE_ROWS,
    )


def _in_script(value: Any) -> Any:
    """JSON that can't end the script element it stands in."""
    from markupsafe import Markup

    compact = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        compact = compact.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(compact)  # noqa: S704  (no sign of HTML is left)


@cache
def _vega() -> Any:
    """The libraries that draw, as a script that can't end its element; bundling takes a second."""
    import altair as alt
    import vl_convert
    from markupsafe import Markup

    version = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    script = vl_convert.javascript_bundle(_LIBRARIES, vl_version=version)
    return Markup(script.replace("</script", "<\\/script"))  # noqa: S704  (a library's own code)


def _rows(marts: Marts, name: str) -> pd.DataFrame | None:
    """A mart's rows; None if there are none."""
    found = marts.get(name)
    return None if found is None or found.empty else found


def _most(rows: pd.DataFrame, column: str) -> Any:
    """The row with the largest value, as a named tuple."""
    ordered = rows[rows[column].notna()].sort_values(column, ascending=False)
    return next(ordered.itertuples(index=False))


def _channels(marts: Marts) -> Section:
    mart = _rows(marts, "channel_by_age_band")
    if mart is None:
        return Section("a1")
    quarters = sorted(set(mart["quarter"]) - {ALL_QUARTERS})
    shown = mart[(mart["quarter"] == ALL_QUARTERS) & ~mart["suppressed"]]
    insight = None
    if not shown.empty:
        best = _most(shown, "share")
        values = f"band.{best.age_band}", f"channel.{best.channel}"
        insight = Say("a1.insight", (*map(token, values), f"{best.share:.0%}"))
    table = mart.sort_values(["quarter", "age_band", "channel"], ascending=[False, True, True])
    return Section(
        "a1",
        [charts.channel_by_age_band(mart)],
        insight,
        Choice("axis.quarter", (ALL_QUARTERS, *quarters), ALL_QUARTERS),
        _table(
            table,
            {
                "axis.quarter": lambda r: _known("all") if r.quarter == "all" else r.quarter,
                "axis.band": lambda r: _known(f"band.{r.age_band}"),
                "axis.channel": lambda r: _known(f"channel.{r.channel}"),
                "axis.respondents": lambda r: _number(r.respondents, r.suppressed),
                "axis.base": lambda r: _number(r.base, True),
                "axis.share": lambda r: _percent(r.share, r.suppressed),
            },
        ),
        hides=bool(mart["suppressed"].any()),
    )


def _sales(marts: Marts) -> Section:
    mart = _rows(marts, "sales_by_category")
    if mart is None:
        return Section("a2")
    totals = charts.category_totals(mart)
    whole = totals["sales_yen"].sum()
    insight = None
    if whole > 0:
        share = totals["sales_yen"].iloc[0] / whole
        insight = Say("a2.insight", (totals["label"].iloc[0], f"{share:.0%}"))
    return Section(
        "a2",
        [charts.sales_by_day(mart), charts.sales_by_category(mart)],
        insight,
        table=_table(
            totals,
            {
                "axis.category": lambda r: r.label,
                "axis.sales": lambda r: _number(r.sales_yen),
                "axis.units": lambda r: _number(r.units),
                "axis.orders": lambda r: _number(r.orders),
                "axis.returns": lambda r: _number(r.returns),
            },
        ),
    )


def _bands(marts: Marts) -> Section:
    mart = _rows(marts, "sales_by_age_band_and_category")
    if mart is None:
        return Section("a3")
    months = sorted(set(mart["month"]))
    named = mart.assign(label=charts.category_labels(mart))
    newest = named[(named["month"] == months[-1]) & ~named["suppressed"]]
    insight = None
    if not newest.empty:
        best = _most(newest, "sales_yen")
        insight = Say("a3.insight", (best.label, token(f"band.{best.age_band}")))
    table = named.sort_values(["month", "label", "age_band"], ascending=[False, True, True])
    return Section(
        "a3",
        [charts.sales_by_age_band_and_category(mart)],
        insight,
        Choice("axis.month", tuple(months[-12:]), months[-1]),
        _table(
            table,
            {
                "axis.month": lambda r: r.month,
                "axis.category": lambda r: r.label,
                "axis.band": lambda r: _known(f"band.{r.age_band}"),
                "axis.sales": lambda r: _number(r.sales_yen, r.suppressed),
                "axis.units": lambda r: _number(r.units, r.suppressed),
                "axis.buyers": lambda r: _number(r.buyers, r.suppressed),
            },
        ),
        hides=bool(mart["suppressed"].any()),
    )


def _reviews(marts: Marts) -> Section:
    mart = _rows(marts, "category_sales_and_reviews")
    if mart is None or mart["mean_rating"].isna().all():
        return Section("a4")
    found = _rows(marts, "sales_review_correlation")
    insight = None
    if found is not None and found["coefficient"].notna().all():
        by_method = {row.method: row for row in found.itertuples()}
        pearson, spearman = by_method["pearson"], by_method["spearman"]
        figures = (
            figure
            for row in (pearson, spearman)
            for figure in (_decimal(row.coefficient, 2), _p_value(row.p_value))
        )
        insight = Say("a4.insight", (*figures, str(pearson.n)))
    labelled = mart.assign(label=charts.category_labels(mart))
    return Section(
        "a4",
        [charts.category_sales_and_reviews(mart)],
        insight,
        table=_table(
            labelled.sort_values("units", ascending=False),
            {
                "axis.category": lambda r: r.label,
                "axis.units": lambda r: _number(r.units),
                "axis.rate": lambda r: _percent(r.sales_rate),
                "axis.reviews": lambda r: _number(r.reviews),
                "axis.rating": lambda r: _decimal(r.mean_rating, 2),
                "axis.low": lambda r: _percent(r.low_rating_share),
            },
        ),
    )


def _clicks(marts: Marts) -> Section:
    mart = _rows(marts, "clicks_by_hour")
    if mart is None:
        return Section("a5")
    hours = charts.mean_visitors_by_hour(mart)
    busiest = _most(hours, "visitors")
    return Section(
        "a5",
        [charts.visitors_by_hour(mart), charts.visitors_by_weekday_and_hour(mart)],
        Say("a5.insight", (str(busiest.hour), f"{busiest.visitors:,.0f}")),
        table=_table(
            mart.sort_values(["business_day", "hour"], ascending=[False, True]),
            {
                "axis.day": lambda r: str(r.business_day),
                "axis.hour": lambda r: str(r.hour),
                "axis.visitors": lambda r: _number(r.visitors),
                "axis.sessions": lambda r: _number(r.sessions),
                "axis.clicks": lambda r: _number(r.clicks),
            },
        ),
    )


def _association(marts: Marts) -> Section:
    mart = _rows(marts, "attribute_category_association")
    if mart is None or mart["cramers_v"].isna().all():
        return Section("a6")
    best = _most(mart, "cramers_v")
    values = token(f"attribute.{best.attribute}"), _decimal(best.cramers_v, 3)
    return Section(
        "a6",
        [charts.attribute_category_association(mart)],
        Say("a6.insight", values),
        table=_table(
            mart,
            {
                "axis.attribute": lambda r: _known(f"attribute.{r.attribute}"),
                "axis.v": lambda r: _decimal(r.cramers_v, 3),
                "axis.chi": lambda r: _decimal(r.chi_square, 1),
                "axis.dof": lambda r: _number(r.dof),
                "axis.p": lambda r: _decimal(r.p_value, 4),
                "axis.n": lambda r: _number(r.n),
            },
        ),
    )


_SECTIONS: Sequence[Callable[[Marts], Section]] = (
    _channels,
    _sales,
    _bands,
    _reviews,
    _clicks,
    _association,
)


def _figures(marts: Marts) -> list[Figure]:
    """The numbers at the top, of the marts there are."""
    found = []
    if (sales := _rows(marts, "sales_by_category")) is not None:
        found.append(Figure("kpi.sales", f"¥{int(sales['sales_yen'].sum()):,}"))
        found.append(Figure("kpi.units", f"{int(sales['units'].sum()):,}"))
    if (clicks := _rows(marts, "clicks_by_hour")) is not None:
        found.append(
            Figure("kpi.visitors", f"{charts.mean_visitors_by_hour(clicks)['visitors'].sum():,.0f}")
        )
    if (channels := _rows(marts, "channel_by_age_band")) is not None:
        everyone = channels[channels["quarter"] == ALL_QUARTERS]
        bases = everyone.drop_duplicates("age_band")["base"].sum()
        found.append(Figure("kpi.respondents", f"{int(bases):,}"))
    if (reviews := _rows(marts, "category_sales_and_reviews")) is not None:
        rated = reviews[reviews["reviews"] > 0]
        if len(rated):
            mean = (rated["mean_rating"] * rated["reviews"]).sum() / rated["reviews"].sum()
            found.append(Figure("kpi.rating", f"★ {mean:.2f}"))
    return found


def _period(marts: Marts) -> tuple[str, str] | None:
    """First and last business day of the sales."""
    sales = _rows(marts, "sales_by_category")
    if sales is None:
        return None
    return str(min(sales["business_day"])), str(max(sales["business_day"]))


def _table(rows: pd.DataFrame, cells: Mapping[str, Callable[[Any], str]]) -> Table:
    shown = [[cell(row) for cell in cells.values()] for row in rows.head(TABLE_ROWS).itertuples()]
    return Table(tuple(cells), shown, len(rows))


def _known(label: str) -> str:
    """A label's token; the plain value for what the dictionary doesn't name."""
    return token(label) if label in LABELS else label.partition(".")[2]


def _number(value: Any, hidden: bool = False) -> str:
    return _formatted(value, "{:,.0f}", hidden)


def _percent(value: Any, hidden: bool = False) -> str:
    return _formatted(value, "{:.1%}", hidden)


def _decimal(value: Any, digits: int) -> str:
    return _formatted(value, f"{{:,.{digits}f}}", False)


def _p_value(value: Any) -> str:
    """A p-value as it is read, on one line: below a thousandth only that it is."""
    return "p\u00a0<\u00a00.001" if value < 0.001 else f"p\u00a0=\u00a0{_decimal(value, 3)}"


def _formatted(value: Any, pattern: str, hidden: bool) -> str:
    import pandas as pd

    if pd.isna(value):
        return token("hidden") if hidden else "–"
    return pattern.format(value)
