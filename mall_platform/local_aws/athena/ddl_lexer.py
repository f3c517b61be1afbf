"""Tokens of a statement, for the parts that aren't queries: DDL and what wraps a query."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from mall_platform.local_aws.athena.engine_errors import MalformedQueryError, position

if TYPE_CHECKING:
    from collections.abc import Sequence

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|/\*.*?\*/)
    | (?P<string>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`)
    | (?P<word>[^\W\d]\w*(?:\$\w+)*)
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<symbol>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    """`text` is as written, `value` without quotes; `start` and `end` are offsets."""

    kind: str
    text: str
    value: str
    start: int
    end: int


def tokens(sql: str) -> list[Token]:
    """The tokens of a text; comments are left out."""
    found = []
    for match in _TOKEN.finditer(sql):
        kind, text = str(match.lastgroup), match[0]
        if kind == "space":
            continue
        value = text
        if kind in {"string", "quoted"}:
            value = text[1:-1].replace(text[0] * 2, text[0])
        found.append(Token(kind, text, value, match.start(), match.end()))
    while found and found[-1].text == ";":
        found.pop()
    return found


class Reader:
    """Reads tokens one by one. What doesn't fit raises MalformedQueryError with its position."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self._tokens: Sequence[Token] = tokens(sql)
        self._at = 0

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._tokens)

    @property
    def offset(self) -> int:
        """Where the next token starts; the end of the last one if there is none."""
        if not self.at_end:
            return self._tokens[self._at].start
        return self._tokens[-1].end if self._tokens else 0

    def peek(self, ahead: int = 0) -> str:
        """The next token in upper case; empty at the end. Quoted ones never match a keyword."""
        index = self._at + ahead
        if index >= len(self._tokens):
            return ""
        token = self._tokens[index]
        return token.text.upper() if token.kind in {"word", "symbol"} else token.text

    def accept(self, *words: str) -> bool:
        """Reads the given words if all of them come next."""
        if all(self.peek(i) == word for i, word in enumerate(words)):
            self._at += len(words)
            return True
        return False

    def expect(self, *words: str) -> None:
        if not self.accept(*words):
            self.fail(f"Expecting: '{' '.join(words)}'")

    def take(self) -> Token:
        if self.at_end:
            self.fail("Unexpected end of statement")
        self._at += 1
        return self._tokens[self._at - 1]

    def identifier(self) -> str:
        """A name, in lower case."""
        if self.at_end or self._tokens[self._at].kind not in {"word", "quoted", "number"}:
            self.fail("Expecting: identifier")
        return self.take().value.lower()

    def string(self) -> str:
        if self.at_end or self._tokens[self._at].kind != "string":
            self.fail("Expecting: string")
        return self.take().value

    def qualified(self) -> list[str]:
        """`name`, `database.name` or `catalog.database.name`; backquotes may hold all."""
        in_backquotes = self.peek().startswith("`")
        parts = [self.identifier()]
        if in_backquotes:
            parts = parts[0].split(".")
        while self.accept("."):
            parts.append(self.identifier())
        return parts

    def parenthesised(self) -> tuple[int, int]:
        """Reads a balanced pair of parentheses; the offsets of what is between them."""
        self.expect("(")
        start = self._tokens[self._at - 1].end
        depth = 1
        while depth:
            token = self.take()
            depth += {"(": 1, ")": -1}.get(token.text, 0)
        return start, self._tokens[self._at - 1].start

    def back_to(self, offset: int) -> None:
        """Goes to the first token that starts at or after an offset."""
        self._at = next(
            (i for i, token in enumerate(self._tokens) if token.start >= offset), len(self._tokens)
        )

    def type_text(self) -> str:
        """A Hive type, `array<struct<a:int>>`, in lower case and without spaces."""
        parts: list[str] = []
        depth = 0
        while not self.at_end:
            word = self.peek()
            if depth == 0 and (word in {",", ")"} or (parts and word not in {"<", "("})):
                break
            depth += {"<": 1, "(": 1, ">": -1, ")": -1}.get(word, 0)
            parts.append(self.take().value.lower())
        if not parts:
            self.fail("Expecting: type")
        return "".join(parts)

    def end(self) -> None:
        """Nothing may follow."""
        if not self.at_end:
            self.fail("Expecting: <EOF>")

    def fail(self, expected: str) -> NoReturn:
        found = "<EOF>" if self.at_end else self._tokens[self._at].text
        where = position(self.sql, self.offset)
        raise MalformedQueryError(f"{where}: mismatched input '{found}'. {expected}")
