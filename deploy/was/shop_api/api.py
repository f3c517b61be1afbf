"""The shop's API: paths to what the shop does, and a click event for what a customer did."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from shop_api import clicks, sessions, shop
from shop_api.clicks import EVENT_TYPES
from shop_api.database import Database
from shop_api.requests import Request
from shop_api.shop import RefusedError

_ID = r"([1-9]\d{0,17})"
_LARGEST_ID = 2**63 - 1


class Events(Protocol):
    """Where click events go."""

    def add(self, event: dict[str, Any]) -> None: ...


@dataclass(frozen=True)
class Api:
    """Answers requests. `session_key` signs the cookies of customers."""

    database: Database
    events: Events
    session_key: str

    def answer(self, request: Request) -> Any:
        """What goes back as JSON. Raises RefusedError, or pymysql.MySQLError without a database."""
        allowed = set()
        for method, pattern, action in _ROUTES:
            found = re.fullmatch(pattern, request.path)
            if found and method == request.method:
                return action(self, request, *found.groups())
            if found:
                allowed.add(method)
        raise RefusedError(405 if allowed else 404, "there is no such thing here")

    def health(self, request: Request) -> Any:
        """Healthy is who reaches the database."""
        with self.database.transaction() as cursor:
            cursor.execute("SELECT 1")
        return {"status": "ok"}

    def categories(self, request: Request) -> Any:
        with self.database.transaction() as cursor:
            return {"categories": shop.categories(cursor)}

    def products(self, request: Request) -> Any:
        text = request.query("q")[:100]
        category_id = request.query_number("category")
        page = request.query_number("page", 1) or 1
        with self.database.transaction() as cursor:
            found = shop.products(cursor, category_id=category_id, text=text, page=page)
        self._happened(request, "search" if text else "page_view")
        return {"products": found, "more": len(found) == shop.PAGE_SIZE}

    def product(self, request: Request, product_id: str) -> Any:
        with self.database.transaction() as cursor:
            found = shop.product(cursor, int(product_id))
        self._happened(request, "product_view", int(product_id))
        return found

    def sign_up(self, request: Request) -> Any:
        fields = request.json()
        email, name = fields.email(), fields.text("name", limit=100, least=1)
        password = fields.text("password", limit=200, least=10)
        with self.database.transaction() as cursor:
            customer_id = shop.sign_up(cursor, email=email, name=name, password=password)
        return self._signed_in(request, customer_id)

    def sign_in(self, request: Request) -> Any:
        fields = request.json()
        email, password = fields.email(), fields.text("password", limit=200)
        with self.database.transaction() as cursor:
            customer_id = shop.sign_in(cursor, email=email, password=password)
        return self._signed_in(request, customer_id)

    def session(self, request: Request) -> Any:
        return {"signed_in": self._customer(request) is not None}

    def sign_out(self, request: Request) -> Any:
        request.set_cookie("customer", "", life_s=0)
        return {"signed_in": False}

    def order(self, request: Request) -> Any:
        customer_id = self._required_customer(request)
        lines = request.json().lines()
        with self.database.transaction() as cursor:
            bought = shop.order(cursor, customer_id, lines)
        for line in bought:
            self._happened(request, "purchase", line["product_id"])
        return {"purchases": bought}

    def review(self, request: Request, product_id: str) -> Any:
        customer_id = self._required_customer(request)
        fields = request.json()
        rating = fields.number("rating", least=1, most=5)
        title, body = fields.text("title", limit=200), fields.text("body", limit=5000)
        with self.database.transaction() as cursor:
            review_id = shop.review(
                cursor, customer_id, int(product_id), rating=rating, title=title, body=body
            )
        return {"review_id": review_id}

    def event(self, request: Request) -> Any:
        """What happens in the page alone, such as a product put into the cart."""
        fields = request.json()
        event_type = fields.text("event_type", limit=20)
        if event_type not in EVENT_TYPES - {"purchase"}:
            raise RefusedError(400, "event_type is none that a page tells of")
        product_id = fields.optional_number("product_id", least=1, most=_LARGEST_ID)
        page = fields.text("page", limit=2000) or "/"
        self._happened(request, event_type, product_id, page)
        return {}

    def _signed_in(self, request: Request, customer_id: int) -> Any:
        cookie = sessions.token(customer_id, self.session_key)
        request.set_cookie("customer", cookie, life_s=sessions.LIFE_S)
        return {"signed_in": True}

    def _customer(self, request: Request) -> int | None:
        cookie = request.cookie("customer")
        return sessions.customer_of(cookie, self.session_key) if cookie else None

    def _required_customer(self, request: Request) -> int:
        customer_id = self._customer(request)
        if customer_id is None:
            raise RefusedError(401, "ログインしてください。")
        return customer_id

    def _happened(
        self,
        request: Request,
        event_type: str,
        product_id: int | None = None,
        page: str | None = None,
    ) -> None:
        self.events.add(
            clicks.event(
                event_type,
                page=page or request.target[:2000],
                session_id=request.session_id,
                customer_id=self._customer(request),
                product_id=product_id,
                referrer=request.headers.get("referer"),
                user_agent=request.headers.get("user-agent"),
                ip=request.headers.get("x-real-ip"),
            )
        )


_ROUTES: tuple[tuple[str, str, Callable[..., Any]], ...] = (
    ("GET", "/health", Api.health),
    ("GET", "/api/categories", Api.categories),
    ("GET", "/api/products", Api.products),
    ("GET", f"/api/products/{_ID}", Api.product),
    ("POST", f"/api/products/{_ID}/reviews", Api.review),
    ("POST", "/api/customers", Api.sign_up),
    ("GET", "/api/session", Api.session),
    ("POST", "/api/session", Api.sign_in),
    ("DELETE", "/api/session", Api.sign_out),
    ("POST", "/api/orders", Api.order),
    ("POST", "/api/events", Api.event),
)
