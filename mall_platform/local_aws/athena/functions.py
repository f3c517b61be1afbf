"""Every function the local Athena computes, and what a DuckDB connection needs for them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING

from mall_platform.local_aws.athena import functions_core
from mall_platform.local_aws.athena.errors import NotSupportedError
from mall_platform.local_aws.athena.functions_registry import Function

if TYPE_CHECKING:
    import duckdb

_PACKAGE = "mall_platform.local_aws.athena"
_GROUPS = ("functions_aggregates", "functions_time")
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

TABLE: Mapping[str, Function] = {
    **{name: Function(name, "form", "Forms", note, (), ()) for name, note in _FORMS.items()},
    **{name: found for module in _MODULES for name, found in module.TABLE.functions.items()},
}


def find(name: str) -> Function:
    """The function of that name, in any case; NotSupportedError where the table has none."""
    function = TABLE.get(name.lower())
    if function is None:
        raise NotSupportedError(f"the function {name} is not known to the local Athena")
    return function


def is_aggregate(name: str) -> bool:
    return TABLE[name.lower()].kind == "aggregate" if name.lower() in TABLE else False


def install(connection: duckdb.DuckDBPyConnection) -> None:
    """Set up a fresh connection: the session's time zone, the macros and the Python functions."""
    connection.execute("SET TimeZone = 'UTC'")
    for module in (functions_core, *_MODULES):
        for name, function, parameters, result in getattr(module, "PYTHON", ()):
            connection.create_function(name, function, list(parameters), result)
        for macro in getattr(module, "MACROS", ()):
            connection.execute(f"CREATE OR REPLACE TEMPORARY MACRO {macro}")
