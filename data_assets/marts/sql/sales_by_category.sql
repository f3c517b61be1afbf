-- Sales by business day and category (A2). A return counts on its own day.
SELECT
    CAST(purchases.dt AS DATE) AS business_day,
    categories.category_id,
    COALESCE(categories.name, 'unknown') AS category,
    SUM(purchases.quantity) AS units,
    SUM(purchases.amount_yen) AS sales_yen,
    COUNT_IF(purchases.quantity > 0) AS orders,
    COUNT_IF(purchases.quantity < 0) AS returns,
    IF(
        COUNT(DISTINCT purchases.customer_key) >= 5, COUNT(DISTINCT purchases.customer_key)
    ) AS buyers
FROM purchases
LEFT JOIN products ON purchases.product_id = products.product_id
LEFT JOIN categories ON products.category_id = categories.category_id
GROUP BY purchases.dt, categories.category_id, categories.name
