"""Every function of the local Athena gives the value that Athena's or Trino's documentation states,
or fails as Athena fails (A0)."""

# ruff: noqa: DTZ001  (timestamps without time zone are naive, in Athena too)
from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from sqlglot import exp

from mall_platform.local_aws.athena import dialect, functions
from mall_platform.local_aws.athena.errors import AthenaError, from_duckdb

UTC = "UTC"


class Fails:
    """The case must fail with an error of this kind."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return f"Fails({self.kind})"


class Near:
    """The case must give this number to a relative 1e-12."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, float) and math.isclose(other, self.value, rel_tol=1e-12)

    def __repr__(self) -> str:
        return f"Near({self.value})"


BAD_ARGUMENT = Fails("INVALID_FUNCTION_ARGUMENT")
BAD_CAST = Fails("INVALID_CAST_ARGUMENT")
NO_SUCH_CALL = Fails("FUNCTION_NOT_FOUND")
WRONG_TYPE = Fails("TYPE_MISMATCH")
REFUSED = Fails("NOT_SUPPORTED")
ZERO = Fails("DIVISION_BY_ZERO")
OVERFLOW = Fails("NUMERIC_VALUE_OUT_OF_RANGE")


def _wilson(k: int, n: int, z: float) -> tuple[float, float]:
    centre = (k + z**2 / 2) / (n + z**2)
    half = z / (n + z**2) * math.sqrt(k * (n - k) / n + z**2 / 4)
    return centre - half, centre + half


WILSON = _wilson(1250, 1310, 1.96)

# Rows for aggregates: g, x (one NULL), y, s.
ROWS = (
    "(VALUES ('a', 1, 2e0, 'p'), ('a', 3, 4e0, 'q'), ('b', 3, 6e0, 'q'), "
    "('b', CAST(NULL AS integer), 9e0, CAST(NULL AS varchar)), ('b', 8, 1e0, 'r')) AS t(g, x, y, s)"
)


def agg(what: str) -> str:
    return f"SELECT {what} FROM {ROWS}"


FORMS = [
    ("coalesce(NULL, NULL, 3)", 3),
    ("coalesce(NULL, 1, 2.5)", Decimal("1.0")),
    ("coalesce(1, 'a')", WRONG_TYPE),
    ("nullif(1, 1)", None),
    ("nullif('a', 'b')", "a"),
    ("try(1 / 0)", None),
    ("try(CAST('x' AS integer))", None),
    ("try(date_parse('x', '%Y-%m-%d'))", None),
    ("try(json_parse('{'))", None),
    ("try(element_at(ARRAY[1], 0))", None),
    ("try(8 / 2)", 4),
    ("row(1, 'a')[1]", 1),
    ("ROW(1, 2) = ROW(1, 2)", True),
    ("typeof(1)", "integer"),
    ("typeof(1.50)", "decimal(3,2)"),
    ("typeof('cat')", "varchar(3)"),
    ("typeof(cos(2) + 1.5)", "double"),
    ("typeof(3000000000)", "bigint"),
    ("SELECT g, grouping(g) FROM (VALUES 'a') AS t(g) GROUP BY ROLLUP (g) ORDER BY 2",
     [("a", 0), (None, 1)]),
]  # fmt: skip

NUMBERS = [
    ("abs(-5)", 5),
    ("abs(-5.25)", Decimal("5.25")),
    ("abs(-5e0)", 5.0),
    ("sign(-3)", -1),
    ("sign(-2.5)", Decimal("-1")),
    ("sign(-2.5e0)", -1.0),
    ("ceil(1.2)", Decimal("2")),
    ("ceiling(-1.2e0)", -1.0),
    ("ceil(7)", 7),
    ("floor(-1.2)", Decimal("-2")),
    ("floor(1.8e0)", 1.0),
    ("round(2.5)", Decimal("3")),
    ("round(-2.5)", Decimal("-3")),
    ("round(2.5e0)", 3.0),
    ("round(-2.5e0)", -3.0),
    ("round(0.5e0)", 1.0),
    ("round(12345, -2)", 12300),
    ("round(12350, -2)", 12400),
    ("round(-12350, -2)", -12400),
    ("round(2.675, 2)", Decimal("2.68")),
    ("round(2.675, 2) = 2.680", True),
    ("round(1.25e0, 1)", 1.3),
    ("round(123.456e0, -1)", 120.0),
    ("truncate(-1.9e0)", -1.0),
    ("truncate(-1.9)", Decimal("-1")),
    ("mod(-7, 3)", -1),
    ("mod(7, 0)", ZERO),
    ("mod(5.5, 2)", Decimal("1.5")),
    ("is_nan(mod(5e0, 0e0))", True),
    ("exp(1)", Near(math.e)),
    ("e()", Near(math.e)),
    ("pi()", Near(math.pi)),
    ("cbrt(27)", Near(3.0)),
    ("sqrt(16)", 4.0),
    ("is_nan(sqrt(-1))", True),
    ("pow(2, 10)", 1024.0),
    ("power(2, 0.5)", Near(math.sqrt(2))),
    ("power(0, -1)", math.inf),
    ("ln(1)", 0.0),
    ("ln(0)", -math.inf),
    ("is_nan(ln(-1))", True),
    ("log2(8)", Near(3.0)),
    ("log10(1000)", Near(3.0)),
    ("log10(0)", -math.inf),
    ("log(2, 64)", Near(6.0)),
    ("sin(1)", Near(math.sin(1))),
    ("cos(1)", Near(math.cos(1))),
    ("tan(1)", Near(math.tan(1))),
    ("asin(1)", Near(math.pi / 2)),
    ("is_nan(asin(2))", True),
    ("acos(1)", 0.0),
    ("atan(1)", Near(math.pi / 4)),
    ("atan2(1, 1)", Near(math.pi / 4)),
    ("sinh(1)", Near(math.sinh(1))),
    ("cosh(1)", Near(math.cosh(1))),
    ("tanh(1)", Near(math.tanh(1))),
    ("degrees(pi())", Near(180.0)),
    ("radians(180)", Near(math.pi)),
    ("infinity()", math.inf),
    ("is_infinite(-infinity())", True),
    ("is_finite(1e0)", True),
    ("is_nan(nan())", True),
    ("nan() = nan()", False),
    ("nan() <> nan()", True),
    ("1e0 < nan()", False),
    ("width_bucket(5e0, 0e0, 10e0, 5)", 3),
    ("width_bucket(-1e0, 0e0, 10e0, 5)", 0),
    ("width_bucket(10e0, 0e0, 10e0, 5)", 6),
    ("width_bucket(3e0, ARRAY[1e0, 3e0, 5e0])", 2),
    ("width_bucket(1e0, 0e0, 1e0, 0)", BAD_ARGUMENT),
    # Wilson's score interval by its textbook formula
    ("wilson_interval_lower(1250, 1310, 1.96e0)", Near(WILSON[0])),
    ("wilson_interval_upper(1250, 1310, 1.96e0)", Near(WILSON[1])),
    ("wilson_interval_lower(2, 1, 1.96e0)", BAD_ARGUMENT),
    ("to_base(255, 16)", "ff"),
    ("to_base(-5, 2)", "-101"),
    ("to_base(1, 37)", BAD_ARGUMENT),
    ("from_base('ff', 16)", 255),
    ("from_base('2', 2)", BAD_ARGUMENT),
    ("bitwise_and(19, 25)", 17),
    ("bitwise_or(19, 25)", 27),
    ("bitwise_xor(19, 25)", 10),
    ("bitwise_not(-12)", 11),
    ("bitwise_left_shift(1, 2)", 4),
    ("bitwise_left_shift(-1, 8)", -256),
    ("bitwise_right_shift(8, 3)", 1),
    ("bitwise_right_shift(-1, 28)", 15),
    ("bitwise_right_shift_arithmetic(-8, 1)", -4),
    ("bitwise_right_shift_arithmetic(-256, 80)", -1),
    ("bit_count(9, 64)", 2),
    ("bit_count(9, 8)", 2),
    ("bit_count(-7, 64)", 62),
    ("bit_count(-7, 8)", 6),
    ("bit_count(200, 8)", BAD_ARGUMENT),
    ("greatest(1, 3, 2)", 3),
    ("greatest(1, NULL, 2)", None),
    ("greatest('a', 'b')", "b"),
    ("greatest(1, 2.5)", Decimal("2.5")),
    ("greatest(1e0, nan())", REFUSED),
    ("least(1, NULL)", None),
    ("least(DATE '2020-01-01', DATE '2019-01-01')", date(2019, 1, 1)),
]

