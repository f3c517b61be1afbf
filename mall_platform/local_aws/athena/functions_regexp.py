"""Regular expressions.

Athena's engine follows Java's syntax, with classes that know Unicode. Patterns written with plain
characters, classes, groups and counts mean the same to DuckDB's RE2 and run there, `\\d` spelled
out as `\\p{Nd}`; all others run in Python, whose classes also know Unicode.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from mall_platform.local_aws.athena import types as t
from mall_platform.local_aws.athena.dialect_values import Typed, text_literal
from mall_platform.local_aws.athena.functions_registry import Renderer, Table

TABLE = Table("Regular expressions")
_add = TABLE.scalar
_PLAIN = re.compile(
    r"(?:[^\\$()\[\]{}*+?]|\\[^A-Za-z0-9]|\\d|\((?:\?:)?(?![?*+])|\)"
    r"|\[\^?(?:[^\\\[\]&]|\\[^A-Za-z0-9]|\\d)+\]|\{\d+(?:,\d*)?\}|[*+?]\??(?![*+?]))+"
)
_REFUSED = re.compile(r"\\[pPQEhHvVXRGk]|\[\[|&&|\(\?[a-zA-Z]*[dDuUxsm]|\\x\{|\\u|\\Z|\\z")


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    if _REFUSED.search(pattern):
        raise ValueError(f"NOT_SUPPORTED: the regular expression {pattern}")
    try:
        return re.compile(re.sub(r"\(\?<(?![=!])", "(?P<", pattern))
    except re.error as error:
        raise ValueError(f"INVALID_FUNCTION_ARGUMENT: {error} in pattern {pattern}") from error


def _group(match: re.Match[str], number: int) -> str | None:
    if number < 0 or number > (match.re.groups or 0):
        raise ValueError(
            f"INVALID_FUNCTION_ARGUMENT: Pattern has {match.re.groups} groups. "
            f"Cannot access group {number}"
        )
    return match.group(number)


def _like(text: str, pattern: str) -> bool:
    return _compiled(pattern).search(text) is not None


def _extract(text: str, pattern: str, number: int) -> str | None:
    match = _compiled(pattern).search(text)
    if match is None:
        _known_group(pattern, number)
        return None
    return _group(match, number)


def _extract_all(text: str, pattern: str, number: int) -> list[str | None]:
    _known_group(pattern, number)
    return [_group(match, number) for match in _compiled(pattern).finditer(text)]


def _known_group(pattern: str, number: int) -> None:
    groups = _compiled(pattern).groups
    if not 0 <= number <= groups:
        raise ValueError(
            f"INVALID_FUNCTION_ARGUMENT: Pattern has {groups} groups. Cannot access group {number}"
        )


def _count(text: str, pattern: str) -> int:
    return sum(1 for _ in _compiled(pattern).finditer(text))


def _split(text: str, pattern: str) -> list[str]:
    pieces, last = [], 0
    for match in _compiled(pattern).finditer(text):
        pieces.append(text[last : match.start()])
        last = match.end()
    return [*pieces, text[last:]]


def _position(text: str, pattern: str) -> int:
    match = _compiled(pattern).search(text)
    return match.start() + 1 if match else -1


def _replace(text: str, pattern: str, replacement: str) -> str:
    compiled = _compiled(pattern)
    parts = _replacement(replacement, compiled)

    def fill(match: re.Match[str]) -> str:
        return "".join(
            part if isinstance(part, str) else (match.group(part) or "") for part in parts
        )

    return compiled.sub(fill, text)


@lru_cache(maxsize=256)
def _replacement(text: str, pattern: re.Pattern[str]) -> tuple[str | int, ...]:
    """The literal texts and group numbers of `$1`, `${name}` and `\\$`."""
    parts: list[str | int] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            parts.append(text[at + 1])
            at += 2
        elif char != "$":
            parts.append(char)
            at += 1
        elif match := re.compile(r"\$\{(\w+)\}").match(text, at):
            if match[1] not in pattern.groupindex:
                raise ValueError(
                    "INVALID_FUNCTION_ARGUMENT: Illegal replacement sequence: unknown group"
                )
            parts.append(pattern.groupindex[match[1]])
            at = match.end()
        else:
            number, at = _group_number(text, at + 1, pattern.groups)
            parts.append(number)
    return tuple(parts)


def _group_number(text: str, at: int, groups: int) -> tuple[int, int]:
    """The longest number after `$` that names a group, and where it ends."""
    if at >= len(text) or not text[at].isdigit() or int(text[at]) > groups:
        raise ValueError("INVALID_FUNCTION_ARGUMENT: Illegal replacement sequence: unknown group")
    number = int(text[at])
    at += 1
    while at < len(text) and text[at].isdigit() and number * 10 + int(text[at]) <= groups:
        number = number * 10 + int(text[at])
        at += 1
    return number, at


PYTHON = (
    ("trino_regexp_like", _like, ("VARCHAR", "VARCHAR"), "BOOLEAN"),
    ("trino_regexp_extract", _extract, ("VARCHAR", "VARCHAR", "BIGINT"), "VARCHAR"),
    ("trino_regexp_extract_all", _extract_all, ("VARCHAR", "VARCHAR", "BIGINT"), "VARCHAR[]"),
    ("trino_regexp_count", _count, ("VARCHAR", "VARCHAR"), "BIGINT"),
    ("trino_regexp_split", _split, ("VARCHAR", "VARCHAR"), "VARCHAR[]"),
    ("trino_regexp_position", _position, ("VARCHAR", "VARCHAR"), "BIGINT"),
    ("trino_regexp_replace", _replace, ("VARCHAR", "VARCHAR", "VARCHAR"), "VARCHAR"),
)


def plain(pattern: object, *, anchors: bool) -> str | None:
    """RE2's spelling of a pattern that means the same there, as a DuckDB literal."""
    if not isinstance(pattern, str):
        return None
    body, tail = pattern, ""
    if anchors and pattern.endswith("$") and not pattern.endswith("\\$"):
        body, tail = pattern[:-1], r"(?:\n?\z)"
    if not body.isascii() and "[" in body:
        return None
    if "|" in body and tail:
        return None
    if not _PLAIN.fullmatch(body):
        return None
    try:
        _compiled(body)
    except ValueError:
        return None
    return text_literal(body.replace(r"\d", r"\p{Nd}") + tail)


