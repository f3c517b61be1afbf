-- Distinct pairs of a customer and a known category bought, by the customer's attributes (A6).
WITH pairs AS (
    SELECT DISTINCT
        purchases.customer_key,
        categories.category_id
    FROM purchases
    INNER JOIN products ON purchases.product_id = products.product_id
    INNER JOIN categories ON products.category_id = categories.category_id
    WHERE purchases.quantity > 0
),

described AS (
    SELECT
        pairs.category_id,
        'age_band' AS attribute,
        NULLIF(customers.age_band, 'unknown') AS described_as
    FROM pairs
    INNER JOIN customers ON pairs.customer_key = customers.customer_key
    UNION ALL
    SELECT
        pairs.category_id,
        'gender' AS attribute,
        customers.gender AS described_as
    FROM pairs
    INNER JOIN customers ON pairs.customer_key = customers.customer_key
    UNION ALL
    SELECT
        pairs.category_id,
        'prefecture' AS attribute,
        customers.prefecture AS described_as
    FROM pairs
    INNER JOIN customers ON pairs.customer_key = customers.customer_key
)

SELECT
    attribute,
    described_as,
    category_id,
    COUNT(*) AS pairs
FROM described
WHERE described_as IS NOT NULL
GROUP BY attribute, described_as, category_id
ORDER BY attribute, described_as, category_id
