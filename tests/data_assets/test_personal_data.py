"""Raw personal data is found however it is written, and nothing else is (E1, E4)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from data_assets.personal_data import (
    KnownValues,
    LeakScan,
    PersonalDataFoundError,
    persons_at_hand,
    streamed_persons,
)
from data_assets.tables import PREFECTURES
from resources.lake import Lake, Version
from resources.tables import Column, Table

PERSON = [
    "taro.yamada@example.co.jp",
    "山田 太郎",
    "ヤマダ タロウ",
    "090-1234-5678",
    "100-0001",
    "東京都千代田区千代田１−１",
]
TABLE = Table(
    "notes",
    "Notes.",
    (
        Column("text", "string", "Open.", nullable=True),
        Column("kind", "string", "Closed.", nullable=True, allowed=("山田太郎", "other")),
        Column("n", "bigint", "A number.", nullable=True),
    ),
)


def known(cell: str, values: list[str]) -> bool:
    cells = pl.Series([cell])
    at_hand = KnownValues([pl.Series(values)]).found_in(cells)[0]
    streamed = KnownValues([pl.Series(values)], cells).found_in(cells)[0]
    assert at_hand == streamed
    return at_hand


def findings(cells: list[str | None], persons: Any = None) -> dict[str, int]:
    scan = LeakScan(TABLE, persons or persons_at_hand([pl.Series(PERSON)]))
    scan.see(pl.DataFrame({"text": cells}, schema={"text": pl.String}))
    return scan.settle().metadata["findings"]


@pytest.mark.parametrize(
    "cell",
    [
        "TARO.YAMADA@EXAMPLE.CO.JP",
        "mail：ｔａｒｏ.yamada＠example.co.jp。",
        "送り先は山田太郎様です",
        "山田・太郎",
        "ﾔﾏﾀﾞ ﾀﾛｳ",
        "tel09012345678",
        "tel:090 1234 5678",
        "０９０ー１２３４ー５６７８",
        "〒1000001です",
        "100 0001",
        "東京都 千代田区 千代田 1-1 のビル",
        "/users/山田太郎/edit",
    ],
)
def test_known_values_are_found_after_folding(cell: str) -> None:
    assert known(cell, PERSON)


@pytest.mark.parametrize(
    "cell",
    [
        "taro@example.co.jp",
        "山田花子",
        "090-1234-567",
        "31000001",
        "10000019",
        "sku1000001x",
        "1090123456789",
        "千代田区",
        "",
    ],
)
def test_what_only_resembles_a_known_value_is_not_found(cell: str) -> None:
    assert not known(cell, PERSON)


def test_short_values_are_found_as_whole_cells_only() -> None:
    assert known("李 明", ["李明"])
    assert not known("李明です", ["李明"])


def test_a_match_inside_another_is_found_too() -> None:
    assert known("xyzab1234567890cd", ["yzab", "1234567890"])


def test_prefectures_are_nobodys_own() -> None:
    """A customer whose address is just a prefecture doesn't make that word personal."""
    assert not any(known(name, ["東京都", "神奈川県"]) for name in PREFECTURES)


def test_a_prefecture_without_its_suffix_is_no_finding() -> None:
    """A shop may store them so, and have a customer who gave no more as name or address."""
    persons = persons_at_hand([pl.Series(["大阪", "山口", "山田"])])
    assert findings(["大阪", "山口", "京都"], persons) == {}
    assert findings(["山田"], persons) == {"text: known_value": 1}
    assert known("山口", ["山口"])


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        ("someone.else+tag@mail.example.com", "email"),
        ("連絡先 hanako＠example.jp まで", "email"),
        ("03-1234-5678", "phone"),
        ("0312345678", "phone"),
        ("(045) 123-4567", "phone"),
        ("0120-123-456", "phone"),
        ("+81 90-8765-4321", "phone"),
        ("電話08087654321です", "phone"),
        ("〒150-0002", "postal_code"),
        ("〒1500002", "postal_code"),
        ("渋谷 150-0002 です", "postal_code"),
    ],
)
def test_patterns_find_persons_nobody_knows_of(cell: str, rule: str) -> None:
    assert rule in {name.removeprefix("text: ") for name in findings([cell], persons_at_hand([]))}


