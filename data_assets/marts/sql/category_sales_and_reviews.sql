-- A category's share of all net units beside its reviews (A4).
WITH events AS (
    SELECT
        product_id,
        quantity AS units,
        CAST(NULL AS INTEGER) AS rating
    FROM purchases
    UNION ALL
    SELECT
        product_id,
        0 AS units,
        rating
    FROM reviews
),

totals AS (
    SELECT
        categories.category_id,
        COALESCE(categories.name, 'unknown') AS category,
        SUM(events.units) AS units,
        COUNT(events.rating) AS reviews,
        AVG(CAST(events.rating AS DOUBLE)) AS mean_rating,
        COUNT_IF(events.rating <= 2) AS low_ratings
    FROM events
    LEFT JOIN products ON events.product_id = products.product_id
    LEFT JOIN categories ON products.category_id = categories.category_id
    GROUP BY categories.category_id, categories.name
)

SELECT
    category_id,
    category,
    units,
    CAST(units AS DOUBLE) / NULLIF(SUM(units) OVER (), 0) AS sales_rate,
    reviews,
    mean_rating,
    CAST(low_ratings AS DOUBLE) / NULLIF(reviews, 0) AS low_rating_share
FROM totals
