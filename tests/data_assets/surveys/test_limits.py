"""Files that are no survey, or would do harm: each is refused within bounds (Q2)."""

from __future__ import annotations

import io
import random
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_assets.surveys import archive, extent, sheets
from data_assets.surveys.parse import parse
from data_assets.surveys.rejection import Reason, RejectedSurveyError
from tests.data_assets.surveys.files import (
    CATEGORIES,
    HEADER,
    SHEET,
    delimited,
    respondent,
    respondents,
    with_part,
    with_shared_texts,
    xlsx,
)


def reason_of(data: bytes) -> Reason:
    with pytest.raises(RejectedSurveyError) as refused:
        parse(data, "2024Q2.xlsx", CATEGORIES)
    return refused.value.reason


TEXTS = "xl/sharedStrings.xml"
GOOD = with_shared_texts(xlsx([HEADER, *respondents(3)]))


def ole(*streams: str) -> bytes:
    return bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504) + "".join(streams).encode("utf-16-le")


def zipped(**parts: bytes) -> bytes:
    saved = io.BytesIO()
    with zipfile.ZipFile(saved, "w") as made:
        for name, content in parts.items():
            made.writestr(name.replace("__", "/"), content)
    return saved.getvalue()


def encrypted_zip() -> bytes:
    data = bytearray(GOOD)
    for signature, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        start = data.find(signature)
        while start >= 0:
            data[start + at] |= 1
            start = data.find(signature, start + 4)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.EMPTY),
        (b" \r\n\n", Reason.EMPTY),
        (delimited([HEADER]), Reason.EMPTY),
        (xlsx([HEADER]), Reason.EMPTY),
        (xlsx([]), Reason.MISSING_COLUMNS),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), Reason.NOT_A_SPREADSHEET),
        (random.Random(1).randbytes(5000), Reason.NOT_A_SPREADSHEET),
        (zipped(word__document=b"<w/>", **{"readme.txt": b"x"}), Reason.NOT_A_SPREADSHEET),
        (zipped(**{"xl/workbook.bin": b"x"}), Reason.OLD_FORMAT),
        (ole("Workbook"), Reason.OLD_FORMAT),
        (ole("EncryptionInfo", "EncryptedPackage"), Reason.PASSWORD_PROTECTED),
        (encrypted_zip(), Reason.PASSWORD_PROTECTED),
        (GOOD[: len(GOOD) // 2], Reason.DAMAGED),
        (b"PK\3\4", Reason.DAMAGED),
        (with_part(GOOD, SHEET, b"<worksheet><sheetData><row"), Reason.DAMAGED),
        (b"dear sir,\nplease find attached\n", Reason.MISSING_COLUMNS),
        (b'{"answers": [1, 2]}', Reason.MISSING_COLUMNS),
        (delimited([["a", "b"], [1, 2]]), Reason.MISSING_COLUMNS),
        (delimited([HEADER]) + b'"R1,unclosed\n', Reason.DAMAGED),
        (delimited([HEADER, *respondents(1)]) + b"," * 300, Reason.TOO_LARGE),
    ],
    ids=lambda value: value.value if isinstance(value, Reason) else "",
)
def test_what_is_no_survey_is_refused_with_its_reason(data: bytes, reason: Reason) -> None:
    assert reason_of(data) is reason


def test_a_file_that_is_too_large_is_refused_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sheets, "MAX_FILE_BYTES", 1000)
    assert reason_of(GOOD) is Reason.TOO_LARGE
    with pytest.raises(RejectedSurveyError):
        sheets.check_size(1001)


def test_a_part_that_inflates_beyond_the_limit_is_refused() -> None:
    bomb = with_part(GOOD, SHEET, bytes(archive.MAX_INFLATED_BYTES + 1))
    assert len(bomb) < 2 * 2**20
    started = time.monotonic()
    assert reason_of(bomb) is Reason.TOO_LARGE
    assert time.monotonic() - started < 30


def test_a_part_that_inflates_to_more_than_it_declares_is_refused() -> None:
    lying = bytearray(with_part(GOOD, SHEET, lambda xml: xml + b" " * 100_000))
    with zipfile.ZipFile(io.BytesIO(lying)) as opened:
        declared = struct.pack("<L", opened.getinfo(SHEET).file_size)
    lied = bytes(lying).replace(declared, struct.pack("<L", 1000))
    assert lied != bytes(lying)
    assert reason_of(lied) is Reason.DAMAGED


