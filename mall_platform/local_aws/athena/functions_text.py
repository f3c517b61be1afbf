"""Text: pieces, padding, search, Unicode."""

from __future__ import annotations

import unicodedata

from mall_platform.local_aws.athena.dialect_values import text_literal
from mall_platform.local_aws.athena.functions_registry import Table

TABLE = Table("Text")
_add = TABLE.scalar


def normalized(text: str, form: str) -> str:
    """Unicode normalisation in one of NFC, NFD, NFKC, NFKD."""
    return unicodedata.normalize(form, text)  # type: ignore[arg-type]


def levenshtein(first: str, second: str) -> int:
    """How many single-character edits part two texts."""
    previous = list(range(len(second) + 1))
    for row, a in enumerate(first, start=1):
        current = [row]
        for column, b in enumerate(second, start=1):
            current.append(
                min(previous[column] + 1, current[-1] + 1, previous[column - 1] + (a != b))
            )
        previous = current
    return previous[-1]


def hamming(first: str, second: str) -> int:
    """In how many places two texts of one length differ."""
    if len(first) != len(second):
        raise ValueError(
            "INVALID_FUNCTION_ARGUMENT: The input strings to hamming_distance function "
            "must have the same length"
        )
    return sum(a != b for a, b in zip(first, second, strict=True))


def upper(text: str) -> str:
    """Upper case, one character for one."""
    return "".join(up if len(up := char.upper()) == 1 else char for char in text)


def lower(text: str) -> str:
    """Lower case, one character for one."""
    return "".join(low if len(low := char.lower()) == 1 else char for char in text)


_SOUNDEX = {
    c: d
    for d, cs in zip("123456", ("BFPV", "CGJKQSXZ", "DT", "L", "MN", "R"), strict=True)
    for c in cs
}


def soundex(text: str) -> str:
    """The four-character phonetic code of an English word."""
    letters = [char for char in text.upper() if char.isalpha()]
    if any(not "A" <= char <= "Z" for char in letters):
        raise ValueError("INVALID_FUNCTION_ARGUMENT: soundex takes ASCII letters")
    if not letters:
        return ""
    code, last = letters[0], _SOUNDEX.get(letters[0], "")
    for char in letters[1:]:
        digit = _SOUNDEX.get(char, "")
        if digit and digit != last:
            code += digit
        if char not in "HW":
            last = digit
    return (code + "000")[:4]


PYTHON = (
    ("trino_normalize", normalized, ("VARCHAR", "VARCHAR"), "VARCHAR"),
    ("trino_levenshtein", levenshtein, ("VARCHAR", "VARCHAR"), "BIGINT"),
    ("trino_hamming", hamming, ("VARCHAR", "VARCHAR"), "BIGINT"),
    ("trino_upper_unicode", upper, ("VARCHAR",), "VARCHAR"),
    ("trino_lower_unicode", lower, ("VARCHAR",), "VARCHAR"),
    ("trino_soundex", soundex, ("VARCHAR",), "VARCHAR"),
)
_BLANKS = text_literal(
    "".join(
        chr(code)
        for code in (*range(0x09, 0x0E), *range(0x1C, 0x21), 0x1680, *range(0x2000, 0x200B), 0x2028,
                     0x2029, 0x205F, 0x3000)
        if code != 0x2007
    )
)  # fmt: skip
MACROS = (
    "trino_is_ascii(value) AS strlen(value) = length(value)",
    "trino_upper(value) AS CASE WHEN trino_is_ascii(value) THEN upper(value) "
    "ELSE trino_upper_unicode(value) END",
    "trino_lower(value) AS CASE WHEN trino_is_ascii(value) THEN lower(value) "
    "ELSE trino_lower_unicode(value) END",
    """trino_substr(value, start) AS
       CASE WHEN start = 0 OR abs(start) > length(value) THEN
                 CASE WHEN value IS NULL THEN NULL ELSE '' END
            WHEN start > 0 THEN substr(value, start)
            ELSE substr(value, length(value) + start + 1) END""",
    """trino_substr_length(value, start, size) AS
       CASE WHEN size IS NULL THEN NULL
            WHEN size <= 0 THEN CASE WHEN value IS NULL OR start IS NULL THEN NULL ELSE '' END
            ELSE left(trino_substr(value, start), size) END""",
    """trino_split_part(value, delimiter, position) AS
       CASE WHEN position <= 0 THEN trino_fail(
                'INVALID_FUNCTION_ARGUMENT: Index must be greater than zero')
            WHEN delimiter = '' THEN nullif(substr(value, position, 1), '')
            ELSE list_extract(string_split(value, delimiter), position) END""",
    """trino_split(value, delimiter) AS
       string_split(value, CASE WHEN delimiter = '' THEN trino_fail(
           'INVALID_FUNCTION_ARGUMENT: The delimiter may not be the empty string')
           ELSE delimiter END)""",
    """trino_split_limit(value, delimiter, pieces) AS
       CASE WHEN pieces <= 0 THEN CAST([trino_fail(
                'INVALID_FUNCTION_ARGUMENT: Limit must be positive')] AS VARCHAR[])
            WHEN len(trino_split(value, delimiter)) <= pieces THEN trino_split(value, delimiter)
            ELSE list_append(trino_split(value, delimiter)[1:pieces - 1],
                 array_to_string(trino_split(value, delimiter)[pieces:], delimiter)) END""",
    """trino_split_to_map(value, entries, keys) AS
       map_from_entries(list_transform(
           CASE WHEN value = '' THEN CAST([] AS VARCHAR[]) ELSE trino_split(value, entries) END,
           lambda x: {'key': CASE WHEN len(string_split(x, keys)) = 2
                             THEN string_split(x, keys)[1]
                             ELSE trino_fail('INVALID_FUNCTION_ARGUMENT: Key-value delimiter must '
                                  || 'appear exactly once in each entry. Bad input: ''' || x
                                  || '''') END,
                      'value': string_split(x, keys)[2]}))""",
    """trino_pad(value, size, filler, leftwards) AS
       CASE WHEN size < 0 OR size > 2147483647 THEN trino_fail(
                'INVALID_FUNCTION_ARGUMENT: Target length must be in the range [0..2147483647]')
            WHEN filler = '' THEN trino_fail(
                'INVALID_FUNCTION_ARGUMENT: Padding string must not be empty')
            WHEN leftwards THEN lpad(value, CAST(size AS INTEGER), filler)
            ELSE rpad(value, CAST(size AS INTEGER), filler) END""",
    """trino_codepoint(value) AS
       CASE WHEN length(value) = 1 THEN unicode(value)
            WHEN value IS NOT NULL THEN trino_fail_integer(
                'INVALID_FUNCTION_ARGUMENT: Input string must be a single character') END""",
    """trino_chr(code) AS
       CASE WHEN code BETWEEN 0 AND 1114111 THEN chr(CAST(code AS INTEGER))
            WHEN code IS NOT NULL THEN trino_fail(
                'INVALID_FUNCTION_ARGUMENT: Not a valid Unicode code point: ' || code) END""",
    """trino_strpos(value, part, nth) AS
       CASE WHEN nth <= 0 THEN trino_fail_integer(
                'INVALID_FUNCTION_ARGUMENT: instance must be a positive number.')
            WHEN part = '' THEN 1
            WHEN len(string_split(value, part)) <= nth THEN 0
            ELSE length(array_to_string(string_split(value, part)[1:nth], part)) + 1 END""",
    """trino_translate(value, source, target) AS
       array_to_string(list_transform(string_split(value, ''),
           lambda x: CASE WHEN strpos(source, x) = 0 OR x = '' THEN x
                          ELSE substr(target, strpos(source, x), 1) END), '')""",
)