TEXT = [
    ("length('日本語')", 3),
    ("upper('straße')", "STRAßE"),
    ("upper('été')", "ÉTÉ"),
    ("lower('ÀB')", "àb"),
    ("substr('abcdef', 2)", "bcdef"),
    ("substr('abcdef', -2)", "ef"),
    ("substr('abcdef', 0)", ""),
    ("substr('abcdef', 10)", ""),
    ("substr('abcdef', 2, 3)", "bcd"),
    ("substring('abcdef', -3, 2)", "de"),
    ("substring('abcdef', 2, 0)", ""),
    ("trim('  a b  ')", "a b"),
    ("trim('\u3000a\u3000')", "a"),
    ("trim(BOTH 'x' FROM 'xxaxx')", "a"),
    ("trim(LEADING 'x' FROM 'xxax')", "ax"),
    ("ltrim('  a ')", "a "),
    ("rtrim(' a  ')", " a"),
    ("reverse('abc')", "cba"),
    ("reverse(ARRAY[1, 2])", [2, 1]),
    ("replace('abcabc', 'b')", "acac"),
    ("replace('abcabc', 'b', 'xy')", "axycaxyc"),
    ("replace('ab', '', '-')", "-a-b-"),
    ("translate('abcd', '', '')", "abcd"),
    ("translate('abcd', 'a', 'z')", "zbcd"),
    ("translate('abcda', 'a', 'z')", "zbcdz"),
    ("translate('Palhoça', 'ç', 'c')", "Palhoca"),
    ("translate('abcd', 'a', '')", "bcd"),
    ("translate('abcd', 'a', 'zy')", "zbcd"),
    ("translate('abcd', 'ac', 'z')", "zbd"),
    ("translate('abcd', 'aac', 'zq')", "zbd"),
    ("lpad('abc', 5, 'xy')", "xyabc"),
    ("lpad('abc', 2, 'x')", "ab"),
    ("lpad('abc', 5, '')", BAD_ARGUMENT),
    ("rpad('abc', 6, 'xy')", "abcxyx"),
    ("strpos('high', 'ig')", 2),
    ("strpos('high', 'igx')", 0),
    ("strpos('abc/xyz/foo/bar', '/', 3)", 12),
    ("strpos('abc/xyz/foo/bar', '/', 9)", 0),
    ("position('ig' IN 'high')", 2),
    ("starts_with('abc', 'ab')", True),
    ("split('a.b.c', '.')", ["a", "b", "c"]),
    ("split('a.b.c', '.', 2)", ["a", "b.c"]),
    ("split('a', '')", BAD_ARGUMENT),
    ("split_part('xyz,abc', ',', 2)", "abc"),
    ("split_part('a,b', ',', 3)", None),
    ("split_part('a,b', ',', 0)", BAD_ARGUMENT),
    ("split_part(',b', ',', 1)", ""),
    ("split_to_map('a=1,b=2', ',', '=')", {"a": "1", "b": "2"}),
    ("split_to_map('a=1,a=2', ',', '=')", BAD_ARGUMENT),
    ("split_to_map('a', ',', '=')", BAD_ARGUMENT),
    ("codepoint('é')", 233),
    ("codepoint('ab')", BAD_ARGUMENT),
    ("chr(26085)", "日"),
    ("normalize('ｱ', NFKC)", "ア"),
    ("normalize('e\u0301')", "\u00e9"),
    ("levenshtein_distance('kitten', 'sitting')", 3),
    ("levenshtein_distance('日本', '日')", 1),
    ("hamming_distance('hello', 'jello')", 1),
    ("hamming_distance('a', 'ab')", BAD_ARGUMENT),
    ("soundex('Robert')", "R163"),
    ("soundex('Tymczak')", "T522"),
    ("concat('a', 'b', 'c')", "abc"),
    ("concat('a', NULL)", None),
    ("concat('a', 1)", WRONG_TYPE),
    ("concat(ARRAY[1], ARRAY[2], ARRAY[3])", [1, 2, 3]),
    ("concat(ARRAY[1], NULL)", None),
    ("concat(X'6162', X'63')", b"abc"),
    ("concat_ws(',', 'a', NULL, 'b')", "a,b"),
    ("concat_ws('-', ARRAY['a', 'b'])", "a-b"),
]

