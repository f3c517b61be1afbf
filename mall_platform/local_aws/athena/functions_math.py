"""Numbers: rounding, logarithms, bits, bases and the greatest of several values."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from mall_platform.local_aws.athena import dialect_casts as casts
from mall_platform.local_aws.athena import types as t
from mall_platform.local_aws.athena.dialect_values import Typed
from mall_platform.local_aws.athena.functions_registry import Renderer, Table, invalid

TABLE = Table("Numbers")
_add = TABLE.scalar
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


# --- text of floating-point numbers ------------------------------------------------------------


def double_text(value: float) -> str:
    """A double as CAST shows it: `1.5E0`, `0E0`, `NaN`, `Infinity`."""
    return _scientific(value, repr(value))


def real_text(value: float) -> str:
    """A real as CAST shows it, by the fewest digits that identify it."""
    import numpy

    return _scientific(value, str(numpy.float32(value)))


def _scientific(value: float, shortest: str) -> str:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "-0E0" if shortest.startswith("-") else "0E0"
    sign, digits, exponent = Decimal(shortest).normalize().as_tuple()
    text = "".join(map(str, digits))
    power = int(exponent) + len(text) - 1
    return f"{'-' if sign else ''}{text[0]}.{text[1:] or '0'}E{power}"


def exact_text(value: float, scale: int) -> str:
    """The shortest decimal text of a double, rounded half up to `scale` digits."""
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f"INVALID_CAST_ARGUMENT: Cannot cast DOUBLE '{value}' to DECIMAL")
    return format(Decimal(repr(value)).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP), "f")


def to_base(number: int, radix: int) -> str:
    """A number's digits in a base from 2 to 36."""
    _check_radix(radix)
    digits, rest = "", abs(number)
    while rest:
        rest, digit = divmod(rest, radix)
        digits = _DIGITS[digit] + digits
    return ("-" if number < 0 else "") + (digits or "0")


def from_base(text: str, radix: int) -> int:
    """The number that digits in a base mean."""
    _check_radix(radix)
    try:
        return int(text, radix)
    except ValueError as error:
        raise ValueError(f"INVALID_FUNCTION_ARGUMENT: Not a valid base-{radix} number") from error


def _check_radix(radix: int) -> None:
    if not 2 <= radix <= 36:
        raise ValueError("INVALID_FUNCTION_ARGUMENT: Radix must be between 2 and 36")