@pytest.mark.parametrize(
    "cell",
    [
        "2024-06-01",
        "05-12-2024",
        "12:34:56.789",
        "品番AB123-4567",
        "4901234567894",
        "/products/12345",
        "1,234,560",
        "user@localhost",
        "コットン100%シャツ",
        *(str(uuid.UUID(int=n * 0x123456789ABCDEF0FEDCBA9876543)) for n in range(1, 200, 7)),
        "0123456789abcdef0123456789abcdef",
    ],
)
def test_codes_dates_and_machine_ids_are_no_personal_data(cell: str) -> None:
    assert findings([cell], persons_at_hand([pl.Series(["0123456", "1234567"])])) == {}


def test_percent_encoded_cells_are_decoded() -> None:
    assert findings(["/u/taro.yamada%40example.co.jp"]) == {
        "text: email": 1,
        "text: known_value": 1,
    }


def test_findings_count_rows_and_quote_nothing() -> None:
    scan = LeakScan(TABLE, persons_at_hand([pl.Series(PERSON)]))
    for _ in range(2):
        scan.see(
            pl.DataFrame({"text": ["x 山田太郎", "x 山田太郎", None, "fine"], "n": [1, 2, 3, 4]})
        )
    result = scan.settle()
    assert not result.passed
    assert result.metadata == {"cells_scanned": 6, "findings": {"text: known_value": 4}}
    assert "山田" not in str(result)


def test_a_closed_vocabulary_is_trusted_only_for_its_own_words() -> None:
    scan = LeakScan(TABLE, persons_at_hand([pl.Series(PERSON)]))
    scan.see(pl.DataFrame({"kind": ["山田太郎", "other"]}))
    assert scan.settle().passed
    scan.see(pl.DataFrame({"kind": ["ヤマダタロウ"]}))
    assert scan.settle().metadata["findings"] == {"kind: known_value": 1}


def test_streamed_persons_are_asked_only_if_a_cell_could_hold_something() -> None:
    asked: list[int] = []

    def values() -> Iterator[pl.Series]:
        asked.append(1)
        yield pl.Series(PERSON)

    scan = LeakScan(TABLE, streamed_persons(values))
    scan.see(pl.DataFrame({"text": ["東京都", None], "kind": ["other", None]}))
    assert scan.settle().passed and not asked
    scan.see(pl.DataFrame({"text": ["海外の山田 太郎"]}))
    assert not scan.settle().passed and asked == [1]


def test_a_leak_is_found_before_anything_is_stored(empty_lake: dict[str, Any]) -> None:
    """Also one in the last of many batches, of a person from the first."""
    lake: Lake = empty_lake["lake"]
    version = lake.stage(TABLE)
    schema = TABLE.arrow_schema()
    clean = pl.DataFrame({"text": ["fine"], "kind": ["other"], "n": [1]}).to_arrow().cast(schema)
    leak = pl.DataFrame({"text": ["山田太郎"], "kind": ["other"], "n": [1]}).to_arrow().cast(schema)
    batches = [*clean.to_batches(), *leak.to_batches()]
    scan = LeakScan(TABLE, persons_at_hand([pl.Series(PERSON)]))
    with pytest.raises(PersonalDataFoundError, match="known_value") as error:
        lake.write(version, scan.guard(version, batches))
    assert "山田" not in str(error.value)
    assert lake.files(version) == []

    scan = LeakScan(TABLE, persons_at_hand([pl.Series(PERSON)]))
    assert lake.write(version, scan.guard(version, clean.to_batches())).rows == 1


def test_a_leak_error_names_table_and_partition() -> None:
    scan = LeakScan(TABLE)
    scan.see(pl.DataFrame({"text": ["taro@example.jp"]}))
    with pytest.raises(PersonalDataFoundError, match="notes 2024-06-01"):
        scan.require_clean(Version(TABLE, "2024-06-01", "s3://x/"))