REGULAR = [
    ("regexp_like('1a 2b 14m', '\\d+b')", True),
    ("regexp_like('a.jpg', '\\.jpg$')", True),
    ("regexp_like('a.jpgx', '\\.jpg$')", False),
    ("regexp_like('カメラ', '^カ.+ラ$')", True),
    ("regexp_like('ABC', '(?i)abc')", True),
    ("regexp_like('ab', '(?<=a)b')", True),
    ("regexp_like('a', '(')", BAD_ARGUMENT),
    ("regexp_like('a', '[a-z&&[^b]]')", REFUSED),
    ("regexp_count('1a 2b 14m', '\\s*[a-z]+\\s*')", 3),
    ("regexp_extract_all('1a 2b 14m', '\\d+')", ["1", "2", "14"]),
    ("regexp_extract_all('1a 2b 14m', '(\\d+)([a-z]+)', 2)", ["a", "b", "m"]),
    ("regexp_extract('1a 2b 14m', '\\d+')", "1"),
    ("regexp_extract('1a 2b 14m', '(\\d+)([a-z]+)', 2)", "a"),
    ("regexp_extract('abc', '\\d+')", None),
    ("regexp_extract('abc', '(x)?b', 1)", None),
    ("regexp_extract('abc', 'b', 1)", BAD_ARGUMENT),
    ("regexp_position('I have 23 apples, 5 pears and 13 oranges', '\\b\\d+\\b')", 8),
    ("regexp_position('abc', 'x')", -1),
    ("regexp_replace('1a 2b 14m', '\\d+[ab] ')", "14m"),
    ("regexp_replace('1a 2b 14m', '(\\d+)([ab]) ', '3c$2 ')", "3ca 3cb 14m"),
    ("regexp_replace('ab', '(?<x>a)', '${x}${x}')", "aab"),
    ("regexp_replace('ab', 'a', '\\$')", "$b"),
    ("regexp_replace('ab', 'a', '$1')", BAD_ARGUMENT),
    ("regexp_split('1a 2b 14m', '\\s*[a-z]+\\s*')", ["1", "2", "14", ""]),
    ("regexp_like('１', '\\d')", True),
    ("regexp_extract('x１２', '\\d+')", "１２"),
]

