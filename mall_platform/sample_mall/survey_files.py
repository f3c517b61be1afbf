"""Rows as the bytes of a spreadsheet file, the same bytes for the same rows.

The xlsx parts are written here: openpyxl takes 14 s for 50,000 rows of 12 columns, and stamps its
files with the time of day.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from string import ascii_uppercase
from xml.sax.saxutils import escape

Cell = str | int | datetime | None

_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001
_DATE_STYLE = 1
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"

_CONTENT_TYPES = f"""\
<Types xmlns="{_PACKAGE}/content-types">\
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>\
<Default Extension="xml" ContentType="application/xml"/>\
<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>\
<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/>\
<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>\
<Override PartName="/xl/sharedStrings.xml" ContentType="{_TYPE}.sharedStrings+xml"/>\
</Types>"""
_ROOT = f"""\
<Relationships xmlns="{_PACKAGE}/relationships">\
<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>\
</Relationships>"""
_WORKBOOK = f"""\
<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">\
<sheets><sheet name="回答一覧" sheetId="1" r:id="rId1"/></sheets></workbook>"""
_WORKBOOK_PARTS = f"""\
<Relationships xmlns="{_PACKAGE}/relationships">\
<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>\
<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/>\
<Relationship Id="rId3" Type="{_OFFICE}/sharedStrings" Target="sharedStrings.xml"/>\
</Relationships>"""
_STYLES = f"""\
<styleSheet xmlns="{_MAIN}">\
<numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy/mm/dd\\ hh:mm"/></numFmts>\
<fonts count="1"><font><sz val="11"/><name val="游ゴシック"/></font></fonts>\
<fills count="2"><fill><patternFill patternType="none"/></fill>\
<fill><patternFill patternType="gray125"/></fill></fills>\
<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>\
<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>\
<cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>\
<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>\
<cellStyles count="1"><cellStyle name="標準" xfId="0" builtinId="0"/></cellStyles></styleSheet>"""


def as_csv(rows: Iterable[Sequence[Cell]], *, encoding: str, newline: str) -> bytes:
    """Comma-separated values, quoted where needed."""
    text = io.StringIO()
    csv.writer(text, lineterminator=newline).writerows(rows)
    return text.getvalue().encode(encoding)


def as_workbook(headers: Sequence[Sequence[str | None]], rows: Iterable[Sequence[Cell]]) -> bytes:
    """An xlsx file with one sheet of at most 26 columns and one or two header rows.

    With two, a None in the upper row is merged with the cell on its left, a None in the lower one
    with the cell above. Text is text, also where it starts with `=`; times are Excel's dates.
    """
    shared: dict[str, int] = {}
    sheet = "".join(_row(n, row, shared) for n, row in enumerate([*headers, *rows], start=1))
    merged = list(_merged(*headers)) if len(headers) == 2 else []
    merges = "".join(f'<mergeCell ref="{reference}"/>' for reference in merged)
    if merges:
        merges = f'<mergeCells count="{len(merged)}">{merges}</mergeCells>'
    texts = "".join(f'<si><t xml:space="preserve">{escape(text)}</t></si>' for text in shared)
    return _zipped(
        {
            "[Content_Types].xml": _CONTENT_TYPES,
            "_rels/.rels": _ROOT,
            "xl/workbook.xml": _WORKBOOK,
            "xl/_rels/workbook.xml.rels": _WORKBOOK_PARTS,
            "xl/styles.xml": _STYLES,
            "xl/sharedStrings.xml": f'<sst xmlns="{_MAIN}">{texts}</sst>',
            "xl/worksheets/sheet1.xml": (
                f'<worksheet xmlns="{_MAIN}"><sheetData>{sheet}</sheetData>{merges}</worksheet>'
            ),
        }
    )


def _row(number: int, cells: Sequence[Cell], shared: dict[str, int]) -> str:
    """A row's XML; its texts join the workbook's shared ones."""
    parts = [f'<row r="{number}">']
    for column, value in zip(ascii_uppercase, cells, strict=False):
        if isinstance(value, str):
            index = shared.setdefault(value, len(shared))
            parts.append(f'<c r="{column}{number}" t="s"><v>{index}</v></c>')
        elif isinstance(value, datetime):
            days = (value - _EPOCH).total_seconds() / 86_400
            parts.append(f'<c r="{column}{number}" s="{_DATE_STYLE}"><v>{days!r}</v></c>')
        elif value is not None:
            parts.append(f'<c r="{column}{number}"><v>{value}</v></c>')
    parts.append("</row>")
    return "".join(parts)


def _merged(upper: Sequence[str | None], lower: Sequence[str | None]) -> Iterator[str]:
    """The ranges of the two header rows that are one cell each."""
    begins = [column for column, text in enumerate(upper) if text is not None]
    for begin, following in zip(begins, [*begins[1:], len(upper)], strict=True):
        last, depth = following - 1, 1 + (lower[begin] is None)
        if last > begin or depth == 2:
            yield f"{ascii_uppercase[begin]}1:{ascii_uppercase[last]}{depth}"


def _zipped(parts: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in parts.items():
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, _XML + text, compresslevel=6)
    return content.getvalue()
