-- Sales by month, age band and category (A3). Small groups are hidden afterwards.
SELECT
    SUBSTR(purchases.dt, 1, 7) AS month,
    purchases.age_band,
    categories.category_id,
    COALESCE(categories.name, 'unknown') AS category,
    SUM(purchases.quantity) AS units,
    SUM(purchases.amount_yen) AS sales_yen,
    COUNT(DISTINCT purchases.customer_key) AS buyers
FROM purchases
LEFT JOIN products ON purchases.product_id = products.product_id
LEFT JOIN categories ON products.category_id = categories.category_id
GROUP BY
    SUBSTR(purchases.dt, 1, 7), purchases.age_band, categories.category_id, categories.name
ORDER BY month, purchases.age_band, categories.category_id