TIME = [
    ("date_trunc('day', TIMESTAMP '2022-10-20 05:10:00')", datetime(2022, 10, 20)),
    ("date_trunc('week', TIMESTAMP '2001-08-22 03:04:05.321')", datetime(2001, 8, 20)),
    ("date_trunc('quarter', DATE '2001-08-22')", date(2001, 7, 1)),
    ("date_trunc('hour', TIMESTAMP '2001-08-22 03:04:05.321')", datetime(2001, 8, 22, 3)),
    ("date_trunc('hour', DATE '2001-08-22')", BAD_ARGUMENT),
    ("date_trunc('fortnight', DATE '2001-08-22')", BAD_ARGUMENT),
    ("date_trunc('day', TIMESTAMP '2020-01-01 20:00 UTC' AT TIME ZONE 'Asia/Tokyo')",
     "2020-01-02 00:00:00.000 Asia/Tokyo"),
    ("date_trunc('hour', TIMESTAMP '2020-01-01 20:10:00 +05:30')",
     "2020-01-01 20:00:00.000 +05:30"),
    ("date_add('second', 86, TIMESTAMP '2020-03-01 00:00:00')", datetime(2020, 3, 1, 0, 1, 26)),
    ("date_add('hour', 9, TIMESTAMP '2020-03-01 00:00:00')", datetime(2020, 3, 1, 9)),
    ("date_add('day', -1, TIMESTAMP '2020-03-01 00:00:00 UTC')", "2020-02-29 00:00:00.000 UTC"),
    ("date_add('month', 1, DATE '2020-01-31')", date(2020, 2, 29)),
    ("date_add('week', 1, DATE '2020-01-31')", date(2020, 2, 7)),
    ("date_add('hour', 1, DATE '2020-01-31')", BAD_ARGUMENT),
    ("date_add('millisecond', 5, TIMESTAMP '2020-01-01 00:00:00')",
     datetime(2020, 1, 1, 0, 0, 0, 5000)),
    ("date_diff('second', TIMESTAMP '2020-03-01 00:00:00', TIMESTAMP '2020-03-02 00:00:00')",
     86400),
    ("date_diff('hour', TIMESTAMP '2020-03-01 00:00:00 UTC', TIMESTAMP '2020-03-02 00:00:00 UTC')",
     24),
    ("date_diff('day', DATE '2020-03-01', DATE '2020-03-02')", 1),
    ("date_diff('day', TIMESTAMP '2020-01-01 23:59:59', TIMESTAMP '2020-01-02 00:00:01')", 0),
    ("date_diff('month', DATE '2020-01-31', DATE '2020-02-29')", 1),
    ("date_diff('month', DATE '2020-01-15', DATE '2020-02-14')", 0),
    ("date_diff('year', DATE '2020-06-01', DATE '2019-07-01')", 0),
    ("date_diff('week', DATE '2020-01-01', DATE '2020-01-14')", 1),
    ("date_diff('day', DATE '2020-01-01', '2020-01-02')", NO_SUCH_CALL),
    ("year(DATE '2001-08-22')", 2001),
    ("quarter(DATE '2001-08-22')", 3),
    ("month(TIMESTAMP '2001-08-22 03:04:05.321')", 8),
    ("week(DATE '2021-01-03')", 53),
    ("week_of_year(DATE '2021-01-04')", 1),
    ("year_of_week(DATE '2021-01-03')", 2020),
    ("yow(DATE '2021-01-04')", 2021),
    ("day(DATE '2001-08-22')", 22),
    ("day_of_month(DATE '2001-08-22')", 22),
    ("day_of_week(DATE '2020-01-05')", 7),
    ("dow(DATE '2020-01-06')", 1),
    ("extract(DOW FROM DATE '2020-01-05')", 7),
    ("extract(YEAR FROM TIMESTAMP '2001-08-22 03:04:05.321')", 2001),
    ("day_of_year(DATE '2020-12-31')", 366),
    ("doy(DATE '2020-01-01')", 1),
    ("hour(TIMESTAMP '2001-08-22 03:04:05.321')", 3),
    ("hour(TIMESTAMP '2020-01-01 20:00 UTC' AT TIME ZONE 'Asia/Tokyo')", 5),
    ("hour(DATE '2020-01-01')", None),  # replaced below: a date coerces to a timestamp
    ("minute(TIMESTAMP '2001-08-22 03:04:05.321')", 4),
    ("second(TIMESTAMP '2001-08-22 03:04:05.321')", 5),
    ("millisecond(TIMESTAMP '2001-08-22 03:04:05.321')", 321),
    ("timezone_hour(TIMESTAMP '2020-05-10 12:34:56 +08:35')", 8),
    ("timezone_minute(TIMESTAMP '2020-05-10 12:34:56 +08:35')", 35),
    ("at_timezone(TIMESTAMP '2022-11-01 09:08:07.321', 'America/Los_Angeles')",
     "2022-11-01 02:08:07.321 America/Los_Angeles"),
    ("TIMESTAMP '2012-10-31 01:00 UTC' AT TIME ZONE 'America/Los_Angeles'",
     "2012-10-30 18:00:00.000 America/Los_Angeles"),
    ("CAST(TIMESTAMP '2020-01-01 20:00 UTC' AT TIME ZONE 'Asia/Tokyo' AS date)", date(2020, 1, 2)),
    ("TIMESTAMP '2020-01-01 00:00 UTC' AT TIME ZONE 'Mars/Olympus'", BAD_ARGUMENT),
    ("TIMESTAMP '2020-01-01 09:00 Asia/Tokyo' = TIMESTAMP '2020-01-01 00:00 UTC'", True),
    ("with_timezone(TIMESTAMP '2022-11-01 09:08:07.321', 'America/Los_Angeles')",
     "2022-11-01 09:08:07.321 America/Los_Angeles"),
    ("current_timezone()", UTC),
    ("now() = current_timestamp", True),
    ("CAST(now() AS date) = current_date", True),
    ("CAST(now() AS timestamp) = localtimestamp", True),
    ("from_unixtime(1577836800)", "2020-01-01 00:00:00.000 UTC"),
    ("from_unixtime(1577836800.0006)", "2020-01-01 00:00:00.001 UTC"),
    ("from_unixtime(1577836800, 'Asia/Tokyo')", "2020-01-01 09:00:00.000 Asia/Tokyo"),
    ("to_unixtime(TIMESTAMP '2020-01-01 00:00:00.5')", 1577836800.5),
    ("to_unixtime(TIMESTAMP '2020-01-01 09:00:00 Asia/Tokyo')", 1577836800.0),
    ("date('2020-01-01')", date(2020, 1, 1)),
    ("date(TIMESTAMP '2020-01-01 23:00:00')", date(2020, 1, 1)),
    ("date('x')", BAD_CAST),
    ("last_day_of_month(DATE '2020-02-10')", date(2020, 2, 29)),
    ("to_iso8601(DATE '2020-01-01')", "2020-01-01"),
    ("to_iso8601(TIMESTAMP '2020-01-01 01:02:03.5')", "2020-01-01T01:02:03.500"),
    ("to_iso8601(TIMESTAMP '2020-01-01 01:02:03 +09:00')", "2020-01-01T01:02:03.000+09:00"),
    ("to_iso8601(TIMESTAMP '2020-01-01 01:02:03 UTC')", "2020-01-01T01:02:03.000Z"),
    ("date_format(TIMESTAMP '2001-08-22 03:04:05.321', '%Y-%m-%d %H:%i:%s')",
     "2001-08-22 03:04:05"),
    ("date_format(TIMESTAMP '2001-08-22 15:04:05.321', "
     "'%a %b %c %e %f %h %k %l %M %p %r %T %W %y')",
     "Wed Aug 8 22 321000 03 15 3 August PM 03:04:05 PM 15:04:05 Wednesday 01"),
    ("date_format(DATE '2021-01-03', '%x-%v %j %%')", "2020-53 003 %"),
    ("date_format(TIMESTAMP '2020-01-01 00:00:00', '%w')", BAD_ARGUMENT),
    ("format_datetime(TIMESTAMP '2001-08-22 03:04:05.321', 'yyyy-MM-dd''T''HH:mm:ss.SSS')",
     "2001-08-22T03:04:05.321"),
    ("format_datetime(TIMESTAMP '2001-08-22 15:04:05.321', 'yy/M/d h:m a EEE MMMM')",
     "01/8/22 3:4 PM Wed August"),
    ("format_datetime(TIMESTAMP '2020-01-01 09:00 Asia/Tokyo', 'HH ZZ ZZZ')",
     "09 +09:00 Asia/Tokyo"),
    ("format_datetime(TIMESTAMP '2020-01-01 00:00:00', 'G')", REFUSED),
    ("from_iso8601_timestamp('2020-05-11')", "2020-05-11 00:00:00.000 UTC"),
    ("from_iso8601_timestamp('2020-05-11T11:15:05')", "2020-05-11 11:15:05.000 UTC"),
    ("from_iso8601_timestamp('2020-05-11T11:15:05.055+01:00')", "2020-05-11 11:15:05.055 +01:00"),
    ("from_iso8601_timestamp('2020-05-11T11:15:05Z')", "2020-05-11 11:15:05.000 UTC"),
    ("from_iso8601_timestamp('11 May')", BAD_ARGUMENT),
    ("from_iso8601_date('2020-05-11')", date(2020, 5, 11)),
    ("from_iso8601_date('2020-W10')", date(2020, 3, 2)),
    ("from_iso8601_date('2020-123')", date(2020, 5, 2)),
    ("date_parse('2022/10/20/05', '%Y/%m/%d/%H')", datetime(2022, 10, 20, 5)),
    ("date_parse('20/Oct/2022:05:06:07', '%d/%b/%Y:%H:%i:%s')", datetime(2022, 10, 20, 5, 6, 7)),
    ("date_parse('2022-10-20 05:10:11.5', '%Y-%m-%d %H:%i:%s.%f')",
     datetime(2022, 10, 20, 5, 10, 11, 500000)),
    ("date_parse('20221020', '%Y%m%d')", datetime(2022, 10, 20)),
    ("date_parse('2022-13-01', '%Y-%m-%d')", BAD_ARGUMENT),
    ("date_parse('2022-10-20x', '%Y-%m-%d')", BAD_ARGUMENT),
    ("parse_datetime('1960/01/22 3:04', 'yyyy/MM/dd H:mm')", "1960-01-22 03:04:00.000 UTC"),
    ("parse_datetime('2020-01-01T10:00:00+09:00', 'yyyy-MM-dd''T''HH:mm:ssZZ')",
     "2020-01-01 10:00:00.000 +09:00"),
    ("parse_duration('42.8ms')", "0 00:00:00.043"),
    ("parse_duration('3.81 d')", "3 19:26:24.000"),
    ("parse_duration('5m')", "0 00:05:00.000"),
    ("to_milliseconds(parse_duration('1m'))", 60000),
    ("DATE '2012-08-08' + INTERVAL '2' DAY", date(2012, 8, 10)),
    ("TIMESTAMP '2012-08-08 01:00' + INTERVAL '29' HOUR", datetime(2012, 8, 9, 6)),
    ("TIMESTAMP '2012-10-31 01:00' + INTERVAL '1' MONTH", datetime(2012, 11, 30, 1)),
    ("TIMESTAMP '2012-10-31 01:00' - INTERVAL '1' MONTH", datetime(2012, 9, 30, 1)),
    ("INTERVAL '2' DAY + INTERVAL '3' HOUR", "2 03:00:00.000"),
    ("INTERVAL '2' DAY - INTERVAL '3' HOUR", "1 21:00:00.000"),
    ("INTERVAL '3' YEAR + INTERVAL '5' MONTH", "3-5"),
    ("INTERVAL '3' YEAR - INTERVAL '5' MONTH", "2-7"),
    ("DATE '2020-01-01' + INTERVAL '1' HOUR", BAD_ARGUMENT),
    ("DATE '2020-03-01' - DATE '2020-02-01'", "29 00:00:00.000"),
    ("CAST(TIMESTAMP '2020-01-01 10:11:12' AS time)", time(10, 11, 12)),
]  # fmt: skip
TIME.remove(("hour(DATE '2020-01-01')", None))

