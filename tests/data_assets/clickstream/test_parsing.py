"""Each landed record is judged by the contract's definition of malformed (E3)."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_assets.clickstream.lines import store_lines
from data_assets.clickstream.parsing import Judgement, LostRecordsError, Parser

DAY = date(2024, 6, 1)
NOON = int(datetime(2024, 6, 1, 3, tzinfo=UTC).timestamp() * 1000)
LATER = datetime(2024, 6, 5, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "event_id": "e-1",
    "event_time_ms": NOON,
    "session_id": "s",
    "customer_id": 5,
    "event_type": "search",
    "page": "/x?q",
    "product_id": None,
    "referrer": "https://a.jp/",
    "user_agent": "x",
    "ip": "203.0.113.1",
}


def parsed(tmp_path: Path, *records: bytes, now: datetime = LATER) -> pl.DataFrame:
    files = []
    for number, record in enumerate(records):
        files.append(tmp_path / f"{number}.json")
        store_lines(io.BytesIO(record), files[-1])
    with Parser() as parser:
        return parser.rows(files, Judgement(DAY, now)).sort("row")


def line(**changes: Any) -> bytes:
    event = {**GOOD, **changes}
    return json.dumps({k: v for k, v in event.items() if v is not ...}, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (line(), None),
        (line(extra={"a": [1]}), None),
        (
            line(customer_id=..., page=..., product_id=..., referrer=..., user_agent=..., ip=...),
            None,
        ),
        (line(event_id="12"), None),
        (line(event_id="true"), None),
        (line(event_id="{x"), None),
        (line(event_id='日本 "q" \\ \u0000'), None),
        (line(event_time_ms=NOON + 43_199_999), None),
        (b"[1]", "not_an_object"),
        (b'"x"', "not_an_object"),
        (b"null", "not_an_object"),
        (b"12", "not_an_object"),
        (b"nonsense", "not_an_object"),
        (b"{", "not_an_object"),
        (line() + b"}", "not_an_object"),
        (line() + line(), "not_an_object"),
        (line()[:-1] + b',"a":"\\ud800"}', None),
        (line()[:-1] + b",}", "not_an_object"),
        (b"\xff\xfe", "not_an_object"),
        (b"{}", "event_id"),
        (line(event_id=12), "event_id"),
        (line(event_id=True), "event_id"),
        (line(event_id=None), "event_id"),
        (line(event_id={"a": "b"}), "event_id"),
        (line(event_id=["b"]), "event_id"),
        (line(event_id=float("nan")), "event_id"),
        (line(event_time_ms=...), "event_time_ms"),
        (line(event_time_ms=None), "event_time_ms"),
        (line(event_time_ms=str(NOON)), "event_time_ms"),
        (line(event_time_ms=NOON + 0.5), "event_time_ms"),
        (line(event_time_ms=float(NOON)), "event_time_ms"),
        (line(event_time_ms=True), "event_time_ms"),
        (line(event_time_ms=10**25), "event_time_ms"),
        (line(session_id=3), "session_id"),
        (line(session_id=...), "session_id"),
        (line(event_type=1), "event_type"),
        (line(event_type=...), "event_type"),
        (line(event_type="buy"), "unknown_event_type"),
        (line(event_type="Search"), "unknown_event_type"),
        (line(event_time_ms=NOON + 43_200_000), "another_day"),
        (line(event_time_ms=NOON - 43_200_001), "another_day"),
        (line(event_time_ms=-5), "another_day"),
    ],
)
def test_reasons(tmp_path: Path, record: bytes, reason: str | None) -> None:
    rows = parsed(tmp_path, record + b"\n", line(event_id="after"))
    assert rows["reason"].to_list() == [reason, None]
    assert rows["event_id"][1] == "after"


_VALUES = st.one_of(
    st.sampled_from(
        ["12", "-1.5e3", "true", "false", "null", "NaN", "inf", "[1]", "{x", "1-2", ""]
    ),
    st.text(max_size=5),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=1), st.text(max_size=2), max_size=1),
)
_FIELDS = sorted(GOOD.keys() - {"ip"})


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=st.lists(st.dictionaries(st.sampled_from(_FIELDS), _VALUES, max_size=2), min_size=1))
def test_the_quick_reading_of_lines_is_the_strict_one(
    tmp_path: Path, changes: list[dict[str, Any]]
) -> None:
    lines = [line(**each) for each in changes]
    quick = parsed(tmp_path, b"\n".join(lines))
    texts = pl.DataFrame({"line": [each.decode() for each in lines]})
    with Parser() as parser:
        strict = parser.strictly(texts, Judgement(DAY, LATER))
    compared = [*_FIELDS, "reason"]
    assert quick.select(compared).rows() == strict.select(compared).rows()


def test_a_time_may_be_ten_minutes_ahead_and_no_more(tmp_path: Path) -> None:
    now = datetime.fromtimestamp(NOON / 1000, UTC)
    ahead = 10 * 60 * 1000
    rows = parsed(
        tmp_path,
        line(event_time_ms=NOON + ahead),
        line(event_time_ms=NOON + ahead + 1),
        now=now,
    )
    assert rows["reason"].to_list() == [None, "in_the_future"]


def test_optional_fields_of_another_type_are_null(tmp_path: Path) -> None:
    wrong = line(customer_id="7", product_id=1.5, page=["/x"], referrer=4, user_agent={"a": 1})
    rows = parsed(tmp_path, wrong)
    optional = ["customer_id", "product_id", "page", "referrer", "user_agent"]
    assert rows.select(optional).row(0) == (None,) * 5
    assert rows["reason"][0] is None


def test_rows_keep_the_order_of_files_and_lines(tmp_path: Path) -> None:
    first = b"\n".join([line(event_id="a"), b"broken", line(event_id="b\\")])
    second = b"\n".join([b"", line(event_id="c"), b"[]"])
    rows = parsed(tmp_path, first, second)
    assert rows["event_id"].to_list() == ["a", None, "b\\", "c", None]
    assert rows["row"].to_list() == [0, 1, 2, 3, 4]
    malformed = rows.filter(pl.col("reason").is_not_null())
    assert malformed.select("file", "line").rows() == [(0, "broken"), (1, "[]")]


def test_text_is_unescaped(tmp_path: Path) -> None:
    record = line()[:-1].replace(b'"s"', b'"\\u3042\\n\\"\\/"') + b"}"
    assert parsed(tmp_path, record)["session_id"][0] == 'あ\n"/'


def test_a_lost_record_is_an_error(tmp_path: Path) -> None:
    """Files that `store_lines` has not made may hold blank lines, which DuckDB skips."""
    file = tmp_path / "blank.json"
    file.write_bytes(line() + b"\n\nbroken\n")
    with Parser() as parser, pytest.raises(LostRecordsError):
        parser.rows([file], Judgement(DAY, LATER))


def test_a_folder_named_like_a_partition_adds_no_column(tmp_path: Path) -> None:
    """Temporary folders may be called anything; DuckDB took `a=b` for a Hive partition."""
    folder = tmp_path / "dt=2024-06-01"
    folder.mkdir()
    assert parsed(folder, line(), b"{").columns == parsed(tmp_path, line(), b"{").columns
