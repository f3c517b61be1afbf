"""The shop's applications (S1, S2, C1): a customer buys, the database and the click stream know."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from typing import Any

import pymysql
import pytest

from mall_platform.local_aws.process import LocalAws
from tests.deploy.conftest import Server


class Browser:
    """A customer's browser: cookies, and JSON in and out."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies = CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "Mozilla/5.0", **headers}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with self._opener.open(request, timeout=20) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def signed_up(self, email: str = "hanako@example.jp") -> Browser:
        status, _ = self.ask(
            "POST",
            "/api/customers",
            {"email": email, "name": "山田 花子", "password": "correct horse"},
        )
        assert status == 200
        return self


@pytest.fixture
def stocked(shop: pymysql.Connection) -> pymysql.Connection:
    """The shop's database with two products."""
    with shop.cursor() as cursor:
        cursor.execute("INSERT INTO categories (category_id, name) VALUES (1, 'ワンピース')")
        cursor.execute(
            "INSERT INTO products (product_id, category_id, name, price_yen) VALUES"
            " (10, 1, '花柄ワンピース', 7900), (11, NULL, '100%ウール', 3300)"
        )
    shop.commit()
    return shop


@pytest.fixture
def browser(web: Server, stocked: pymysql.Connection) -> Browser:
    return Browser(web.url)


def rows(shop: pymysql.Connection, sql: str) -> list[tuple]:
    shop.rollback()
    with shop.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def landed(platform: dict[str, Any], local_aws: LocalAws) -> list[dict[str, Any]]:
    """Every click event in the raw bucket, in the order of happening."""
    local_aws.flush()
    s3, bucket = platform["aws"].client("s3"), platform["aws"].bucket("raw")
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="clicks/").get("Contents", [])
    text = "".join(
        s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read().decode() for found in listed
    )
    return sorted(map(json.loads, text.splitlines()), key=lambda e: e["event_time_ms"])


def test_the_page_and_both_health_pages_answer(web: Server, was: Server) -> None:
    assert Browser(was.url).ask("GET", "/health") == (200, {"status": "ok"})
    with urllib.request.urlopen(f"{web.url}/health", timeout=5) as reply:
        assert reply.read() == b"ok\n"
    with urllib.request.urlopen(web.url, timeout=5) as reply:
        page = reply.read().decode()
        assert "default-src 'self'" in reply.headers["Content-Security-Policy"]
    assert "毎日に、似合う服を。" in page
    assert "<script>" not in page
    for name, kind in [("shop.js", "text/javascript"), ("shop.css", "text/css")]:
        with urllib.request.urlopen(f"{web.url}/{name}", timeout=5) as reply:
            assert reply.headers.get_content_type() == kind


def test_an_order_is_a_row_in_mysql_and_an_event_in_the_raw_bucket(
    browser: Browser,
    stocked: pymysql.Connection,
    empty_lake: dict[str, Any],
    local_aws: LocalAws,
    was: Server,
) -> None:
    """A customer signs up, looks, orders; the chain is browser, nginx, API, RDS and Firehose."""
    _, listed = browser.ask("GET", "/api/products?category=1")
    assert [p["name"] for p in listed["products"]] == ["花柄ワンピース"]
    browser.signed_up()
    assert browser.ask("GET", "/api/products/10", Referer="https://example.jp/")[0] == 200
    order = {"lines": [{"product_id": 10, "quantity": 2}, {"product_id": 11, "quantity": 1}]}
    status, bought = browser.ask("POST", "/api/orders", order)
    assert status == 200
    assert rows(
        stocked,
        "SELECT purchase_id, product_id, quantity, amount_yen, return_of,"
        " TIMESTAMPDIFF(SECOND, purchased_at, UTC_TIMESTAMP(6)) < 60 FROM purchases ORDER BY 1",
    ) == [
        (bought["purchases"][0]["purchase_id"], 10, 2, 15800, None, 1),
        (bought["purchases"][1]["purchase_id"], 11, 1, 3300, None, 1),
    ]
    ((customer_id,),) = rows(stocked, "SELECT customer_id FROM customers")
    was.deploy()  # a stopping server sends what is waiting
    events = landed(empty_lake, local_aws)
    assert [(e["event_type"], e["product_id"], e["customer_id"]) for e in events] == [
        ("page_view", None, None),
        ("product_view", 10, customer_id),
        ("purchase", 10, customer_id),
        ("purchase", 11, customer_id),
    ]
    assert len({e["session_id"] for e in events}) == 1
    assert len({e["event_id"] for e in events}) == 4
    assert events[1]["page"] == "/api/products/10"
    assert events[1]["referrer"] == "https://example.jp/"
    assert events[1]["user_agent"] == "Mozilla/5.0"
    assert events[1]["ip"] == "127.0.0.1"


def test_the_page_can_tell_of_a_cart_but_not_of_a_purchase(browser: Browser) -> None:
    event = {"event_type": "add_to_cart", "product_id": 10, "page": "/"}
    assert browser.ask("POST", "/api/events", event)[0] == 200
    assert browser.ask("POST", "/api/events", {**event, "event_type": "purchase"})[0] == 400


def test_an_order_is_all_or_nothing(browser: Browser, stocked: pymysql.Connection) -> None:
    browser.signed_up()
    order = {"lines": [{"product_id": 10, "quantity": 1}, {"product_id": 99, "quantity": 1}]}
    assert browser.ask("POST", "/api/orders", order)[0] == 409
    assert rows(stocked, "SELECT count(*) FROM purchases") == [(0,)]