JSON = [
    ("json_parse('{\"b\": [1, 2.0], \"a\": null}')", '{"a":null,"b":[1,2.0]}'),
    ("json_parse('not json')", BAD_ARGUMENT),
    ("json_format(JSON '[1, 2, 3]')", "[1,2,3]"),
    ("json_format(CAST('[1]' AS json))", '"[1]"'),
    ("json_extract('{\"a\": {\"b\": [1, 2]}}', '$.a')", '{"b":[1,2]}'),
    ("json_extract('{\"a\": {\"b\": [1, 2]}}', '$.a.b[1]')", "2"),
    ("json_extract('{\"a\": 1}', '$.x')", None),
    ("json_extract('{\"a\": 1}', 'a')", BAD_ARGUMENT),
    ("json_extract_scalar('{\"a\": {\"b\": [1, 2]}}', '$.a.b[1]')", "2"),
    ("json_extract_scalar('{\"a\": {\"b\": [1, 2]}}', '$.a')", None),
    ("json_extract_scalar('{\"a\": \"x\"}', '$.a')", "x"),
    ("json_extract_scalar('{\"a\": 1.50}', '$.a')", "1.50"),
    ("json_extract_scalar('{\"a\": true}', '$.a')", "true"),
    ("json_extract_scalar('{\"a\": null}', '$.a')", None),
    ("json_extract_scalar('{\"fu-bar\": 3}', '$[\"fu-bar\"]')", "3"),
    ("json_extract_scalar('broken', '$.a')", None),
    ("json_array_length('[1, 2, 3]')", 3),
    ("json_array_length('{}')", None),
    ("json_array_get('[\"a\", [3, 9], \"c\"]', 1)", "[3,9]"),
    ("json_array_get('[\"a\", [3, 9], \"c\"]', 0)", "a"),
    ("json_array_get('[1, 2]', -1)", "2"),
    ("json_array_get('[1, 2]', 5)", None),
    ("json_array_contains('[1, 2, 3]', 2)", True),
    ("json_array_contains('[\"a\"]', 'b')", False),
    ("json_array_contains('[true]', true)", True),
    ("json_size('{\"x\": {\"a\": 1, \"b\": 2}}', '$.x')", 2),
    ("json_size('{\"x\": [1, 2, 3]}', '$.x')", 3),
    ("json_size('{\"x\": 1}', '$.x')", 0),
    ("is_json_scalar('1')", True),
    ("is_json_scalar('[1, 2]')", False),
    ("CAST(NULL AS json)", None),
    ("CAST(1 AS json)", "1"),
    ("CAST('abc' AS json)", '"abc"'),
    ("CAST(true AS json)", "true"),
    ("CAST(1.234 AS json)", "1.234"),
    ("CAST(ARRAY[1, 23, NULL] AS json)", "[1,23,null]"),
    ("CAST(MAP(ARRAY['k1', 'k2'], ARRAY[1, 23]) AS json)", '{"k1":1,"k2":23}'),
    ("CAST(CAST(ROW(123, 'abc') AS row(v1 bigint, v2 varchar)) AS json)", '{"v1":123,"v2":"abc"}'),
    ("CAST(JSON 'null' AS varchar)", None),
    ("CAST(JSON '1' AS integer)", 1),
    ("CAST(JSON '\"abc\"' AS varchar)", "abc"),
    ("CAST(JSON 'true' AS boolean)", True),
    ("CAST(JSON '1.234' AS double)", 1.234),
    ("CAST(JSON '[1,23,456]' AS array(integer))", [1, 23, 456]),
    ("CAST(JSON '[[1,23],[456]]' AS array(array(integer)))", [[1, 23], [456]]),
    ("CAST(JSON '{\"k1\":1,\"k2\":23}' AS map(varchar, integer))", {"k1": 1, "k2": 23}),
    ("CAST(JSON '{\"v1\":123,\"v2\":\"abc\"}' AS row(v1 bigint, v2 varchar))",
     {"v1": 123, "v2": "abc"}),
    ("CAST(JSON '[123,\"abc\"]' AS row(v1 bigint, v2 varchar))", {"v1": 123, "v2": "abc"}),
    ("CAST(JSON '[1]' AS varchar)", BAD_CAST),
    ("CAST(JSON '\"x\"' AS integer)", BAD_CAST),
    ("CAST(json_parse('[{\"a\": 1}, {\"a\": null}]') AS array(row(a integer)))",
     [{"a": 1}, {"a": None}]),
]  # fmt: skip

