-- Respondents by quarter (and all quarters together), age band and channel (A1).
-- Small groups are hidden afterwards, and shares computed from what is left.
WITH cells AS (
    SELECT
        age_band,
        channel,
        IF(GROUPING(quarter) = 1, 'all', quarter) AS quarter,
        COUNT(*) AS respondents
    FROM survey_responses
    GROUP BY GROUPING SETS ((quarter, age_band, channel), (age_band, channel))
)

SELECT
    quarter,
    age_band,
    channel,
    respondents,
    SUM(respondents) OVER (PARTITION BY quarter, age_band) AS base
FROM cells
ORDER BY quarter, age_band, channel
