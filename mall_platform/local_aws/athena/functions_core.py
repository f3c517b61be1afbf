"""Macros that conversions, comparisons and arithmetic of the translation call."""

MACROS = (
    # An error that TRY can catch and that only a row that needs it raises.
    "trino_fail(message) AS CAST(CAST(message AS INTEGER) AS VARCHAR)",
    "trino_fail_integer(message) AS CAST(message AS INTEGER)",
    # --- time zones: a value with a zone is STRUCT(u TIMESTAMP, z VARCHAR), u in UTC
    "trino_now() AS date_trunc('millisecond', CAST(now() AS TIMESTAMP))",
    """trino_at_zone(moment, zone) AS
       CASE WHEN moment IS NOT NULL AND zone IS NOT NULL
            THEN struct_pack(u := moment, z := zone) END""",
    r"""trino_zone_offset(zone) AS
        to_minutes(CAST(left(zone, 1) || '1' AS INTEGER)
                   * (CAST(zone[2:3] AS INTEGER) * 60 + CAST(right(zone, 2) AS INTEGER)))""",
    """trino_zone_local(moment, zone) AS
       CASE WHEN zone = 'UTC' THEN moment
            WHEN left(zone, 1) IN ('+', '-') THEN moment + trino_zone_offset(zone)
            ELSE timezone(zone, timezone('UTC', moment)) END""",
    """trino_zone_utc(local_moment, zone) AS
       CASE WHEN zone = 'UTC' THEN local_moment
            WHEN left(zone, 1) IN ('+', '-') THEN local_moment - trino_zone_offset(zone)
            ELSE timezone('UTC', timezone(zone, local_moment)) END""",
    # --- text of moments
    """trino_timestamp_text(moment, digits) AS
       strftime(moment, '%Y-%m-%d %H:%M:%S')
       || CASE WHEN digits = 0 THEN '' ELSE '.' || left(strftime(moment, '%f'), digits) END""",
    """trino_time_text(moment, digits) AS
       trino_timestamp_text(DATE '2000-01-01' + moment, digits)[12:]""",
    """trino_round_timestamp(moment, digits) AS
       make_timestamp(CAST(floor((epoch_us(moment) + CAST(pow(10, 6 - digits) AS BIGINT) // 2)
                                 / pow(10, 6 - digits)) AS BIGINT)
                      * CAST(pow(10, 6 - digits) AS BIGINT))""",
    """trino_milliseconds(span) AS
       epoch_us(TIMESTAMP '1970-01-01' + span) // 1000""",
    """trino_day_time_text(span) AS
       CASE WHEN trino_milliseconds(span) < 0 THEN '-' ELSE '' END
       || printf('%d %02d:%02d:%02d.%03d',
                 abs(trino_milliseconds(span)) // 86400000,
                 abs(trino_milliseconds(span)) // 3600000 % 24,
                 abs(trino_milliseconds(span)) // 60000 % 60,
                 abs(trino_milliseconds(span)) // 1000 % 60,
                 abs(trino_milliseconds(span)) % 1000)""",
    "trino_months(span) AS year(span) * 12 + month(span)",
    """trino_year_month_text(span) AS
       CASE WHEN trino_months(span) < 0 THEN '-' ELSE '' END
       || printf('%d-%d', abs(trino_months(span)) // 12, abs(trino_months(span)) % 12)""",
    "trino_between(later, earlier) AS to_microseconds(epoch_us(later) - epoch_us(earlier))",
    """trino_date_shift(day, moment) AS
       CASE WHEN CAST(CAST(moment AS DATE) AS TIMESTAMP) = moment THEN CAST(moment AS DATE)
            WHEN day IS NOT NULL AND moment IS NOT NULL
            THEN CAST(trino_fail('INVALID_FUNCTION_ARGUMENT: Cannot add hour, minutes or seconds '
                                 || 'to a date') AS DATE) END""",
    # --- casts of text
    """trino_bad_cast(value, kind) AS
       trino_fail('INVALID_CAST_ARGUMENT: Cannot cast ''' || value || ''' to ' || kind)""",
    r"""trino_integer_text(value, kind) AS
        CASE WHEN regexp_full_match(value, '[+-]?[0-9]+') THEN value
             WHEN regexp_full_match(trim(value), '[+-]?[0-9]+') THEN trino_fail(
                 'NOT_SUPPORTED: a whole number cast from text with blanks around it')
             WHEN value IS NOT NULL THEN trino_bad_cast(value, upper(kind)) END""",
    r"""trino_float_text(value, kind) AS
        CASE WHEN regexp_full_match(trim(value, e' \t\n\r'),
                  '[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(NaN|Infinity)')
             THEN trim(value, e' \t\n\r')
             WHEN value IS NOT NULL THEN trino_bad_cast(value, upper(kind)) END""",
    r"""trino_decimal_text(value, scale) AS
        CASE WHEN regexp_full_match(value, '[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)') THEN value
             WHEN value IS NOT NULL THEN trino_bad_cast(value, 'DECIMAL') END""",
    """trino_text_to_boolean(value) AS
       CASE WHEN lower(value) IN ('t', 'true', '1') THEN TRUE
            WHEN lower(value) IN ('f', 'false', '0') THEN FALSE
            WHEN value IS NOT NULL
            THEN CAST(trino_bad_cast(value, 'BOOLEAN') AS BOOLEAN) END""",
    r"""trino_text_to_date(value) AS
        CASE WHEN regexp_full_match(trim(value), '[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}')
             THEN CAST(trim(value) AS DATE)
             WHEN value IS NOT NULL
             THEN CAST(trino_fail('INVALID_CAST_ARGUMENT: Value cannot be cast to date: ' || value)
                       AS DATE) END""",
    r"""trino_text_to_timestamp(value, digits) AS
        CASE WHEN regexp_full_match(trim(value), '[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}')
             THEN CAST(CAST(trim(value) AS DATE) AS TIMESTAMP)
             WHEN regexp_full_match(trim(value),
                  '[0-9]{4}-[0-9]{1,2}-[0-9]{1,2} [0-9]{1,2}:[0-9]{1,2}')
             THEN CAST(trim(value) || ':00' AS TIMESTAMP)
             WHEN regexp_full_match(trim(value), '[0-9]{4}-[0-9]{1,2}-[0-9]{1,2} '
                                    || '[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\.[0-9]{1,6})?')
             THEN trino_round_timestamp(CAST(trim(value) AS TIMESTAMP), digits)
             WHEN value IS NOT NULL
             THEN CAST(trino_fail('INVALID_CAST_ARGUMENT: Value cannot be cast to timestamp: '
                                  || value) AS TIMESTAMP) END""",
    r"""trino_zone_name(zone) AS
        CASE WHEN upper(zone) IN ('UTC', 'Z', 'GMT') THEN 'UTC'
             WHEN regexp_full_match(zone, '[+-]00:?00') THEN 'UTC'
             WHEN regexp_full_match(zone, '[+-][0-9]{2}:[0-9]{2}') THEN zone
             WHEN regexp_full_match(zone, '[+-][0-9]{4}') THEN zone[1:3] || ':' || zone[4:5]
             WHEN regexp_full_match(zone, '[+-][0-9]{2}') THEN zone || ':00'
             ELSE zone END""",
    r"""trino_without_zone(value) AS
        regexp_replace(trim(value), '^(\S+( [0-9:.]+)?)\s*([A-Za-z+-]\S*)$', '\1')""",
    r"""trino_zone_of(value) AS
        trino_zone_name(coalesce(nullif(
            regexp_extract(trim(value), '^\S+( [0-9:.]+)?\s*([A-Za-z+-]\S*)$', 2), ''), 'UTC'))""",
    """trino_fit(value, length, kind) AS
       CASE WHEN length(value) <= length THEN value
            WHEN value IS NOT NULL
            THEN trino_fail('INVALID_CAST_ARGUMENT: Value ' || value || ' of type ' || kind
                            || ' cannot be represented as varchar(' || length || ')') END""",
    # --- comparison and arithmetic
    """trino_compare_float(a, b, ordered, unordered) AS
       CASE WHEN (isnan(a) OR isnan(b)) AND a IS NOT NULL AND b IS NOT NULL
            THEN unordered ELSE ordered END""",
    """trino_compare_arrays(a, b, compared) AS
       CASE WHEN a IS NULL OR b IS NULL THEN NULL
            WHEN len(list_filter(a, lambda x: x IS NULL)) = 0
                 AND len(list_filter(b, lambda x: x IS NULL)) = 0 THEN compared
            ELSE CAST(trino_fail('NOT_SUPPORTED: comparison of arrays with null elements')
                      AS BOOLEAN) END""",
    "trino_float_mod(a, b) AS CASE WHEN b = 0 AND a IS NOT NULL THEN 'NaN' ELSE a % b END",
    "trino_unscaled(value) AS CAST(replace(CAST(value AS VARCHAR), '.', '') AS HUGEINT)",
    """trino_half_up(number, divisor) AS
       CAST(sign(number) * sign(divisor) AS HUGEINT)
       * ((abs(number) * 2 + abs(divisor)) // (abs(divisor) * 2))""",
    """trino_decimal_divide(a, scale_a, b, scale_b, shift, unit) AS
       CAST(trino_half_up(trino_unscaled(a) * CAST('1' || repeat('0', shift) AS HUGEINT),
                          trino_unscaled(b)) AS DECIMAL(38,0)) * unit""",
    # --- arrays and maps
    """trino_subscript(list, position) AS
       list_extract(list, CASE
           WHEN position > len(list) THEN trino_fail_integer('INVALID_FUNCTION_ARGUMENT: '
               || 'Array subscript must be less than or equal to array length: '
               || position || ' > ' || len(list))
           WHEN position = 0 AND list IS NOT NULL
           THEN trino_fail_integer('INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1')
           WHEN position < 0 AND list IS NOT NULL
           THEN trino_fail_integer('INVALID_FUNCTION_ARGUMENT: Array subscript is negative: '
                                   || position)
           ELSE position END)""",
    """trino_map_value(map, key) AS
       list_extract(map_extract(map, key), CASE
           WHEN map IS NULL OR key IS NULL OR map_contains(map, key) THEN 1
           ELSE trino_fail_integer('INVALID_FUNCTION_ARGUMENT: Key not present in map: ' || key)
           END)""",
)
