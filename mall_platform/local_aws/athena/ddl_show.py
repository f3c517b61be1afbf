"""The text of SHOW CREATE TABLE, SHOW CREATE VIEW and DESCRIBE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mall_platform.local_aws.athena.engine_catalog import TableName, View

Shown = tuple[list[str], list[str]]
"""Names of the result's columns and its lines."""


def create_table(name: TableName, described: Mapping[str, Any]) -> Shown:
    """A CREATE EXTERNAL TABLE that makes the same table, one line a row."""
    descriptor = described["StorageDescriptor"]
    serde = descriptor["SerdeInfo"]
    lines = [f"CREATE EXTERNAL TABLE `{name.database}.{name.name}`("]
    lines += _column_lines(descriptor["Columns"])
    if described.get("Description"):
        lines.append(f"COMMENT '{described['Description']}'")
    if described.get("PartitionKeys"):
        lines += ["PARTITIONED BY ( ", *_column_lines(described["PartitionKeys"])]
    lines += ["ROW FORMAT SERDE ", f"  '{serde['SerializationLibrary']}' "]
    options = {
        key: value
        for key, value in (serde.get("Parameters") or {}).items()
        if (key, value) != ("serialization.format", "1")
    }
    if options:
        lines += ["WITH SERDEPROPERTIES ( ", *_pair_lines(options)]
    lines += [
        "STORED AS INPUTFORMAT ",
        f"  '{descriptor.get('InputFormat', '')}' ",
        "OUTPUTFORMAT ",
        f"  '{descriptor.get('OutputFormat', '')}'",
        "LOCATION",
        f"  '{descriptor['Location'].rstrip('/')}'",
    ]
    properties = {k: v for k, v in (described.get("Parameters") or {}).items() if k != "EXTERNAL"}
    if properties:
        lines += ["TBLPROPERTIES (", *_pair_lines(properties)]
    return ["createtab_stmt"], lines


def create_view(name: TableName, view: View) -> Shown:
    """The CREATE VIEW that made the view, one line a row."""
    head = f"CREATE VIEW {name.database}.{name.name} AS"
    return ["Create View"], [head, *view.sql.splitlines()]


def described_lines(described: Mapping[str, Any]) -> Shown:
    """DESCRIBE: a line a column, padded, with the partition keys listed again at the end."""
    keys = described.get("PartitionKeys") or []
    lines = [_describe(c) for c in (*described["StorageDescriptor"]["Columns"], *keys)]
    if keys:
        blank = _padded("", "", "")
        lines += [blank, _padded("# Partition Information", "", "")]
        lines += [_padded("# col_name", "data_type", "comment"), blank]
        lines += [_describe(key) for key in keys]
    return ["col_name", "data_type", "comment"], lines


def _describe(column: Mapping[str, str]) -> str:
    return _padded(column["Name"], column.get("Type") or "string", column.get("Comment") or "")


def _padded(*cells: str) -> str:
    return "\t".join(f"{cell:<20}" for cell in cells)


def _column_lines(columns: Iterable[Mapping[str, str]]) -> list[str]:
    lines = []
    for column in columns:
        comment = f" COMMENT '{column['Comment']}'" if column.get("Comment") else ""
        lines.append(f"  `{column['Name']}` {column.get('Type') or 'string'}{comment}, ")
    lines[-1] = lines[-1][:-2] + ")"
    return lines


def _pair_lines(pairs: Mapping[str, str]) -> list[str]:
    lines = [f"  '{key}'='{value}', " for key, value in pairs.items()]
    lines[-1] = lines[-1][:-2] + ")"
    return lines
