"""Whatever bytes have landed, every record becomes one line of text (E3)."""

from __future__ import annotations

import base64
import gzip
import io
import json
from pathlib import Path

import pytest

from data_assets.clickstream import lines
from data_assets.clickstream.lines import as_line, store_lines


def stored(tmp_path: Path, data: bytes) -> list[bytes]:
    target = tmp_path / "lines"
    count = store_lines(io.BytesIO(data), target)
    content = target.read_bytes()
    assert content.count(b"\n") == count
    assert content.endswith(b"\n") or not content
    content.decode()
    return content.split(b"\n")[:-1]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\n\n", []),
        (b'{"a":1}\n{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
        (b'{"a":1}\n{"b":2}', [b'{"a":1}', b'{"b":2}']),
        (b'{"a":1}\r\n\r\n{"b":2}\r\n', [b'{"a":1}', b'{"b":2}']),
        (b' \t \n{"a":1}\n \n', [b'{"a":1}']),
        (b'\n{"a":1}\n', [b'{"a":1}']),
        ('{"a":"あ"}\n'.encode(), ['{"a":"あ"}'.encode()]),
        (gzip.compress(b'{"a":1}\n{"b":2}\n', mtime=0), [b'{"a":1}', b'{"b":2}']),
    ],
)
def test_lines_stay_and_blank_ones_go(tmp_path: Path, data: bytes, expected: list[bytes]) -> None:
    assert stored(tmp_path, data) == expected


@pytest.mark.parametrize("bad", [b"\xff\xfe{}", b'{"a":"\x01"}', b"\x00", b'{"a":\r1}'])
def test_what_is_no_text_is_kept_as_base64_beside_good_lines(tmp_path: Path, bad: bytes) -> None:
    first, second, third = stored(tmp_path, b'{"a":1}\n' + bad + b'\n{"b":2}\n')
    assert (first, third) == (b'{"a":1}', b'{"b":2}')
    assert base64.b64decode(json.loads(second)) == bad


DEEP = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b",}"


@pytest.mark.parametrize(
    "bad",
    [b'{"a":1,}', b'{"a":1, }', b'{"a":[1,]}', b'{"a":1\t,\t}', pytest.param(DEEP, id="deep")],
)
def test_what_only_duckdb_takes_for_json_is_no_event(tmp_path: Path, bad: bytes) -> None:
    fine = b'{"a":",}","b":[1],"c":{ }}'
    first, second, third = stored(tmp_path, fine + b"\n" + bad + b"\n" + fine + b"\n")
    assert (first, third) == (fine, fine)
    assert json.loads(second) == bad.decode()


@pytest.mark.parametrize(
    ("escaped", "kept"),
    [
        (rb"\ud83d", rb"\ufffd"),
        (rb"\uDE00\ud83d", rb"\ufffd\ufffd"),
        (rb"\ud83d\ude00", rb"\ud83d\ude00"),
        (rb"\ud83d\ud83d\ude00", rb"\ufffd\ud83d\ude00"),
        (rb"\\ud83d", rb"\\ud83d"),
        (rb"\u3042\n\"", rb"\u3042\n\""),
    ],
)
def test_half_an_emoji_does_not_cost_its_event(tmp_path: Path, escaped: bytes, kept: bytes) -> None:
    assert stored(tmp_path, b'{"a":"' + escaped + b'"}\n') == [b'{"a":"' + kept + b'"}']


def test_a_line_without_end_takes_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE_BYTES", 4096)
    monkeypatch.setattr(lines, "_CHUNK_BYTES", 1024)
    endless, *rest = stored(tmp_path, b"x" * 50_000 + b'\n{"a":1}\n' + b"y" * 9_000)
    assert len(endless) < 10_000
    assert base64.b64decode(json.loads(endless)).startswith(b"xxx")
    assert rest[0] == b'{"a":1}'
    assert len(rest) == 2


def test_lines_that_cross_blocks_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_CHUNK_BYTES", 7)
    wanted = [b'{"n":%d}' % n for n in range(50)]
    assert stored(tmp_path, b"\n".join(wanted)) == wanted


def test_a_record_of_several_lines_is_no_line() -> None:
    assert isinstance(json.loads(as_line(b'{"a":1}\n{"b":2}')), str)
    assert as_line(b'{"a":1}\r\n') == b'{"a":1}\n'