def _matched(args: Sequence[Typed]) -> Typed:
    pattern = plain(args[1].literal, anchors=True)
    if pattern:
        return Typed(f"regexp_matches({args[0].sql}, {pattern})", t.BOOLEAN)
    return Typed(f"trino_regexp_like({args[0].sql}, {args[1].sql})", t.BOOLEAN)


def _extracted(args: Sequence[Typed]) -> Typed:
    number = args[2].sql if len(args) > 2 else "0"
    pattern = plain(args[1].literal, anchors=False)
    if pattern and len(args) == 2:
        sql = (
            f"CASE WHEN regexp_matches({args[0].sql}, {pattern}) "
            f"THEN regexp_extract({args[0].sql}, {pattern}) END"
        )
        return Typed(sql, t.VARCHAR)
    return Typed(f"trino_regexp_extract({args[0].sql}, {args[1].sql}, {number})", t.VARCHAR)


def _with_group(name: str, kind: t.Type) -> Renderer:
    def render(args: Sequence[Typed]) -> Typed:
        number = args[2].sql if len(args) > 2 else "0"
        return Typed(f"{name}({args[0].sql}, {args[1].sql}, {number})", kind)

    return render


_NOTE = "Unicode blocks, class intersection and the flags d, m, s, u, x are refused."
_add("regexp_like(varchar, varchar) -> boolean", _matched, _NOTE)
_add("regexp_extract(varchar, varchar, [bigint]) -> varchar", _extracted, _NOTE)
_add(
    "regexp_extract_all(varchar, varchar, [bigint]) -> array(varchar)",
    _with_group("trino_regexp_extract_all", t.array(t.VARCHAR)),
    _NOTE,
)
_add("regexp_count(varchar, varchar) -> bigint", "trino_regexp_count({0}, {1})", _NOTE)
_add("regexp_split(varchar, varchar) -> array(varchar)", "trino_regexp_split({0}, {1})", _NOTE)
_add(
    "regexp_position(varchar, varchar) -> integer",
    "CAST(trino_regexp_position({0}, {1}) AS INTEGER)",
    _NOTE,
)
_add("regexp_replace(varchar, varchar) -> varchar", "trino_regexp_replace({0}, {1}, '')", _NOTE)
_add(
    "regexp_replace(varchar, varchar, varchar) -> varchar",
    "trino_regexp_replace({0}, {1}, {2})",
    "With a lambda it is refused.",
)
