"""The survey's columns and the headers they are known by (contract, Surveys)."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal, get_args

Column = Literal[
    "respondent_id",
    "answered_on",
    "age",
    "gender",
    "prefecture",
    "channel",
    "channels_seen",
    "categories_bought",
    "satisfaction",
    "recommend",
    "email",
    "comment",
]

COLUMNS: tuple[Column, ...] = get_args(Column)
REQUIRED: tuple[Column, ...] = ("respondent_id", "age", "channel")

HEADERS: dict[Column, tuple[str, ...]] = {
    "respondent_id": ("回答ID", "回答番号", "No."),
    "answered_on": ("回答日", "回答日時"),
    "age": ("年齢", "年代"),
    "gender": ("性別",),
    "prefecture": ("都道府県", "居住地"),
    "channel": ("当店を最初に知ったきっかけ", "きっかけ"),
    "channels_seen": ("最近3か月に当店の広告を見た媒体（複数回答）",),
    "categories_bought": ("購入したことのあるカテゴリ（複数回答）",),
    "satisfaction": ("総合満足度", "満足度"),
    "recommend": ("おすすめ度", "推奨度"),
    "email": ("メールアドレス（任意）", "メールアドレス"),
    "comment": ("自由記述", "ご意見"),
}
"""Accepted headers, the preferred one first: when a file has two of them, that one is read."""


def folded(text: str) -> str:
    """Text without the differences that people and spreadsheets make: width, case and spaces."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).lower()


_COLUMN_OF: dict[str, tuple[Column, int]] = {
    folded(header): (column, rank)
    for column, headers in HEADERS.items()
    for rank, header in enumerate(headers)
}


def column_of(header: str | None) -> Column | None:
    """The column that a header cell names, or None."""
    named = _COLUMN_OF.get(folded(header)) if header else None
    return named[0] if named else None


def positions(headers: list[str | None]) -> dict[Column, int]:
    """Where each column stands; of two headers for one column the preferred one, then the first."""
    best: dict[Column, tuple[int, int]] = {}
    for position, header in enumerate(headers):
        named = _COLUMN_OF.get(folded(header)) if header else None
        if named:
            column, rank = named
            best[column] = min(best.get(column, (rank, position)), (rank, position))
    return {column: position for column, (_, position) in best.items()}
