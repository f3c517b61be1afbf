"""Bytes that a query has read, from DuckDB's profile of it."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mall_platform.local_aws.athena.storage_scan import Scan, ScannedFile

_MORE = "..."

Group = tuple["ScannedFile", ...]


def bytes_scanned(profile: str, scans: Iterable[Scan], named: frozenset[str]) -> int:
    """What the table scans in DuckDB's JSON profile read of the files of the given scans.

    A scan of Parquet costs the compressed chunks of the columns it projected or filtered on, in
    the files it opened; a scan of text costs the whole objects. Files that DuckDB didn't open, as
    it answered from their footers, cost Athena the columns that the query names.
    """
    groups: dict[str, list[Group]] = defaultdict(list)
    unread: dict[int, Group] = {}
    for scan in scans:
        for group in scan.groups:
            unread[id(group)] = group
            for file in group:
                groups[file.path].append(group)
    total = 0
    for info in _scans(json.loads(profile).get("operator") or []):
        candidates = groups.get(info["Filename(s)"].split(", ")[0])
        if candidates:
            opened = int(info["Total Files Read"])
            group = min(candidates, key=lambda files: abs(len(files) - opened))
            unread.pop(id(group), None)
            total += _bytes(info, opened, group)
    return total + sum(
        file.bytes_scanned(file.footer.columns if "*" in named else named)
        for group in unread.values()
        for file in group
    )


def _scans(operators: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for operator in operators:
        info = operator.get("extra_info") or {}
        if "Filename(s)" in info:
            yield info
        yield from _scans(operator.get("children") or [])


def _bytes(info: dict[str, Any], opened: int, group: Group) -> int:
    names = info["Filename(s)"].split(", ")
    columns = _columns(info, group[0])
    if _MORE not in names:
        return sum(file.bytes_scanned(columns) for file in group if file.path in names)
    total = sum(file.bytes_scanned(columns) for file in group)
    return total if opened >= len(group) else total * opened // len(group)


def _columns(info: dict[str, Any], file: ScannedFile) -> set[str]:
    projected = info.get("Projections") or []
    names = {projected} if isinstance(projected, str) else set(projected)
    filters = info.get("Filters") or []
    conditions = " ".join([filters] if isinstance(filters, str) else filters)
    return names | {c.name for c in file.footer.columns.values() if c.name in conditions}