COLLECTIONS = [
    ("cardinality(ARRAY[1, 2])", 2),
    ("cardinality(MAP(ARRAY['a'], ARRAY[1]))", 1),
    ("array_distinct(ARRAY[2, 1, NULL, 2, NULL])", [2, 1, None]),
    ("array_intersect(ARRAY[1, 2, NULL, 2], ARRAY[2, NULL])", [2, None]),
    ("array_union(ARRAY[1, 2], ARRAY[2, NULL])", [1, 2, None]),
    ("array_except(ARRAY[1, 2, 2, NULL], ARRAY[1])", [2, None]),
    ("arrays_overlap(ARRAY[1, 2], ARRAY[2, 3])", True),
    ("arrays_overlap(ARRAY[1, NULL], ARRAY[3])", None),
    ("arrays_overlap(ARRAY[1], ARRAY[3])", False),
    ("array_join(ARRAY[1, NULL, 3], ',')", "1,3"),
    ("array_join(ARRAY['a', NULL], '-', '?')", "a-?"),
    ("array_join(ARRAY[], ',')", ""),
    ("array_max(ARRAY[1, 3, 2])", 3),
    ("array_max(ARRAY[1, NULL])", None),
    ("array_min(ARRAY['b', 'a'])", "a"),
    ("array_position(ARRAY[1, 2], 2)", 2),
    ("array_position(ARRAY[1, 2], 5)", 0),
    ("array_remove(ARRAY[1, 2, NULL, 1], 1)", [2, None]),
    ("array_sort(ARRAY[3, NULL, 1])", [1, 3, None]),
    ("array_sort(ARRAY[3, 1], (x, y) -> 1)", NO_SUCH_CALL),
    ("contains(ARRAY[1, 2], 2)", True),
    ("contains(ARRAY[1, NULL], 2)", None),
    ("contains(ARRAY[1, 2], 5)", False),
    ("element_at(ARRAY[1, 2], -1)", 2),
    ("element_at(ARRAY[1, 2], 3)", None),
    ("element_at(ARRAY[1, 2], 0)", BAD_ARGUMENT),
    ("element_at(MAP(ARRAY['a'], ARRAY[1]), 'b')", None),
    ("ARRAY[1, 2][3]", BAD_ARGUMENT),
    ("ARRAY[1, 2][2]", 2),
    ("MAP(ARRAY['a'], ARRAY[1])['b']", BAD_ARGUMENT),
    ("MAP(ARRAY['a'], ARRAY[1])['a']", 1),
    ("flatten(ARRAY[ARRAY[1, 2], ARRAY[3]])", [1, 2, 3]),
    ("repeat('a', 2)", ["a", "a"]),
    ("slice(ARRAY[1, 2, 3, 4], 2, 2)", [2, 3]),
    ("slice(ARRAY[1, 2, 3, 4], -2, 2)", [3, 4]),
    ("slice(ARRAY[1, 2], 0, 1)", BAD_ARGUMENT),
    ("trim_array(ARRAY[1, 2, 3, 4], 1)", [1, 2, 3]),
    ("trim_array(ARRAY[1], 2)", BAD_ARGUMENT),
    ("sequence(1, 5)", [1, 2, 3, 4, 5]),
    ("sequence(5, 1)", [5, 4, 3, 2, 1]),
    ("sequence(1, 9, 4)", [1, 5, 9]),
    ("sequence(1, 9, -1)", BAD_ARGUMENT),
    ("sequence(DATE '2020-01-30', DATE '2020-02-01')",
     [date(2020, 1, 30), date(2020, 1, 31), date(2020, 2, 1)]),
    ("sequence(DATE '2020-01-01', DATE '2020-03-01', INTERVAL '1' MONTH)",
     [date(2020, 1, 1), date(2020, 2, 1), date(2020, 3, 1)]),
    ("zip(ARRAY[1, 2], ARRAY['1b', NULL, '3b'])",
     [{"field0": 1, "field1": "1b"}, {"field0": 2, "field1": None},
      {"field0": None, "field1": "3b"}]),
    ("transform(ARRAY[5, NULL, 6], x -> COALESCE(x, 0) + 1)", [6, 1, 7]),
    ("transform(ARRAY['x', 'abc'], x -> length(x))", [1, 3]),
    ("transform(ARRAY[ARRAY[1, NULL]], a -> filter(a, x -> x IS NOT NULL))", [[1]]),
    ("filter(ARRAY[5, -6, NULL, 7], x -> x > 0)", [5, 7]),
    ("reduce(ARRAY[5, 20, 50], 0, (s, x) -> s + x, s -> s)", 75),
    ("reduce(ARRAY[5, 20, NULL, 50], 0, (s, x) -> s + COALESCE(x, 0), s -> s)", 75),
    ("reduce(ARRAY[2147483647, 1], BIGINT '0', (s, x) -> s + x, s -> s)", 2147483648),
    ("reduce(ARRAY[5, 6, 10, 20], CAST(ROW(0.0, 0) AS ROW(sum DOUBLE, count INTEGER)), "
     "(s, x) -> CAST(ROW(x + s.sum, s.count + 1) AS ROW(sum DOUBLE, count INTEGER)), "
     "s -> IF(s.count = 0, NULL, s.sum / s.count))", 10.25),
    ("any_match(ARRAY[1, 2], x -> x > 1)", True),
    ("any_match(ARRAY[1, NULL], x -> x > 1)", None),
    ("all_match(ARRAY[1, 2], x -> x > 0)", True),
    ("all_match(ARRAY[], x -> false)", True),
    ("none_match(ARRAY[1, 2], x -> x > 5)", True),
    ("zip_with(ARRAY[1, 2], ARRAY[3, 4], (x, y) -> x + y)", [4, 6]),
    ("zip_with(ARRAY['a', 'b', 'c'], ARRAY['d', 'e', 'f'], (x, y) -> concat(x, y))",
     ["ad", "be", "cf"]),
    ("zip_with(ARRAY['a'], ARRAY['d', NULL, 'f'], (x, y) -> coalesce(x, y))", ["a", None, "f"]),
    ("map()", {}),
    ("map(ARRAY[1, 3], ARRAY[2, 4])", {1: 2, 3: 4}),
    ("map(ARRAY[1, 1], ARRAY[2, 4])", BAD_ARGUMENT),
    ("map(ARRAY[1], ARRAY[2, 4])", BAD_ARGUMENT),
    ("map_keys(MAP(ARRAY['a', 'b'], ARRAY[1, 2]))", ["a", "b"]),
    ("map_values(MAP(ARRAY['a', 'b'], ARRAY[1, 2]))", [1, 2]),
    ("map_entries(MAP(ARRAY[1, 2], ARRAY['x', 'y']))",
     [{"field0": 1, "field1": "x"}, {"field0": 2, "field1": "y"}]),
    ("map_from_entries(ARRAY[(1, 'x'), (2, 'y')])", {1: "x", 2: "y"}),
    ("map_concat(MAP(ARRAY['a'], ARRAY[1]), MAP(ARRAY['a', 'b'], ARRAY[2, 3]))", {"a": 2, "b": 3}),
    ("map_filter(MAP(ARRAY[10, 20, 30], ARRAY['a', NULL, 'c']), (k, v) -> v IS NOT NULL)",
     {10: "a", 30: "c"}),
    ("transform_keys(MAP(ARRAY[1, 2, 3], ARRAY['a', 'b', 'c']), (k, v) -> k + 10)",
     {11: "a", 12: "b", 13: "c"}),
    ("transform_values(MAP(ARRAY[1, 2], ARRAY[1.0, 1.4]), (k, v) -> k + v)",
     {1: Decimal("2.0"), 2: Decimal("3.4")}),
]  # fmt: skip

