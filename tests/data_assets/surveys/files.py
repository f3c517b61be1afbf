"""Survey files made in tests: valid ones by default, with the dirt that a test asks for."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from data_assets.surveys.columns import COLUMNS, HEADERS

CATEGORIES = ("トップス", "ボトムス", "シャツ", "シャツ/ブラウス", "バッグ、小物", "靴 & 靴下")
SHEET = "xl/worksheets/sheet1.xml"
HEADER = [HEADERS[column][0] for column in COLUMNS]

_VALID: dict[str, Any] = {
    "answered_on": "2024/05/01",
    "age": 34,
    "gender": "女性",
    "prefecture": "東京都",
    "channel": "Instagram",
    "channels_seen": "LINE、Instagram",
    "categories_bought": "トップス",
    "satisfaction": 4,
    "recommend": 8,
    "email": None,
    "comment": "また来ます",
}


def respondent(number: int, **over: Any) -> list[Any]:
    """One respondent's cells in the order of the columns."""
    row = {"respondent_id": f"R{number:05d}", **_VALID, **over}
    return [row[column] for column in COLUMNS]


def respondents(count: int, first: int = 1) -> list[list[Any]]:
    return [respondent(number) for number in range(first, first + count)]


def with_dirt(*dirty: list[Any]) -> list[list[Any]]:
    """A header, enough valid rows for the dirty ones to stay below the limit, and the dirty ones.

    The first dirty row is the sheet's row 2.
    """
    return [HEADER, *dirty, *respondents(10 * len(dirty) + 10, first=90_000)]


def xlsx(
    rows: Iterable[Sequence[Any]],
    *,
    merged: Sequence[str] = (),
    change: Callable[[Any], None] | None = None,
) -> bytes:
    """A workbook of one sheet; `change` gets the openpyxl worksheet before it is saved."""
    from openpyxl import Workbook

    workbook = Workbook()
    sheet = workbook.active
    for row in rows:
        sheet.append(list(row))
    for cells in sheet.iter_rows():
        for cell in cells:
            if cell.data_type == "f":
                cell.data_type = "s"
    for area in merged:
        sheet.merge_cells(area)
    if change:
        change(sheet)
    saved = io.BytesIO()
    workbook.save(saved)
    return saved.getvalue()


def delimited(
    rows: Iterable[Sequence[Any]], encoding: str = "utf-8", delimiter: str = ","
) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode(encoding)


def with_shared_texts(data: bytes, part: str = "xl/sharedStrings.xml") -> bytes:
    """A workbook of openpyxl's as Excel writes it: each text once, in a part of its own."""
    texts: dict[bytes, int] = {}

    def shared(match: re.Match[bytes]) -> bytes:
        index = texts.setdefault(match[2], len(texts))
        return b'<c r="%s" t="s"><v>%d</v></c>' % (match[1], index)

    inline = re.compile(
        rb'<c r="([A-Z]+\d+)" t="inlineStr"><is>(<t(?: [^>]*)?>.*?</t>)</is></c>', re.DOTALL
    )
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    added = {
        "[Content_Types].xml": f'<Override PartName="/{part}" ContentType="{kind}" /></Types>',
        "xl/_rels/workbook.xml.rels": (
            f'<Relationship Type="{relation}" Target="/{part}" Id="rId99" /></Relationships>'
        ),
    }
    saved = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(saved, "w", 8) as new:
        for entry in old.infolist():
            content = inline.sub(shared, old.read(entry))
            if ending := added.get(entry.filename):
                end = f"</{ending.rsplit('</', 1)[1]}".encode()
                content = content.replace(end, ending.encode())
            new.writestr(entry.filename, content)
        items = b"".join(b"<si>%s</si>" % text for text in texts)
        namespace = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        new.writestr(part, b'<sst xmlns="%s">%s</sst>' % (namespace, items))
    return saved.getvalue()


def with_part(data: bytes, name: str, change: bytes | Callable[[bytes], bytes]) -> bytes:
    """A workbook with one part replaced, changed or added."""
    saved = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(saved, "w", 8) as new:
        parts = {entry.filename: old.read(entry) for entry in old.infolist()}
        parts[name] = change(parts[name]) if callable(change) else change
        for part, content in parts.items():
            new.writestr(part, content)
    return saved.getvalue()
