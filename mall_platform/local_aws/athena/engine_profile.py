"""Bytes that a query has read, from DuckDB's profile of it."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mall_platform.local_aws.athena.storage_scan import Scan, ScannedFile

_MORE = "..."


def bytes_scanned(profile: str, scans: Iterable[Scan]) -> int:
    """What the table scans in DuckDB's JSON profile read of the files of the given scans.

    A scan of Parquet costs the compressed chunks of the columns it projected or filtered on, in
    the files it opened; a scan of text costs the whole objects.
    """
    groups: dict[str, list[Sequence[ScannedFile]]] = defaultdict(list)
    for scan in scans:
        for group in scan.groups:
            for file in group:
                groups[file.path].append(group)
    operators = json.loads(profile).get("operator") or []
    return sum(_bytes(info, groups) for info in _scans(operators))


def _scans(operators: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for operator in operators:
        info = operator.get("extra_info") or {}
        if "Filename(s)" in info:
            yield info
        yield from _scans(operator.get("children") or [])


def _bytes(info: dict[str, Any], groups: dict[str, list[Sequence[ScannedFile]]]) -> int:
    names = info["Filename(s)"].split(", ")
    opened = int(info["Total Files Read"])
    candidates = groups.get(names[0])
    if not candidates:
        return 0
    group = min(candidates, key=lambda files: abs(len(files) - opened))
    if _MORE not in names:
        group = [file for file in group if file.path in names]
    columns = _columns(info, group[0])
    total = sum(file.bytes_scanned(columns) for file in group)
    return total if opened >= len(group) else total * opened // len(group)


def _columns(info: dict[str, Any], file: ScannedFile) -> set[str]:
    projected = info.get("Projections") or []
    names = {projected} if isinstance(projected, str) else set(projected)
    filters = info.get("Filters") or []
    conditions = " ".join([filters] if isinstance(filters, str) else filters)
    return names | {c.name for c in file.footer.columns.values() if c.name in conditions}