BINARY = [
    ("to_utf8('é')", b"\xc3\xa9"),
    ("from_utf8(X'C3A9')", "é"),
    ("from_utf8(X'58BF')", "X\ufffd"),
    ("to_hex(X'0aff')", "0AFF"),
    ("from_hex('0aFF')", b"\x0a\xff"),
    ("from_hex('0')", BAD_ARGUMENT),
    ("to_base64(to_utf8('ab'))", "YWI="),
    ("from_base64('YWI=')", b"ab"),
    ("to_base64url(X'fbff')", "-_8="),
    ("from_base64url('-_8=')", b"\xfb\xff"),
    ("crc32(to_utf8('123456789'))", 0xCBF43926),
    ("to_hex(md5(to_utf8('')))", "D41D8CD98F00B204E9800998ECF8427E"),
    ("to_hex(sha1(to_utf8('abc')))", "A9993E364706816ABA3E25717850C26C9CD0D89D"),
    ("to_hex(sha256(to_utf8('')))",
     "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"),
    ("substr(to_hex(sha512(to_utf8('abc'))), 1, 16)", "DDAF35A193617ABA"),
    ("to_hex(hmac_md5(to_utf8('what do ya want for nothing?'), to_utf8('Jefe')))",
     "750C783E6AB0B503EAA86E310A5DB738"),
    ("to_hex(hmac_sha1(to_utf8('what do ya want for nothing?'), to_utf8('Jefe')))",
     "EFFCDF6AE5EB2FA2D27416D5F184DF9C259A7C79"),
    ("to_hex(hmac_sha256(to_utf8('what do ya want for nothing?'), to_utf8('Jefe')))",
     "5BDCC146BF60754E6A042426089575C75A003F089D2739839DEC58B964EC3843"),
    ("substr(to_hex(hmac_sha512(to_utf8('what do ya want for nothing?'), to_utf8('Jefe'))), 1, 16)",
     "164B7A7BFCF819E2"),
    ("length(X'0102')", 2),
    ("md5('text')", NO_SUCH_CALL),
]  # fmt: skip

_URL = "'https://user@shop.example:8443/a%20b/c?k1=v1&k2=a%2Bb&k3#top'"
URLS = [
    (f"url_extract_host({_URL})", "shop.example"),
    (f"url_extract_path({_URL})", "/a b/c"),
    (f"url_extract_protocol({_URL})", "https"),
    (f"url_extract_port({_URL})", 8443),
    (f"url_extract_fragment({_URL})", "top"),
    ("url_extract_query('http://a.b/c?x=1&y=2')", "x=1&y=2"),
    (f"url_extract_parameter({_URL}, 'k1')", "v1"),
    (f"url_extract_parameter({_URL}, 'k2')", "a+b"),
    (f"url_extract_parameter({_URL}, 'k3')", ""),
    (f"url_extract_parameter({_URL}, 'k4')", None),
    ("url_extract_parameter('http://a/?x=1%262', 'x')", REFUSED),
    ("url_extract_host('not a url')", None),
    ("url_encode('a b&ç')", "a+b%26%C3%A7"),
    ("url_decode('a+b%26')", "a b&"),
]

AGGREGATES = [
    (agg("count(*)"), 5),
    (agg("count(x)"), 4),
    (agg("count(DISTINCT x)"), 3),
    (agg("count_if(x > 2)"), 3),
    (agg("count(*) FILTER (WHERE g = 'b')"), 3),
    (agg("sum(x)"), 15),
    (agg("typeof(sum(x))"), "bigint"),
    (agg("sum(DISTINCT x)"), 12),
    (agg("sum(y)"), 22.0),
    (agg("sum(CAST(x AS decimal(5,2)))"), Decimal("15.00")),
    ("SELECT sum(x) FROM (VALUES 9223372036854775807, 1) AS t(x)", OVERFLOW),
    ("SELECT sum(x), count(x), max(x) FROM (VALUES 1) AS t(x) WHERE x > 5", (None, 0, None)),
    (agg("avg(x)"), 3.75),
    ("SELECT avg(x) FROM (VALUES 1.00, 2.01) AS t(x)", Decimal("1.51")),
    ("SELECT avg(x) FROM (VALUES 1.00, 2.00, 2.00) AS t(x)", Decimal("1.67")),
    (agg("min(s)"), "p"),
    (agg("max(x)"), 8),
    (agg("max(x, 2)"), [8, 3]),
    (agg("min(x, 2)"), [1, 3]),
    ("SELECT max(x) FROM (VALUES 1e0, nan()) AS t(x)", REFUSED),
    (agg("max_by(x, y)"), None),
    (agg("max_by(g, x)"), "b"),
    (agg("min_by(s, y)"), "r"),
    ("SELECT arbitrary(x) FROM (VALUES NULL, 1, 1) AS t(x)", 1),
    ("SELECT any_value(x) FROM (VALUES 2, NULL) AS t(x)", 2),
    (agg("bool_and(y > 0)"), True),
    (agg("every(y > 1)"), False),
    (agg("bool_or(y > 8)"), True),
    (agg("bitwise_and_agg(x)"), 0),
    (agg("bitwise_or_agg(x)"), 11),
    ("SELECT bitwise_xor_agg(x) FROM (VALUES 5, 3) AS t(x)", 6),
    ("SELECT geometric_mean(x) FROM (VALUES 1, 4) AS t(x)", Near(2.0)),
    (agg("array_agg(x ORDER BY y)"), [8, 1, 3, 3, None]),
    (agg("array_agg(x ORDER BY y DESC) FILTER (WHERE x IS NOT NULL)"), [3, 3, 1, 8]),
    (agg("array_agg(DISTINCT g ORDER BY g)"), ["a", "b"]),
    ("SELECT listagg(value, ',') WITHIN GROUP (ORDER BY value) "
     "FROM (VALUES 'a', 'c', 'b') AS t(value)", "a,b,c"),
    (agg("map_agg(s, y)['p']"), 2.0),
    (agg("array_sort(multimap_agg(s, y)['q'])"), [4.0, 6.0]),
    (agg("histogram(x)[3]"), 2),
    (agg("approx_distinct(x)"), 3),
    (agg("approx_distinct(g, 0.01)"), 2),
    ("SELECT approx_percentile(x, 0.5) FROM (VALUES 1, 2, 3) AS t(x)", 2),
    ("SELECT approx_percentile(x, ARRAY[0.0, 1.0]) FROM (VALUES 1e0, 2e0, 3e0) AS t(x)",
     [1.0, 3.0]),
    ("SELECT stddev(x) FROM (VALUES 1, 3) AS t(x)", Near(math.sqrt(2))),
    ("SELECT stddev_samp(x) FROM (VALUES 1) AS t(x)", None),
    ("SELECT stddev_pop(x) FROM (VALUES 1, 3) AS t(x)", Near(1.0)),
    ("SELECT variance(x) FROM (VALUES 1, 3) AS t(x)", Near(2.0)),
    ("SELECT var_samp(x) FROM (VALUES 1, 3) AS t(x)", Near(2.0)),
    ("SELECT var_pop(x) FROM (VALUES 1, 3) AS t(x)", Near(1.0)),
    # the estimators of Trino's source: sqrt(n) m3 / m2^1.5, and the bias-corrected excess
    ("SELECT skewness(x) FROM (VALUES 1, 2, 4, 9) AS t(x)", Near(2 * 90 / 38**1.5)),
    ("SELECT skewness(x) FROM (VALUES 1, 2) AS t(x)", None),
    ("SELECT kurtosis(x) FROM (VALUES 1, 2, 4, 9) AS t(x)", Near(1.5000000000000018)),
    ("SELECT kurtosis(x) FROM (VALUES 1, 2, 3) AS t(x)", None),
    (agg("corr(y, 2 * y)"), Near(1.0)),
    ("SELECT corr(x, x) FROM (VALUES 1) AS t(x)", None),
    ("SELECT covar_samp(x, y) FROM (VALUES (1, 2), (2, 4), (3, 6)) AS t(x, y)", Near(2.0)),
    ("SELECT covar_pop(x, y) FROM (VALUES (1, 2), (2, 4), (3, 6)) AS t(x, y)", Near(4 / 3)),
    ("SELECT regr_slope(y, x) FROM (VALUES (1, 3), (2, 5), (3, 7)) AS t(x, y)", Near(2.0)),
    ("SELECT regr_intercept(y, x) FROM (VALUES (1, 3), (2, 5), (3, 7)) AS t(x, y)", Near(1.0)),
    ("SELECT regr_slope(x, x) FROM (VALUES 1) AS t(x)", None),
]  # fmt: skip


