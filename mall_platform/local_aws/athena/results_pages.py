"""Results on disk and the pages that GetQueryResults cuts from them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mall_platform.local_aws.athena.results import ResultColumn, column_info

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FIELD = re.compile(r'"((?:[^"]|"")*)"|')


@dataclass(frozen=True)
class Result:
    """What a query returned. `body` is its lines as in a result file, without a header: values
    quoted, NULL left out. `has_header` adds the columns' names as first row, as for SELECT.
    `cells` is the number of values in a line where it isn't the number of columns (DESCRIBE)."""

    columns: tuple[ResultColumn, ...]
    body: Path | None
    has_header: bool
    cells: int | None = None
    update_count: int = 0

    def page(self, token: str | None, limit: int) -> dict[str, Any]:
        """Answers GetQueryResults: `limit` rows from where the token says.

        Raises ValueError for a token that isn't one.
        """
        start = int(token or "0")
        rows: list[list[str | None]] = []
        if token is None and self.has_header:
            rows.append([column.name for column in self.columns])
        end = start
        if self.body is not None:
            for row, end_of_row in _rows(self.body, start, self.cells or len(self.columns)):
                if len(rows) == limit:
                    return self._answer(rows, str(end))
                rows.append(row)
                end = end_of_row
        return self._answer(rows, None)

    def _answer(self, rows: list[list[str | None]], token: str | None) -> dict[str, Any]:
        answer = {
            "UpdateCount": self.update_count,
            "ResultSet": {
                "Rows": [{"Data": [_datum(value) for value in row]} for row in rows],
                "ResultSetMetadata": {"ColumnInfo": [column_info(c) for c in self.columns]},
            },
        }
        return answer if token is None else {**answer, "NextToken": token}


def _datum(value: str | None) -> dict[str, str]:
    return {} if value is None else {"VarCharValue": value}


def _rows(body: Path, start: int, width: int) -> Iterator[tuple[list[str | None], int]]:
    """Rows from a byte of the file on, each with the byte after it. A value may hold line ends."""
    with body.open("rb") as file:
        file.seek(start)
        line = b""
        end = start
        for part in file:
            line += part
            end += len(part)
            if line.count(b'"') % 2 == 0:
                yield _fields(line.decode()[:-1], width), end
                line = b""


def _fields(line: str, width: int) -> list[str | None]:
    values: list[str | None] = []
    at = 0
    for _ in range(width):
        match = _FIELD.match(line, at)
        quoted = match[1] if match else None
        values.append(None if quoted is None else quoted.replace('""', '"'))
        at = (match.end() if match else at) + 1
    return values