@pytest.mark.parametrize(
    "lines",
    [
        [],
        "10",
        [{"product_id": 10, "quantity": 0}],
        [{"product_id": 10, "quantity": -1}],
        [{"product_id": 10, "quantity": 1.5}],
        [{"product_id": "10", "quantity": 1}],
        [{"product_id": True, "quantity": 1}],
        [{}],
        [[]],
    ],
)
def test_an_order_that_makes_no_sense_is_refused(browser: Browser, lines: Any) -> None:
    assert browser.signed_up().ask("POST", "/api/orders", {"lines": lines})[0] == 400


def test_who_has_not_signed_in_can_not_buy(browser: Browser) -> None:
    order = {"lines": [{"product_id": 10, "quantity": 1}]}
    assert browser.ask("POST", "/api/orders", order)[0] == 401
    browser.signed_up()
    cookie = next(c for c in browser.cookies if c.name == "customer")
    customer_id, until, signature = (cookie.value or "").split(".")
    forged = Browser(browser.url)
    other = f"customer={int(customer_id) + 1}.{until}.{signature}"
    assert forged.ask("POST", "/api/orders", order, Cookie=other)[0] == 401


def test_a_customer_signs_in_again_with_the_password_only(
    browser: Browser, stocked: pymysql.Connection
) -> None:
    browser.signed_up("taro@example.jp")
    ((stored,),) = rows(stocked, "SELECT password_hash FROM customers")
    assert "correct horse" not in stored
    again = Browser(browser.url)
    login = {"email": "taro@example.jp", "password": "correct horse"}
    assert again.ask("POST", "/api/session", {**login, "password": "wrong"})[0] == 401
    assert again.ask("GET", "/api/session") == (200, {"signed_in": False})
    assert again.ask("POST", "/api/session", login) == (200, {"signed_in": True})
    assert again.ask("GET", "/api/session") == (200, {"signed_in": True})
    assert again.ask("DELETE", "/api/session") == (200, {"signed_in": False})
    assert again.ask("GET", "/api/session") == (200, {"signed_in": False})
    assert browser.ask("POST", "/api/customers", {**login, "name": "太郎"})[0] == 409


def test_only_who_bought_a_product_reviews_it(
    browser: Browser, stocked: pymysql.Connection
) -> None:
    browser.signed_up()
    review = {"rating": 5, "title": "最高", "body": "着心地が良いです。"}
    assert browser.ask("POST", "/api/products/10/reviews", review)[0] == 403
    browser.ask("POST", "/api/orders", {"lines": [{"product_id": 10, "quantity": 1}]})
    assert browser.ask("POST", "/api/products/10/reviews", review)[0] == 200
    assert browser.ask("POST", "/api/products/10/reviews", {**review, "rating": 6})[0] == 400
    _, product = browser.ask("GET", "/api/products/10")
    assert [(r["rating"], r["title"], r["body"]) for r in product["reviews"]] == [
        (5, "最高", "着心地が良いです。")
    ]


def test_a_search_takes_its_text_literally(browser: Browser) -> None:
    def found(text: str) -> list[str]:
        _, reply = browser.ask("GET", f"/api/products?q={urllib.parse.quote(text)}")
        return [p["name"] for p in reply["products"]]

    assert found("%") == ["100%ウール"]
    assert found("_") == []
    assert found("' OR 1=1 -- ") == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/products/99", 404),
        ("GET", "/api/products/abc", 404),
        ("GET", "/api/products?page=0", 400),
        ("GET", "/api/orders", 405),
        ("GET", "/api/nothing", 404),
    ],
)
def test_what_is_not_there_is_said_to_be_so(
    browser: Browser, method: str, path: str, status: int
) -> None:
    assert browser.ask(method, path)[0] == status


def test_a_form_of_another_site_is_not_taken(browser: Browser) -> None:
    browser.signed_up()
    order = {"lines": [{"product_id": 10, "quantity": 1}]}
    status, _ = browser.ask("POST", "/api/orders", order, **{"Content-Type": "text/plain"})
    assert status == 415


def test_a_rotated_password_does_no_harm(
    browser: Browser, platform: dict[str, Any], was: Server
) -> None:
    """The API reads the login anew once the database refuses the one it knows."""
    aws = platform["aws"]
    instance = aws.client("rds").describe_db_instances(
        DBInstanceIdentifier=aws.names.shop_database
    )["DBInstances"][0]
    aws.client("secretsmanager").rotate_secret(SecretId=instance["MasterUserSecret"]["SecretArn"])
    with platform["shop_db"].connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID()"
            " AND user = SUBSTRING_INDEX(USER(), '@', 1)"
        )
        for (number,) in cursor.fetchall():
            cursor.execute(f"KILL {number}")
    answers = {browser.ask("GET", "/api/categories")[0] for _ in range(12)}
    assert answers <= {200, 503}
    assert browser.ask("GET", "/api/categories")[0] == 200


def test_a_new_release_replaces_the_old_one_and_two_are_kept(was: Server) -> None:
    for _ in range(2):
        was.deploy()
    assert len(list((was.prefix / "releases").iterdir())) == 2
    assert Browser(was.url).ask("GET", "/health")[0] == 200


def test_a_stopped_server_is_gone_and_stopping_it_again_is_fine(was: Server) -> None:
    was.hook("stop")
    with pytest.raises(urllib.error.URLError):
        Browser(was.url).ask("GET", "/health")
    was.hook("stop")
    was.hook("start", str(was.port))
    was.hook("validate", str(was.port))
