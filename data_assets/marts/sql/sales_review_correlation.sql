-- The known categories with enough reviews to be compared (A4).
SELECT
    sales_rate,
    mean_rating
FROM category_sales_and_reviews
WHERE category_id IS NOT NULL AND reviews >= 5 AND sales_rate IS NOT NULL
ORDER BY category_id
