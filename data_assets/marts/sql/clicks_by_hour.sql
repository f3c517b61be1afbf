-- Use of the mall by business day and hour in Tokyo, without bots (A5).
SELECT
    CAST(clicks.dt AS DATE) AS business_day,
    clicks.hour,
    COUNT(*) AS clicks,
    COUNT(DISTINCT clicks.session_key) AS sessions,
    COUNT(DISTINCT COALESCE(clicks.customer_key, clicks.session_key)) AS visitors
FROM clicks
WHERE clicks.device <> 'bot'
GROUP BY clicks.dt, clicks.hour
