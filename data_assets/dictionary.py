"""The data dictionary, written from the declarations: `python -m data_assets.dictionary`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from data_assets.extracts.sources import EXTRACTS
from data_assets.tables import TABLES
from resources.settings import PROJECT_ROOT
from resources.tables import Column, Table

PATH = PROJECT_ROOT / "docs" / "data-dictionary.md"

_HEADER = """# Data dictionary

Generated from `data_assets/tables.py` and `data_assets/extracts/sources.py` by
`.venv/bin/python -m data_assets.dictionary`; don't edit it by hand. Timestamps are UTC with
milliseconds. Business days are days in Asia/Tokyo.
"""


def dictionary() -> str:
    """The whole page, as Markdown."""
    parts = [_HEADER, "## Tables of the lake\n"]
    parts += [_table(table) for table in TABLES]
    parts += [
        "## Where the shop's columns go\n",
        "Every column of the shop's database, and what becomes of it. A column that isn't listed "
        "here fails the extract.\n",
    ]
    for extract in EXTRACTS:
        rows = ((f"`{c.name}`", c.type, c.use.says) for c in extract.columns)
        parts.append(f"### Source `{extract.table.name}`\n")
        parts.append(_markdown(("column", "type", "in the lake"), rows))
    return "\n".join(parts)


def _table(table: Table) -> str:
    lines = [f"### `{table.name}`\n", f"{table.description}\n"]
    facts = []
    if table.partitioned_by:
        facts.append(f"Partitioned by `{table.partitioned_by[0].name}`.")
    if table.key:
        keys = ", ".join(f"`{name}`" for name in table.key)
        facts.append(f"Unique{' within a partition' * bool(table.partitioned_by)}: {keys}.")
    if facts:
        lines.append(" ".join(facts) + "\n")
    columns = (*table.columns, *table.partitioned_by)
    lines.append(
        _markdown(
            ("column", "type", "NULL", "meaning", "values"),
            (
                (f"`{c.name}`", c.type, "yes" if c.nullable else "", c.description, _values(c))
                for c in columns
            ),
        )
    )
    return "\n".join(lines)


def _values(column: Column) -> str:
    if column.allowed is not None:
        return ", ".join(column.allowed)
    low = "" if column.minimum is None else f"≥ {column.minimum:g}"
    high = "" if column.maximum is None else f"≤ {column.maximum:g}"
    return ", ".join(filter(None, (low, high)))


def _markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def lines() -> Iterator[str]:
        yield f"| {' | '.join(header)} |"
        yield f"| {' | '.join('---' for _ in header)} |"
        for row in rows:
            yield f"| {' | '.join(row)} |"

    return "\n".join(lines()) + "\n"


if __name__ == "__main__":
    PATH.write_text(dictionary(), encoding="utf-8")
