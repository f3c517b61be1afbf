"""Every function the local Athena computes, and what a DuckDB connection needs for them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mall_platform.local_aws.athena import functions_core
from mall_platform.local_aws.athena.errors import NotSupportedError
from mall_platform.local_aws.athena.functions_registry import Function

if TYPE_CHECKING:
    import duckdb

_PACKAGE = "mall_platform.local_aws.athena"
_GROUPS = (
    "functions_aggregates",
    "functions_math",
    "functions_text",
    "functions_regexp",
    "functions_time",
    "functions_json",
    "functions_collections",
    "functions_url",
    "functions_binary",
)
_MODULES: tuple[ModuleType, ...] = tuple(
    importlib.import_module(f"{_PACKAGE}.{m}") for m in _GROUPS
)
_FORMS = {
    "coalesce": "The first value that is not NULL.",
    "nullif": "NULL where both are equal.",
    "try": "NULL where computing fails.",
    "row": "A row of unnamed fields.",
    "grouping": "Which keys of a grouping set are left out.",
    "typeof": "The type's name; numbers of decimals as Athena writes them.",
}


def _merged() -> dict[str, Function]:
    """All groups in one table; a name in two groups has the overloads of both."""
    table = {name: Function(name, "form", "Forms", note, (), ()) for name, note in _FORMS.items()}
    for module in _MODULES:
        for name, found in module.TABLE.functions.items():
            known = table.get(name)
            table[name] = (
                found
                if known is None
                else replace(
                    known,
                    overloads=(*known.overloads, *found.overloads),
                    signatures=(*known.signatures, *found.signatures),
                )
            )
    return table


TABLE: Mapping[str, Function] = _merged()


def find(name: str) -> Function:
    """The function of that name, in any case; NotSupportedError where the table has none."""
    function = TABLE.get(name.lower())
    if function is None:
        raise NotSupportedError(f"the function {name} is not known to the local Athena")
    return function


def is_aggregate(name: str) -> bool:
    return TABLE[name.lower()].kind == "aggregate" if name.lower() in TABLE else False


def install(connection: duckdb.DuckDBPyConnection) -> None:
    """Set up a fresh connection: the session's time zone, the macros and the Python functions.

    A cursor made from it shares the Python functions but not the macros.
    """
    connection.execute("SET TimeZone = 'UTC'")
    for module in (functions_core, *_MODULES):
        for name, function, parameters, result in getattr(module, "PYTHON", ()):
            connection.create_function(  # type: ignore[call-overload]
                name,
                _vectorised(function, len(parameters), result),
                list(parameters),
                result,
                type="arrow",
                null_handling="special",
            )
    for module in (functions_core, *_MODULES):
        for macro in getattr(module, "MACROS", ()):
            connection.execute(f"CREATE OR REPLACE TEMPORARY MACRO {macro}")


def _vectorised(function: Callable[..., Any], arity: int, result: str) -> Callable[..., Any]:
    """A function of one row as one of Arrow columns; NULL in gives NULL out, as for all of them."""
    import pyarrow as pa

    kinds = {
        "VARCHAR": pa.string(),
        "VARCHAR[]": pa.list_(pa.string()),
        "BLOB": pa.binary(),
        "BIGINT": pa.int64(),
        "BOOLEAN": pa.bool_(),
        "TIMESTAMP": pa.timestamp("us"),
        "STRUCT(u TIMESTAMP, z VARCHAR)": pa.struct(
            [("u", pa.timestamp("us")), ("z", pa.string())]
        ),
    }

    def over_columns(*columns: Any) -> Any:
        rows = zip(*(column.to_pylist() for column in columns), strict=True)
        values = [None if None in row else function(*row) for row in rows]
        return pa.array(values, type=kinds[result])

    by_arity: dict[int, Callable[..., Any]] = {
        1: lambda a: over_columns(a),
        2: lambda a, b: over_columns(a, b),
        3: lambda a, b, c: over_columns(a, b, c),
    }
    return by_arity[arity]
