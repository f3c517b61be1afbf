"""Athena's SQL on DuckDB: parse a statement as Athena does, translate a query exactly or refuse.

Translation is by allow-list. Every node of the syntax, every clause and every function has its
rule and its types; what has none raises NotSupportedError, so nothing is computed by luck.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import SqlglotError
from sqlglot.parsers.trino import TrinoParser
from sqlglot.tokenizer_core import Token, TokenType

from mall_platform.local_aws.athena import dialect_casts as casts
from mall_platform.local_aws.athena import types as t
from mall_platform.local_aws.athena.dialect_operators import Query
from mall_platform.local_aws.athena.dialect_query import Translator
from mall_platform.local_aws.athena.dialect_values import Typed, quoted
from mall_platform.local_aws.athena.errors import NotSupportedError, QuerySyntaxError
from mall_platform.local_aws.athena.types import Type

_KEPT_PARSERS = ("CAST", "TRY_CAST", "EXTRACT", "TRIM", "POSITION")


class AthenaDialect(Trino):
    """Trino's grammar with every function left as it is written."""

    INDEX_OFFSET = 0

    class Parser(TrinoParser):
        FUNCTIONS: ClassVar[dict[str, Callable[..., Any]]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Callable[..., Any]]] = {
            name: parser
            for name, parser in TrinoParser.FUNCTION_PARSERS.items()
            if name in _KEPT_PARSERS
        }


def parse(sql: str) -> exp.Expression:
    """The tree of one query; QuerySyntaxError where Athena's grammar has no such text."""
    try:
        tokens = AthenaDialect().tokenize(sql)
        _check_tokens(tokens, sql)
        trees = sqlglot.parse(sql, dialect=AthenaDialect)
    except SqlglotError as error:
        raise QuerySyntaxError(_first_line(error)) from error
    found = [tree for tree in trees if tree is not None]
    if len(found) != 1 or not isinstance(found[0], exp.Expression):
        raise QuerySyntaxError("Only one sql statement is allowed")
    return found[0]


def to_duckdb(tree: exp.Expr, columns: Mapping[str, Mapping[str, str]]) -> str:
    """DuckDB's SQL for a query parsed by `parse`.

    Table references name tables of DuckDB, aliased to what the query called them. `columns` maps
    those names to column -> Athena type. The result's columns come in the order of `result_types`;
    timestamps with time zone, intervals and json come as the text Athena shows.
    """
    query = Translator(columns).query(_query_of(tree), None)
    return _presented(query)


def result_types(tree: exp.Expr, columns: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str]]:
    """The result's columns as (name, Athena type); an unnamed one is `_col` and its position."""
    query = Translator(columns).query(_query_of(tree), None)
    return [
        (output.name or f"_col{position}", _shown(output.type))
        for position, output in enumerate(query.outputs)
    ]


def _query_of(tree: exp.Expr) -> exp.Expr:
    """A tree of this module's own dialect; one of another is written out and read again."""
    foreign = any(
        isinstance(node, exp.Func)
        and not isinstance(
            node,
            exp.Anonymous
            | exp.Cast
            | exp.Case
            | exp.If
            | exp.Extract
            | exp.Trim
            | exp.StrPosition
            | exp.Array
            | exp.Connector
            | exp.CurrentDate
            | exp.CurrentTimestamp
            | exp.Localtimestamp
            | exp.ParseJSON
            | exp.Exists
            | exp.Any
            | exp.All
            | exp.Unnest,
        )
        for node in tree.walk()
    )
    return parse(tree.sql(dialect="trino")) if foreign else tree


def _presented(query: Query) -> str:
    """The query with the kinds DuckDB doesn't know turned into the text Athena shows."""
    shown = {}
    for output in query.outputs:
        column = f'"_result_".{quoted(output.inner)}'
        if output.type.is_zoned:
            shown[output.inner] = casts.cast(Typed(column, output.type), t.VARCHAR).sql
        elif output.type == t.DAY_TIME:
            shown[output.inner] = f"trino_day_time_text({column})"
        elif output.type == t.YEAR_MONTH:
            shown[output.inner] = f"trino_year_month_text({column})"
        elif any(
            part.contains("timestamp with time zone")
            or part.contains(t.DAY_TIME.name)
            or part.contains(t.YEAR_MONTH.name)
            for part in output.type.parts()
        ):
            raise NotSupportedError(f"a result of type {output.type}")
    if not shown:
        return query.sql
    listed = ", ".join(
        f"{shown.get(o.inner, f'''_result_.{quoted(o.inner)}''')} AS {quoted(o.inner)}"
        for o in query.outputs
    )
    return f"SELECT {listed} FROM ({query.sql}) AS _result_"


def _shown(kind: Type) -> str:
    return str(kind)


# --- what the parser lets through and Athena does not ------------------------------------------


def _check_tokens(tokens: Sequence[Token], sql: str) -> None:
    """Refuse spellings that other databases have: `::`, LIMIT before OFFSET, back-quotes, …"""
    limits: list[bool] = [False]
    for position, token in enumerate(tokens):
        following = tokens[position + 1] if position + 1 < len(tokens) else None
        match token.token_type:
            case TokenType.DCOLON:
                raise _unexpected(token, "::")
            case TokenType.L_PAREN:
                limits.append(False)
            case TokenType.R_PAREN if len(limits) > 1:
                limits.pop()
            case TokenType.LIMIT | TokenType.FETCH:
                limits[-1] = True
                if token.text.upper() == "LIMIT" and _is_comma(tokens, position + 2):
                    raise _unexpected(tokens[position + 2], ",")
            case TokenType.OFFSET if limits[-1] and _is_number(following):
                raise _unexpected(token, "OFFSET")
            case TokenType.UNION | TokenType.EXCEPT | TokenType.INTERSECT:
                limits[-1] = False
            case TokenType.IDENTIFIER if sql[token.start] == "`":
                raise QuerySyntaxError(
                    f"line {token.line}:{token.col}: backquoted identifiers are not supported; "
                    "use double quotes to quote identifiers"
                )
            case _ if token.token_type in _FOREIGN:
                raise _unexpected(token, token.text)


_FOREIGN = frozenset(
    {
        TokenType.QUALIFY,
        TokenType.ILIKE,
        TokenType.RLIKE,
        TokenType.GLOB,
        TokenType.SIMILAR_TO,
        TokenType.DIV,
        TokenType.AMP,
        TokenType.PIPE,
        TokenType.CARET,
        TokenType.TILDE,
        TokenType.NULLSAFE_EQ,
        TokenType.DSTAR,
        TokenType.NATURAL,
    }
)


def _is_number(token: Token | None) -> bool:
    return token is not None and token.token_type in (TokenType.NUMBER, TokenType.PLACEHOLDER)


def _is_comma(tokens: Sequence[Token], position: int) -> bool:
    return position < len(tokens) and tokens[position].token_type == TokenType.COMMA


def _unexpected(token: Token, text: str) -> QuerySyntaxError:
    return QuerySyntaxError(f"line {token.line}:{token.col}: mismatched input '{text}'")


def _first_line(error: Exception) -> str:
    return re.sub(r"\x1b\[\d*m", "", str(error)).splitlines()[0]