_add("length(varchar) -> bigint", "length({0})")
_add("upper(varchar) -> varchar", "trino_upper({0})")
_add("lower(varchar) -> varchar", "trino_lower({0})")
for _name in ("substr", "substring"):
    _add(f"{_name}(varchar, bigint) -> varchar", "trino_substr({0}, {1})")
    _add(f"{_name}(varchar, bigint, bigint) -> varchar", "trino_substr_length({0}, {1}, {2})")
for _name, _short in (("trim", "trim"), ("ltrim", "ltrim"), ("rtrim", "rtrim")):
    _add(f"{_name}(varchar) -> varchar", f"{_short}({{0}}, {_BLANKS})")
    _add(f"{_name}(varchar, varchar) -> varchar", f"{_short}({{0}}, {{1}})")
_add("reverse(varchar) -> varchar", "array_to_string(list_reverse(string_split({0}, '')), '')")
_add("replace(varchar, varchar) -> varchar", "replace({0}, {1}, '')")
_add(
    "replace(varchar, varchar, varchar) -> varchar",
    "CASE WHEN {1} = '' THEN CASE WHEN {0} = '' THEN {2} ELSE {2} || array_to_string("
    "list_transform(string_split({0}, ''), lambda x: x || {2}), '') END "
    "ELSE replace({0}, {1}, {2}) END",
)
_add("translate(varchar, varchar, varchar) -> varchar", "trino_translate({0}, {1}, {2})")
_add("lpad(varchar, bigint, varchar) -> varchar", "trino_pad({0}, {1}, {2}, TRUE)")
_add("rpad(varchar, bigint, varchar) -> varchar", "trino_pad({0}, {1}, {2}, FALSE)")
_add("strpos(varchar, varchar) -> bigint", "CAST(strpos({0}, {1}) AS BIGINT)")
_add(
    "strpos(varchar, varchar, bigint) -> bigint",
    "CAST(trino_strpos({0}, {1}, {2}) AS BIGINT)",
    "Counting from the end (a negative instance) is refused.",
)
_add("starts_with(varchar, varchar) -> boolean", "starts_with({0}, {1})")
_add("split(varchar, varchar) -> array(varchar)", "trino_split({0}, {1})")
_add("split(varchar, varchar, bigint) -> array(varchar)", "trino_split_limit({0}, {1}, {2})")
_add("split_part(varchar, varchar, bigint) -> varchar", "trino_split_part({0}, {1}, {2})")
_add(
    "split_to_map(varchar, varchar, varchar) -> map(varchar, varchar)",
    "trino_split_to_map({0}, {1}, {2})",
)
_add("codepoint(varchar) -> integer", "CAST(trino_codepoint({0}) AS INTEGER)")
_add("chr(bigint) -> varchar", "trino_chr({0})")
_add(
    "normalize(varchar) -> varchar",
    "trino_normalize({0}, 'NFC')",
    "The form is written as in Athena: normalize(x, NFKC).",
)
_add("normalize(varchar, varchar) -> varchar", "trino_normalize({0}, {1})")
_add("levenshtein_distance(varchar, varchar) -> bigint", "trino_levenshtein({0}, {1})")
_add("hamming_distance(varchar, varchar) -> bigint", "trino_hamming({0}, {1})")
_add("soundex(varchar) -> varchar", "trino_soundex({0})")
_add(
    "concat_ws(varchar, varchar, ...) -> varchar",
    "concat_ws({0}, {rest})",
    "NULLs after the separator are skipped.",
)
_add("concat_ws(varchar, array(varchar)) -> varchar", "array_to_string({1}, {0})")