PYTHON = (
    ("trino_double_text", double_text, ("DOUBLE",), "VARCHAR"),
    ("trino_real_text", real_text, ("FLOAT",), "VARCHAR"),
    ("trino_exact_text", exact_text, ("DOUBLE", "INTEGER"), "VARCHAR"),
    ("trino_to_base", to_base, ("BIGINT", "BIGINT"), "VARCHAR"),
    ("trino_from_base", from_base, ("VARCHAR", "BIGINT"), "BIGINT"),
)
MACROS = (
    """trino_round_double(number, digits) AS
       CASE WHEN isnan(number) OR isinf(number) THEN number
            ELSE CASE WHEN number < 0 THEN -1 ELSE 1 END
                 * floor(abs(number) * pow(CAST(10 AS DOUBLE), digits) + 0.5)
                 / pow(CAST(10 AS DOUBLE), digits) END""",
    """trino_round_integer(number, digits) AS
       CASE WHEN digits >= 0 OR number IS NULL THEN number
            WHEN digits < -18 THEN 0
            ELSE CAST(trino_half_up(CAST(number AS HUGEINT),
                                    CAST('1' || repeat('0', -digits) AS HUGEINT)) AS HUGEINT)
                 * CAST('1' || repeat('0', -digits) AS HUGEINT) END""",
    """trino_ln(number) AS
       CASE WHEN number < 0 THEN CAST('NaN' AS DOUBLE)
            WHEN number = 0 THEN CAST('-Infinity' AS DOUBLE) ELSE ln(number) END""",
    """trino_sqrt(number) AS
       CASE WHEN number < 0 THEN CAST('NaN' AS DOUBLE) ELSE sqrt(number) END""",
    """trino_unit_only(number, result) AS
       CASE WHEN abs(number) > 1 THEN CAST('NaN' AS DOUBLE) ELSE result END""",
    """trino_width_bucket(operand, low, high, buckets) AS
       CASE WHEN buckets <= 0 THEN trino_fail_integer(
                'INVALID_FUNCTION_ARGUMENT: bucketCount must be greater than 0')
            WHEN low = high THEN trino_fail_integer(
                'INVALID_FUNCTION_ARGUMENT: bounds cannot equal each other')
            WHEN operand < least(low, high) THEN CASE WHEN low < high THEN 0 ELSE buckets + 1 END
            WHEN operand > greatest(low, high)
                 THEN CASE WHEN low < high THEN buckets + 1 ELSE 0 END
            WHEN operand = high THEN buckets + 1
            ELSE CAST(floor(buckets * abs(operand - low) / abs(high - low)) AS BIGINT) + 1 END""",
    """trino_width_bucket_of(operand, bins) AS
       CASE WHEN len(bins) = 0 THEN trino_fail_integer(
                'INVALID_FUNCTION_ARGUMENT: Bins cannot be an empty array')
            WHEN isnan(operand) THEN trino_fail_integer(
                'INVALID_FUNCTION_ARGUMENT: Operand cannot be NaN')
            WHEN operand IS NULL OR bins IS NULL THEN NULL
            ELSE len(list_filter(bins, lambda b: b <= operand)) END""",
    """trino_wilson(successes, trials, z, sign) AS
       CASE WHEN successes < 0 THEN trino_fail_integer(
                'INVALID_FUNCTION_ARGUMENT: number of successes must not be negative')
            WHEN trials <= 0 THEN trino_fail_integer(
                'INVALID_FUNCTION_ARGUMENT: number of trials must be positive')
            WHEN successes > trials THEN trino_fail_integer('INVALID_FUNCTION_ARGUMENT: '
                || 'number of successes must not be larger than number of trials')
            WHEN z < 0 THEN trino_fail_integer(
                'INVALID_FUNCTION_ARGUMENT: z-score must not be negative')
            ELSE (successes / trials + z * z / (2 * trials)
                  + sign * z * sqrt((successes / trials * (1 - successes / trials)
                                     + z * z / (4 * trials)) / trials))
                 / (1 + z * z / trials) END""",
    """trino_positive(number, size) AS
       CASE WHEN number < 0 THEN CAST(number AS HUGEINT) + CAST(pow(2, size) AS HUGEINT)
            ELSE CAST(number AS HUGEINT) END""",
    """trino_signed(number, size) AS
       CASE WHEN number >= CAST(pow(2, size - 1) AS HUGEINT)
            THEN number - CAST(pow(2, size) AS HUGEINT) ELSE number END""",
    """trino_shift_bits(number, bits, size, leftwards) AS
       CASE WHEN bits >= size THEN 0
            WHEN leftwards THEN trino_signed(
                (trino_positive(number, size) % CAST(pow(2, size - bits) AS HUGEINT))
                * CAST(pow(2, bits) AS HUGEINT), size)
            ELSE trino_signed(trino_positive(number, size) // CAST(pow(2, bits) AS HUGEINT), size)
            END""",
    """trino_arithmetic_shift(number, bits) AS
       CASE WHEN bits >= 63 THEN CASE WHEN number < 0 THEN -1 ELSE 0 END
            ELSE CAST(floor(CAST(number AS HUGEINT)
                 - ((CAST(number AS HUGEINT) % CAST(pow(2, bits) AS HUGEINT)
                     + CAST(pow(2, bits) AS HUGEINT)) % CAST(pow(2, bits) AS HUGEINT))) AS HUGEINT)
                 // CAST(pow(2, bits) AS HUGEINT) END""",
    """trino_bit_count(number, bits) AS
       CASE WHEN bits NOT BETWEEN 2 AND 64 THEN trino_fail_integer('INVALID_FUNCTION_ARGUMENT: '
                || 'Bits specified in bit_count must be between 2 and 64, got ' || bits)
            WHEN number < -CAST(pow(2, bits - 1) AS HUGEINT)
                 OR number >= CAST(pow(2, bits - 1) AS HUGEINT)
            THEN trino_fail_integer('INVALID_FUNCTION_ARGUMENT: Number must be representable with '
                || 'the bits specified. ' || number || ' cannot be represented with ' || bits
                || ' bits')
            ELSE length(replace(bin(trino_positive(number, bits)), '0', '')) END""",
)


