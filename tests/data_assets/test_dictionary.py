"""The data dictionary is what the declarations say."""

from __future__ import annotations

from data_assets.dictionary import PATH, dictionary
from data_assets.extracts.sources import EXTRACTS
from data_assets.tables import TABLES


def test_the_published_page_is_current() -> None:
    assert PATH.read_text("utf-8") == dictionary(), "run: python -m data_assets.dictionary"


def test_every_column_of_the_lake_and_of_the_shop_is_in_it() -> None:
    page = dictionary()
    for table in TABLES:
        part = page.partition(f"### `{table.name}`\n")[2].partition("\n#")[0]
        for column in (*table.columns, *table.partitioned_by):
            assert f"| `{column.name}` | {column.type} |" in part
    for extract in EXTRACTS:
        part = page.partition(f"### Source `{extract.table.name}`\n")[2].partition("\n#")[0]
        for source in extract.columns:
            assert f"| `{source.name}` | {source.type} | {source.use.says} |" in part