def window(what: str) -> str:
    return f"SELECT {what} FROM (VALUES 1, 2, 2, NULL) AS t(x) ORDER BY x"


WINDOWS = [
    (window("row_number() OVER (ORDER BY x)"), [(1,), (2,), (3,), (4,)]),
    (window("rank() OVER (ORDER BY x)"), [(1,), (2,), (2,), (4,)]),
    (window("dense_rank() OVER (ORDER BY x)"), [(1,), (2,), (2,), (3,)]),
    (window("percent_rank() OVER (ORDER BY x)"), [(0.0,), (1 / 3,), (1 / 3,), (1.0,)]),
    (window("cume_dist() OVER (ORDER BY x)"), [(0.25,), (0.75,), (0.75,), (1.0,)]),
    (window("ntile(2) OVER (ORDER BY x)"), [(1,), (1,), (2,), (2,)]),
    (window("lag(x) OVER (ORDER BY x)"), [(None,), (1,), (2,), (2,)]),
    (window("lag(x, 2, 0) OVER (ORDER BY x)"), [(0,), (0,), (1,), (2,)]),
    (window("lead(x, 1) OVER (ORDER BY x)"), [(2,), (2,), (None,), (None,)]),
    (window("first_value(x) OVER (ORDER BY x)"), [(1,), (1,), (1,), (1,)]),
    (window("last_value(x) OVER (ORDER BY x ROWS BETWEEN UNBOUNDED PRECEDING AND "
            "UNBOUNDED FOLLOWING)"),
     [(None,), (None,), (None,), (None,)]),
    (window("last_value(x) IGNORE NULLS OVER (ORDER BY x ROWS BETWEEN UNBOUNDED PRECEDING AND "
            "UNBOUNDED FOLLOWING)"), [(2,), (2,), (2,), (2,)]),
    (window("nth_value(x, 2) OVER (ORDER BY x ROWS BETWEEN UNBOUNDED PRECEDING AND "
            "UNBOUNDED FOLLOWING)"), [(2,), (2,), (2,), (2,)]),
    (window("sum(x) OVER (ORDER BY x)"), [(1,), (5,), (5,), (5,)]),
    (window("sum(x) OVER (ORDER BY x ROWS 1 PRECEDING)"), [(1,), (3,), (4,), (2,)]),
    (window("sum(x) OVER w"), None),
    (window("row_number()"), Fails("SYNTAX_ERROR")),
]  # fmt: skip
WINDOWS.remove((window("sum(x) OVER w"), None))

CASES: list[tuple[str, Any]] = [
    *FORMS, *NUMBERS, *TEXT, *REGULAR, *TIME, *JSON, *COLLECTIONS, *BINARY, *URLS, *AGGREGATES,
    *WINDOWS,
]  # fmt: skip


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        functions.install(opened)
        yield opened


def statement(sql: str) -> str:
    return sql if sql.upper().startswith(("SELECT ", "WITH ", "VALUES ")) else f"SELECT {sql}"


def answer(connection: duckdb.DuckDBPyConnection, sql: str, expected: Any) -> Any:
    """All rows where rows are expected, one row where a tuple is, else the one value."""
    translated = dialect.to_duckdb(dialect.parse(statement(sql)), {})
    try:
        rows = connection.execute(translated).fetchall()
    except duckdb.Error as error:
        raise from_duckdb(error) from error
    if isinstance(expected, list) and expected and isinstance(expected[0], tuple):
        return rows
    assert len(rows) == 1
    return rows[0] if isinstance(expected, tuple) else rows[0][0]


@pytest.mark.parametrize(("sql", "expected"), CASES, ids=[sql for sql, _ in CASES])
def test_documented_value(connection: duckdb.DuckDBPyConnection, sql: str, expected: Any) -> None:
    """(A0)"""
    if isinstance(expected, Fails):
        with pytest.raises(AthenaError) as failure:
            answer(connection, sql, expected)
        assert failure.value.kind == expected.kind
        return
    found = answer(connection, sql, expected)
    assert found == expected
    assert type(found) is type(expected) or isinstance(expected, Near)


def called(sql: str) -> set[str]:
    tree = dialect.parse(statement(sql))
    names = {call.name.lower() for call in tree.find_all(exp.Anonymous)}
    return names | ({"trim"} if tree.find(exp.Trim) else set())


def test_every_function_has_a_case_that_succeeds() -> None:
    """(A0)"""
    proven = {name for sql, value in CASES if not isinstance(value, Fails) for name in called(sql)}
    assert set(functions.TABLE) - proven == set()