# --- rounding ----------------------------------------------------------------------------------


def _round_decimal(args: Sequence[Typed]) -> Typed:
    kind = args[0].type
    precision, scale = kind.args
    if len(args) == 1:
        result = t.decimal(precision - scale + (1 if scale else 0), 0)
        return Typed(f"CAST(round({args[0].sql}, 0) AS {result.duckdb})", result)
    digits = args[1].literal
    if not isinstance(digits, int):
        raise invalid("the number of digits must be a literal")
    result = t.decimal(precision + 1, scale)
    rounded = f"round(CAST({args[0].sql} AS {result.duckdb}), {min(digits, scale)})"
    return Typed(f"CAST({rounded} AS {result.duckdb})", result)


def _truncate_decimal(args: Sequence[Typed]) -> Typed:
    precision, scale = args[0].type.args
    result = t.decimal(max(precision - scale, 1), 0)
    return Typed(f"CAST(trunc({args[0].sql}) AS {result.duckdb})", result)


def _whole_decimal(name: str) -> Renderer:
    def render(args: Sequence[Typed]) -> Typed:
        precision, scale = args[0].type.args
        result = t.decimal(precision - scale + min(scale, 1), 0)
        return Typed(f"CAST({name}({args[0].sql}) AS {result.duckdb})", result)

    return render


def _absolute_decimal(args: Sequence[Typed]) -> Typed:
    return Typed(f"abs({args[0].sql})", args[0].type)


def _sign_decimal(args: Sequence[Typed]) -> Typed:
    kind = t.decimal(1, 0)
    return Typed(f"CAST(sign({args[0].sql}) AS {kind.duckdb})", kind)


for _kind in (*t.INTEGERS,):
    _add(f"abs({_kind}) -> {_kind}", "abs({0})")
    _add(f"sign({_kind}) -> {_kind}", "CAST(sign({0}) AS {R})")
    for _name in ("round", "ceil", "ceiling", "floor"):
        _add(f"{_name}({_kind}) -> {_kind}", "{0}")
    _add(f"round({_kind}, integer) -> {_kind}", "CAST(trino_round_integer({0}, {1}) AS {R})")
_add("mod(any, any) -> any", lambda args: casts.arithmetic("%", args[0], args[1]))
_add("abs(decimal) -> decimal", _absolute_decimal)
_add("sign(decimal) -> decimal", _sign_decimal)
_add("round(decimal, [bigint]) -> decimal", _round_decimal)
_add("truncate(decimal) -> decimal", _truncate_decimal)
for _name, _render in (("ceil", "ceil"), ("ceiling", "ceil"), ("floor", "floor")):
    _add(f"{_name}(decimal) -> decimal", _whole_decimal(_render))
for _kind in ("real", "double"):
    _add(f"abs({_kind}) -> {_kind}", "abs({0})")
    _add(
        f"sign({_kind}) -> {_kind}", "CAST(CASE WHEN isnan({0}) THEN {0} ELSE sign({0}) END AS {R})"
    )
    _add(f"round({_kind}) -> {_kind}", "round({0})")
    _add(f"round({_kind}, integer) -> {_kind}", "CAST(trino_round_double({0}, {1}) AS {R})")
    _add(f"truncate({_kind}) -> {_kind}", "trunc({0})")
    for _name, _render in (("ceil", "ceil"), ("ceiling", "ceil"), ("floor", "floor")):
        _add(f"{_name}({_kind}) -> {_kind}", f"{_render}({{0}})")

# --- powers, logarithms, angles ----------------------------------------------------------------

for _name in (
    "exp",
    "cbrt",
    "sin",
    "cos",
    "tan",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "degrees",
    "radians",
):
    _add(f"{_name}(double) -> double", f"{_name}({{0}})")
for _name in ("asin", "acos"):
    _add(
        f"{_name}(double) -> double",
        f"trino_unit_only({{0}}, {_name}(greatest(-1, least(1, {{0}}))))",
    )
