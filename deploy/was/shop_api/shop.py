"""What the shop does with its database. Each function takes a cursor of one transaction."""

from __future__ import annotations

from typing import Any

from pymysql.cursors import DictCursor

from shop_api import sessions

PAGE_SIZE = 24


class RefusedError(Exception):
    """The customer asked for something that can't be done; `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def categories(cursor: DictCursor) -> list[dict[str, Any]]:
    cursor.execute("SELECT category_id, name, parent_id FROM categories ORDER BY category_id")
    return list(cursor.fetchall())


def products(
    cursor: DictCursor, *, category_id: int | None = None, text: str = "", page: int = 1
) -> list[dict[str, Any]]:
    """A page of products, newest first, of a category and with a text in their names."""
    pattern = text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    cursor.execute(
        "SELECT product_id, category_id, name, price_yen FROM products"
        " WHERE (%(category)s IS NULL OR category_id = %(category)s) AND name LIKE %(pattern)s"
        " ORDER BY product_id DESC LIMIT %(size)s OFFSET %(skipped)s",
        {
            "category": category_id,
            "pattern": f"%{pattern}%",
            "size": PAGE_SIZE,
            "skipped": (page - 1) * PAGE_SIZE,
        },
    )
    return list(cursor.fetchall())


def product(cursor: DictCursor, product_id: int) -> dict[str, Any]:
    """A product with its newest reviews, which don't say who wrote them. Raises RefusedError."""
    cursor.execute(
        "SELECT p.product_id, p.category_id, c.name AS category, p.name, p.price_yen"
        " FROM products p LEFT JOIN categories c USING (category_id) WHERE p.product_id = %s",
        (product_id,),
    )
    found = cursor.fetchone()
    if not found:
        raise RefusedError(404, "この商品は見つかりません。")
    cursor.execute(
        "SELECT rating, title, body, created_at FROM reviews"
        " WHERE product_id = %s ORDER BY review_id DESC LIMIT 20",
        (product_id,),
    )
    return {**found, "reviews": list(cursor.fetchall())}


def sign_up(cursor: DictCursor, *, email: str, name: str, password: str) -> int:
    """Makes a customer and returns its id. Raises RefusedError if the address is taken."""
    cursor.execute("SELECT 1 FROM customers WHERE email = %s LIMIT 1", (email,))
    if cursor.fetchone():
        raise RefusedError(409, "このメールアドレスは登録済みです。")
    cursor.execute(
        "INSERT INTO customers (email, name, password_hash, signed_up_at)"
        " VALUES (%s, %s, %s, UTC_TIMESTAMP(6))",
        (email, name, sessions.hashed(password)),
    )
    return int(cursor.lastrowid)


def sign_in(cursor: DictCursor, *, email: str, password: str) -> int:
    """The customer's id. Raises RefusedError, the same for a wrong address and password."""
    cursor.execute(
        "SELECT customer_id, password_hash FROM customers WHERE email = %s"
        " ORDER BY customer_id LIMIT 1",
        (email,),
    )
    found = cursor.fetchone()
    if not sessions.is_password(password, found["password_hash"] if found else "") or not found:
        raise RefusedError(401, "メールアドレスかパスワードが違います。")
    return int(found["customer_id"])


def order(cursor: DictCursor, customer_id: int, lines: dict[int, int]) -> list[dict[str, Any]]:
    """Buys quantities by product id, all or nothing; one purchase a line, at today's price.

    Raises RefusedError if a product isn't there.
    """
    bought = []
    for product_id, quantity in lines.items():
        cursor.execute("SELECT price_yen FROM products WHERE product_id = %s", (product_id,))
        found = cursor.fetchone()
        if not found:
            raise RefusedError(409, "カートの商品は販売を終了しました。")
        amount_yen = found["price_yen"] * quantity
        cursor.execute(
            "INSERT INTO purchases (customer_id, product_id, quantity, amount_yen, purchased_at)"
            " VALUES (%s, %s, %s, %s, UTC_TIMESTAMP(6))",
            (customer_id, product_id, quantity, amount_yen),
        )
        bought.append(
            {
                "purchase_id": cursor.lastrowid,
                "product_id": product_id,
                "quantity": quantity,
                "amount_yen": amount_yen,
            }
        )
    return bought


def review(
    cursor: DictCursor, customer_id: int, product_id: int, *, rating: int, title: str, body: str
) -> int:
    """Reviews a product that the customer has bought; the review's id. Raises RefusedError."""
    cursor.execute(
        "SELECT purchase_id FROM purchases WHERE customer_id = %s AND product_id = %s"
        " AND quantity > 0 ORDER BY purchase_id DESC LIMIT 1",
        (customer_id, product_id),
    )
    bought = cursor.fetchone()
    if not bought:
        raise RefusedError(403, "レビューは購入された商品にのみ投稿できます。")
    cursor.execute(
        "INSERT INTO reviews (purchase_id, customer_id, product_id, rating, title, body)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (bought["purchase_id"], customer_id, product_id, rating, title or None, body or None),
    )
    return int(cursor.lastrowid)