def test_a_part_whose_checksum_is_forged_is_refused() -> None:
    with zipfile.ZipFile(io.BytesIO(GOOD)) as opened:
        crc = struct.pack("<L", opened.getinfo(SHEET).CRC)
    assert reason_of(GOOD.replace(crc, struct.pack("<L", zlib.crc32(b"")))) is Reason.DAMAGED


def test_parts_of_the_same_name_are_refused() -> None:
    saved = io.BytesIO(GOOD)
    with pytest.warns(UserWarning), zipfile.ZipFile(saved, "a") as made:
        made.writestr(SHEET, b"<worksheet/>")
    assert reason_of(saved.getvalue()) is Reason.DAMAGED


def with_cell(cell: bytes) -> bytes:
    """The good workbook with one more row of XML at the end."""
    end = b"</sheetData>"
    return with_part(GOOD, SHEET, lambda xml: xml.replace(end, cell + end))


@pytest.mark.parametrize(
    "row",
    [
        b'<row r="1048576"><c r="A1048576"><v>1</v></c></row>',
        b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
        b"<row r='1048576'><c t='n' r='XFD1048576'><v>1</v></c></row>",
        b'<row r="1048576"><c><v>1</v></c></row>',
        b'<x:row xmlns:x="y" r="1048576"><x:c r="A1048576"><x:v>1</x:v></x:c></x:row>',
        b'<row r="999999999"><c r="A999999999"><v>1</v></c></row>',
    ],
)
def test_a_far_away_cell_does_not_make_the_reader_lay_out_everything_before_it(row: bytes) -> None:
    assert reason_of(with_cell(row)) is Reason.TOO_MANY_ROWS


@pytest.mark.parametrize(
    "row",
    [
        b'<row r="9"><c r="XFD9"><v>1</v></c></row>',
        b'<row r="200000"><c r="DZ200000"><v>1</v></c></row>',
    ],
)
def test_a_sheet_with_too_wide_an_extent_is_refused(row: bytes) -> None:
    assert reason_of(with_cell(row)) is Reason.TOO_LARGE


def test_formatted_cells_without_content_take_no_room() -> None:
    """People format whole columns; such cells reach to the last row."""
    data = with_cell(b'<row r="1048576"><c r="XFD1048576" s="0"/></row>')
    assert parse(data, "2024Q2.xlsx", CATEGORIES).rows == 3


def test_a_long_text_shared_by_many_cells_is_refused() -> None:
    """A shared text is copied into every cell that points to it."""
    rows = [
        ["回答ID", "年齢", "きっかけ", "自由記述"],
        *([n, 30, "雑誌", "共有"] for n in range(6000)),
    ]
    data = with_shared_texts(xlsx(rows))
    assert parse(data, "2024Q2", ()).rows == 6000
    long = ("あ" * 32_000).encode()
    bomb = with_part(data, "xl/sharedStrings.xml", lambda xml: xml.replace("共有".encode(), long))
    assert len(bomb) < 2**20
    assert reason_of(bomb) is Reason.TOO_LARGE


def test_a_document_type_is_refused() -> None:
    entity = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>'
    assert reason_of(with_part(GOOD, SHEET, lambda xml: entity + xml)) is Reason.DAMAGED


def pieces(part: str, size: int = 10_000) -> Iterator[bytes]:
    with zipfile.ZipFile(io.BytesIO(GOOD)) as opened:
        content = opened.read(part)
    for start in range(0, len(content), size):
        yield content[start : start + size]


def test_the_quick_measure_agrees_with_the_exact_one() -> None:
    longest = extent.longest_text(pieces(TEXTS))
    assert longest is not None
    quick = extent.quick_extent(pieces(SHEET), longest)
    exact = extent.exact_extent(pieces(SHEET), pieces(TEXTS))
    assert quick is not None
    assert (quick.rows, quick.columns) == (exact.rows, exact.columns) == (4, 12)
    assert quick.text_bytes >= exact.text_bytes > 0