_add("atan2(double, double) -> double", "atan2({0}, {1})")
_add("sqrt(double) -> double", "trino_sqrt({0})")
for _name in ("pow", "power"):
    _add(f"{_name}(double, double) -> double", "pow({0}, {1})")
_add("ln(double) -> double", "trino_ln({0})")
_add("log2(double) -> double", "(trino_ln({0}) / ln(2))", "May differ in the last digit.")
_add("log10(double) -> double", "CASE WHEN {0} <= 0 THEN trino_ln({0}) ELSE log10({0}) END")
_add(
    "log(double, double) -> double",
    "(trino_ln({1}) / trino_ln({0}))",
    "The base comes first. May differ in the last digit.",
)
_add("e() -> double", "exp(CAST(1 AS DOUBLE))")
_add("pi() -> double", "pi()")
_add("nan() -> double", "CAST('NaN' AS DOUBLE)")
_add("infinity() -> double", "CAST('Infinity' AS DOUBLE)")
_add("is_nan(double) -> boolean", "isnan({0})")
_add("is_finite(double) -> boolean", "isfinite({0})")
_add("is_infinite(double) -> boolean", "isinf({0})")
_add(
    "width_bucket(double, double, double, bigint) -> bigint",
    "CAST(trino_width_bucket({0}, {1}, {2}, {3}) AS BIGINT)",
)
_add(
    "width_bucket(double, array(double)) -> bigint",
    "CAST(trino_width_bucket_of({0}, {1}) AS BIGINT)",
)
_add("to_base(bigint, bigint) -> varchar", "trino_to_base({0}, {1})")
_add("from_base(varchar, bigint) -> bigint", "trino_from_base({0}, {1})")

for _name, _sign in (("lower", "-"), ("upper", "+")):
    _add(
        f"wilson_interval_{_name}(bigint, bigint, double) -> double",
        f"trino_wilson({{0}}, CAST({{1}} AS DOUBLE), {{2}}, {_sign}1)",
    )

# --- bits --------------------------------------------------------------------------------------

_add("bitwise_and(bigint, bigint) -> bigint", "({0} & {1})")
_add("bitwise_or(bigint, bigint) -> bigint", "({0} | {1})")
_add("bitwise_xor(bigint, bigint) -> bigint", "xor({0}, {1})")
_add("bitwise_not(bigint) -> bigint", "(~{0})")
_add("bit_count(bigint, bigint) -> bigint", "CAST(trino_bit_count({0}, {1}) AS BIGINT)")
for _kind, _size in zip(t.INTEGERS, (8, 16, 32, 64), strict=True):
    _add(
        f"bitwise_left_shift({_kind}, bigint) -> {_kind}",
        f"CAST(trino_shift_bits({{0}}, {{1}}, {_size}, TRUE) AS {{R}})",
    )
    _add(
        f"bitwise_right_shift({_kind}, bigint) -> {_kind}",
        f"CAST(trino_shift_bits({{0}}, {{1}}, {_size}, FALSE) AS {{R}})",
    )
    _add(
        f"bitwise_right_shift_arithmetic({_kind}, bigint) -> {_kind}",
        "CAST(trino_arithmetic_shift({0}, {1}) AS {R})",
    )

# --- the greatest of several -------------------------------------------------------------------


def _extreme(name: str) -> Renderer:
    def render(args: Sequence[Typed]) -> Typed:
        kind = args[0].type
        listed = ", ".join(arg.sql for arg in args)
        null = " OR ".join(f"({arg.sql}) IS NULL" for arg in args)
        if kind.is_float:
            nan = " OR ".join(f"isnan({arg.sql})" for arg in args)
            null = f"{null} THEN NULL WHEN {nan}"
            stop = f"CAST(trino_fail('NOT_SUPPORTED: {name} of NaN') AS {kind.duckdb})"
        else:
            stop = "NULL"
        return Typed(f"(CASE WHEN {null} THEN {stop} ELSE {name}({listed}) END)", kind)

    return render


for _name in ("greatest", "least"):
    _add(
        f"{_name}(T, ...) -> T",
        _extreme(_name),
        "NULL if any argument is. NaN is refused when met.",
    )
