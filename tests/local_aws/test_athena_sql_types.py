"""Athena's, Glue's and DuckDB's spellings of a type mean one another."""

import pytest

from mall_platform.local_aws.athena import types
from mall_platform.local_aws.athena.errors import NotSupportedError

SPELLINGS = [
    ("string", "varchar", "VARCHAR"),
    ("int", "integer", "INTEGER"),
    ("float", "real", "FLOAT"),
    ("binary", "varbinary", "BLOB"),
    ("decimal(10,2)", "decimal(10,2)", "DECIMAL(10,2)"),
    ("varchar(5)", "varchar(5)", "VARCHAR"),
    ("timestamp", "timestamp(3)", "TIMESTAMP"),
    ("array<string>", "array(varchar)", "VARCHAR[]"),
    ("map<string,array<double>>", "map(varchar, array(double))", "MAP(VARCHAR, DOUBLE[])"),
    ("struct<a:int,b:struct<c:string>>", "row(a integer, b row(c varchar))",
     'STRUCT("a" INTEGER, "b" STRUCT("c" VARCHAR))'),
    ("struct<date:date,array:array<int>>", "row(date date, array array(integer))",
     'STRUCT("date" DATE, "array" INTEGER[])'),
]  # fmt: skip


@pytest.mark.parametrize(("hive", "athena", "duckdb"), SPELLINGS)
def test_glue_type_becomes_athena_and_duckdb_type(hive: str, athena: str, duckdb: str) -> None:
    """(A0)"""
    assert types.from_hive(hive) == athena
    assert types.to_duckdb(athena) == duckdb


@pytest.mark.parametrize("hive", [hive for hive, _, _ in SPELLINGS])
def test_athena_type_goes_back_to_glue(hive: str) -> None:
    """(A0)"""
    assert types.from_hive(types.to_hive(types.from_hive(hive))) == types.from_hive(hive)


@pytest.mark.parametrize(
    ("duckdb", "athena"),
    [
        ("BIGINT", "bigint"),
        ("DECIMAL(18,3)", "decimal(18,3)"),
        ("VARCHAR[]", "array(varchar)"),
        ("MAP(VARCHAR, INTEGER)", "map(varchar, integer)"),
        ('STRUCT(a INTEGER, "b c" DECIMAL(4,1)[])', "row(a integer, b c array(decimal(4,1)))"),
        ("TIMESTAMP WITH TIME ZONE", "timestamp(3) with time zone"),
    ],
)
def test_duckdb_type_has_athena_name(duckdb: str, athena: str) -> None:
    """(A0)"""
    assert types.from_duckdb(duckdb) == athena


@pytest.mark.parametrize("text", ["uniontype<int>", "array<", "geometry", "timestamp(9)", "int)"])
def test_unknown_type_is_refused(text: str) -> None:
    """(A0)"""
    with pytest.raises(NotSupportedError):
        types.parse(text)


@pytest.mark.parametrize("text", ["HUGEINT", "UNION(a INTEGER)"])
def test_duckdb_type_without_counterpart_is_refused(text: str) -> None:
    """(A0)"""
    with pytest.raises(NotSupportedError):
        types.from_duckdb(text)


@pytest.mark.parametrize(
    ("left", "right", "merged"),
    [
        ("integer", "bigint", "bigint"),
        ("bigint", "decimal(10,2)", "decimal(21,2)"),
        ("decimal(5,3)", "decimal(10,1)", "decimal(12,3)"),
        ("decimal(5,3)", "double", "double"),
        ("date", "timestamp(3)", "timestamp(3)"),
        ("varchar(3)", "varchar(5)", "varchar(5)"),
        ("array(integer)", "array(double)", "array(double)"),
        ("varchar", "integer", None),
        ("date", "varchar", None),
        ("boolean", "integer", None),
    ],
)
def test_common_type(left: str, right: str, merged: str | None) -> None:
    """(A0)"""
    found = types.common(types.parse(left), types.parse(right))
    assert (str(found) if found else None) == merged