@pytest.mark.parametrize("size", [1, 2, 7, 33, 64])
def test_the_measures_see_everything_wherever_a_part_is_cut(size: int) -> None:
    def cut(text: bytes) -> Iterator[bytes]:
        return (text[at : at + size] for at in range(0, len(text), size))

    assert extent.longest_text(pieces(TEXTS, size)) == extent.longest_text(pieces(TEXTS))
    assert extent.quick_extent(pieces(SHEET, size), 10) == extent.quick_extent(pieces(SHEET), 10)
    whole = extent.exact_extent(pieces(SHEET), pieces(TEXTS))
    assert extent.exact_extent(pieces(SHEET, size), pieces(TEXTS, size)) == whole
    assert extent.quick_extent(cut(b'<x><z:c r="A1"/></x>'), 10) is None
    assert extent.quick_extent(cut(b'<x><c r="A1"/><c s="1"/></x>'), 10) is None
    assert extent.quick_extent(cut(b'<x><c r="ABC999999'), 10) is None
    assert extent.quick_extent(cut(b"<x/>"), 10) == extent.Extent(0, 0, 0)
    assert extent.longest_text(cut(b"<sst><si>a</si><si>bcd</si></sst>")) == len(b">bcd</si></sst>")
    assert extent.longest_text(cut(b"<z:sst><z:si>a</z:si></z:sst>")) is None
    assert extent.longest_text(iter(())) == 0


def test_the_reader_gets_the_measured_parts_and_nothing_else() -> None:
    data = with_part(GOOD, "xl/media/picture.xml", b"<picture/>")
    checked = io.BytesIO(archive.checked_archive(data))
    with zipfile.ZipFile(checked) as packed, zipfile.ZipFile(io.BytesIO(GOOD)) as good:
        assert packed.testzip() is None
        names = {name for name in good.namelist() if not name.startswith(("docProps", "xl/theme"))}
        assert set(packed.namelist()) == names
        assert all(packed.read(name) == good.read(name) for name in names)


def test_bytes_behind_a_parts_end_are_refused() -> None:
    """Another reader might take them for more of the part."""
    with zipfile.ZipFile(io.BytesIO(GOOD)) as opened:
        size = opened.getinfo(SHEET).compress_size
    longer = GOOD.replace(struct.pack("<L", size), struct.pack("<L", size + 1))
    assert longer != GOOD
    assert reason_of(longer) is Reason.DAMAGED


@pytest.mark.parametrize("encode", ["xlsx", "csv"])
def test_two_hundred_thousand_rows_are_accepted_and_one_more_is_not(
    encode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the limit lowered, so that the test is quick."""
    from data_assets.surveys import parse as parsing

    for module in (extent, sheets, parsing):
        monkeypatch.setattr(module, "MAX_ROWS", 200)
    write: Callable[..., bytes] = xlsx if encode == "xlsx" else delimited
    assert parse(write([HEADER, *respondents(200)]), "2024Q2", CATEGORIES).rows == 200
    assert reason_of(write([HEADER, *respondents(201)])) is Reason.TOO_MANY_ROWS
    assert reason_of(write([HEADER, *respondents(500)])) is Reason.TOO_MANY_ROWS


def test_more_than_two_hundred_thousand_rows_are_refused_quickly() -> None:
    line = delimited([respondent(1)])
    started = time.monotonic()
    assert reason_of(delimited([HEADER]) + line * 200_031) is Reason.TOO_MANY_ROWS
    assert time.monotonic() - started < 30


@settings(max_examples=150, deadline=None)
@given(at=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255), cut=st.booleans())
def test_damage_anywhere_ends_in_a_survey_or_a_refusal(at: float, byte: int, cut: bool) -> None:
    data = bytearray(GOOD)
    where = int(at * len(data))
    data[where] = byte
    content = bytes(data[:where]) if cut else bytes(data)
    try:
        assert parse(content, "2024Q2.xlsx", CATEGORIES).rows == 3
    except RejectedSurveyError as refused:
        assert refused.reason in Reason


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_end_in_a_refusal(data: bytes) -> None:
    assert isinstance(reason_of(data), Reason)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.text(max_size=8), max_size=14), max_size=6))
def test_any_cells_below_a_header_end_in_a_survey_or_a_refusal(rows: list[list[Any]]) -> None:
    try:
        survey = parse(delimited([HEADER, *rows]), "2024Q2.csv", CATEGORIES)
    except RejectedSurveyError:
        return
    assert survey.responses.height + survey.bad_rows == survey.rows
