"""How people (and bots) move through the sample mall, as lines of click events.

An hour's events are cut into visits; within a visit a product that is viewed may be put into the
cart and then bought. Everything follows from the seed, the hour and the event's number in the hour,
so any hours can be made together or apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
import polars as pl

from mall_platform.sample_mall import draws, people
from mall_platform.sample_mall.catalogue import SOLD
from mall_platform.sample_mall.draws import Flags, Ints
from mall_platform.sample_mall.text import encoded_lines, hexadecimal
from mall_platform.sample_mall.window import HOUR_US, tokyo_midnight_us

CHUNK_EVENTS = 50_000
"""More events of one hour than this are made, and land, in parts."""
DUPLICATED = 0.006
"""Share of the events that arrive twice: as they were, or with a later time."""
MALFORMED = 0.003
"""Malformed records on top of the events, as a share of them."""
SIGNED_IN = 0.55
BOTS = 0.03

_HOUR_MS = HOUR_US // 1_000
_DAY_MS = 24 * _HOUR_MS
_EVENTS_A_VISIT = 6
_VISIT_MINUTES = 9

EVENT_TYPES = ("page_view", "product_view", "search", "add_to_cart", "purchase")
_PAGE_VIEW, _PRODUCT_VIEW, _SEARCH, _ADD_TO_CART, _PURCHASE = range(5)
_FURTHER = 5
"""A drawn type: one step further with the product just viewed, else any page."""

_PAGES = (
    "/",
    "/sale",
    "/ranking?gender=women",
    "/mypage",
    "/cart",
    "/stores/shibuya",
    "/guide/returns",
    *(f"/category/{category.category_id}" for category in SOLD),
)
_QUERIES = tuple(
    quote(words)
    for words in (
        "ワンピース 花柄",
        "デニム",
        "オフィスカジュアル",
        "レインコート",
        "ベビー服 80cm",
        "T-shirt",
    )
)
_LINK_QUERIES = ("", "?color=navy", "?utm_source=instagram&utm_medium=social", "?size=M", "")
_REFERRERS = (
    None,
    "https://www.google.com/",
    "https://www.instagram.com/",
    "https://search.yahoo.co.jp/search?p=" + quote("通販 服"),
    "https://t.co/Xy12AbC",
    "android-app://com.google.android.gm/",
    "https://partner:s3cret@affiliate.example.jp:8443/go?id=77",
    "",
)
_REFERRER_SHARES = (30, 25, 20, 12, 7, 3, 1, 2)
_HOME = "https://www.mall.example.jp"
_USER_AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/125.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/125.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/17.4 Safari/605.1.15",
    "Mozilla/5.0 (iPad; CPU OS 16_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/16.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/124.0.0.0 Safari/537.36",
    None,
    "",
)
_USER_AGENT_SHARES = (42, 22, 20, 8, 4, 2, 1, 1)
_BOT_AGENTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)",
    "facebookexternalhit/1.1 Facebot Twitterbot/1.0",
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
)
_NETWORKS = ("192.0.2", "198.51.100", "203.0.113")


class Hour(NamedTuple):
    """An hour of a Tokyo day and how many events it has."""

    day: date
    hour: int
    events: int


class Chunk(NamedTuple):
    """Consecutive events of an hour: its `part`-th, from event number `first`."""

    hour: Hour
    part: int
    first: int
    events: int


class Flaw(IntEnum):
    """What is wrong with a record."""

    NONE = 0
    CUT_SHORT = 1
    ARRAY = 2
    NO_EVENT_ID = 3
    TIME_AS_TEXT = 4
    NO_TIME = 5
    UNKNOWN_TYPE = 6
    NO_SESSION = 7
    OTHER_DAY = 8
    """Only where records are filed by the sender: the event is of the day before its folder's."""


@dataclass(frozen=True)
class Visitors:
    """Whose clicks these are: customers 1 … `customers` and strangers, among products 1 … n."""

    seed: int
    customers: int
    products: int


def chunks(hours: Iterable[Hour]) -> Iterator[list[Chunk]]:
    """The hours' chunks in order, grouped so that a group has at most CHUNK_EVENTS events."""
    group: list[Chunk] = []
    events = 0
    for hour in hours:
        for part, first in enumerate(range(0, hour.events, CHUNK_EVENTS)):
            size = min(CHUNK_EVENTS, hour.events - first)
            if group and events + size > CHUNK_EVENTS:
                yield group
                group, events = [], 0
            group.append(Chunk(hour, part, first, size))
            events += size
    if group:
        yield group


def records(
    visitors: Visitors, group: Sequence[Chunk], *, filed: bool
) -> Iterator[tuple[Chunk, memoryview, Ints]]:
    """Each chunk's records: newline-ended JSON lines, and where each begins and the last ends.

    A chunk has exactly `events` well-formed events with ids of their own, in order of time, and
    among them duplicates and malformed records. `filed` adds some that are of another day than
    their folder.
    """
    events = _events(visitors, group)
    sent = _with_dirt(visitors.seed, events, filed)
    data, starts = encoded_lines(_lines(sent))
    ends = np.searchsorted(sent["chunk"].to_numpy(), np.arange(len(group)), side="right")
    begin = 0
    for chunk, end in zip(group, ends.tolist(), strict=True):
        offsets = starts[begin : end + 1]
        yield chunk, data[offsets[0] : offsets[-1]], offsets - offsets[0]
        begin = end


def _events(visitors: Visitors, group: Sequence[Chunk]) -> pl.DataFrame:
    """The well-formed events of a group, one row each."""
    seed = visitors.seed
    counts = np.array([chunk.events for chunk in group])
    chunk_of = np.repeat(np.arange(len(group)), counts)
    begins = np.repeat(np.cumsum(counts) - counts, counts)
    within = np.arange(len(chunk_of)) - begins
    hour_us = np.array([tokyo_midnight_us(c.hour.day) + c.hour.hour * HOUR_US for c in group])
    first = np.array([chunk.first for chunk in group])
    uid = (hour_us // HOUR_US)[chunk_of] * 2**32 + first[chunk_of] + within

    opens = (within == 0) | draws.chance(seed, "click.opens", uid, 1 / _EVENTS_A_VISIT)
    opening = np.flatnonzero(opens)
    visit = np.cumsum(opens) - 1
    length = np.diff(np.append(opening, len(uid)))
    step = np.arange(len(uid)) - opening[visit]

    visit_uid = uid[opening]
    visits = _visits(visitors, visit_uid)
    kind, source = _steps(seed, uid, step, visits["bot"].to_numpy()[visit])
    product = 1 + (
        draws.uniform(seed, "click.product", uid[source]) ** 1.5 * visitors.products
    ).astype(np.int64)
    about_product = (kind != _PAGE_VIEW) & (kind != _SEARCH)

    begin = draws.uniform(seed, "visit.begin", visit_uid) * (_HOUR_MS - 1)
    lasts = -np.log1p(-draws.uniform(seed, "visit.lasts", visit_uid)) * _VISIT_MINUTES * 60_000
    lasts = np.minimum(lasts, _HOUR_MS - 1 - begin)
    progress = (step + draws.uniform(seed, "click.pause", uid)) / length[visit]
    hour_ms = (hour_us // 1_000)[chunk_of]
    time_ms = hour_ms + (begin[visit] + progress * lasts[visit]).astype(np.int64)
    return (
        pl.DataFrame(
            {
                "uid": uid,
                "chunk": chunk_of,
                "last_ms": hour_ms + _HOUR_MS - 1,
                "event_time_ms": time_ms,
                "event_type": pl.Series(EVENT_TYPES).gather(kind),
                "product_id": pl.Series(product).set(pl.Series(~about_product), None),
                "page": _pages(seed, uid, kind, product),
            }
        )
        .hstack(visits[visit].drop("bot"))
        .with_columns(
            referrer=pl.when(pl.Series(step == 0))
            .then("referrer")
            .otherwise(pl.lit(_HOME) + pl.Series(_PAGES).gather(uid % len(_PAGES)))
        )
    )


def _visits(visitors: Visitors, uid: Ints) -> pl.DataFrame:
    """What stays the same within a visit."""
    seed = visitors.seed
    bot = draws.chance(seed, "visit.bot", uid, BOTS)
    customer = 1 + (draws.uniform(seed, "visit.customer", uid) * visitors.customers).astype(
        np.int64
    )
    stranger = bot | ~draws.chance(seed, "visit.signed_in", uid, SIGNED_IN)
    person = draws.weighted(seed, "visit.agent", uid, _USER_AGENT_SHARES)
    robot = draws.integers(seed, "visit.robot", uid, 0, len(_BOT_AGENTS))
    agents = pl.Series(_USER_AGENTS + _BOT_AGENTS, dtype=pl.String)
    referrers = pl.Series(_REFERRERS, dtype=pl.String)
    return pl.DataFrame(
        {
            "bot": bot,
            "session_id": hexadecimal(draws.bits(seed, "visit.session", uid)),
            "customer_id": pl.Series(customer).set(pl.Series(stranger), None),
            "referrer": referrers.gather(
                draws.weighted(seed, "visit.referrer", uid, _REFERRER_SHARES)
            ),
            "user_agent": agents.gather(np.where(bot, len(_USER_AGENTS) + robot, person)),
            "ip": _addresses(seed, uid),
        }
    )


def _steps(seed: int, uid: Ints, step: Ints, bot: Flags) -> tuple[Ints, Ints]:
    """The type of each event (an index into EVENT_TYPES), and which event chose its product."""
    shares = np.zeros(6)
    shares[[_PAGE_VIEW, _PRODUCT_VIEW, _SEARCH, _FURTHER]] = (25, 45, 12, 18)
    kind = draws.weighted(seed, "click.type", uid, shares)
    kind[bot & (kind == _FURTHER)] = _PRODUCT_VIEW
    before = np.append(-1, kind[:-1])
    carted = (kind == _FURTHER) & (before == _PRODUCT_VIEW) & (step > 0)
    bought = (kind == _FURTHER) & np.append(False, carted[:-1]) & (step > 1)
    kind[kind == _FURTHER] = _PAGE_VIEW
    kind[carted], kind[bought] = _ADD_TO_CART, _PURCHASE
    return kind, np.arange(len(uid)) - carted - 2 * bought


def _pages(seed: int, uid: Ints, kind: Ints, product: Ints) -> pl.Series:
    """Paths and queries; a few show an e-mail or a long number."""
    pick = draws.bits(seed, "click.page", uid).astype(np.int64) >> 8
    private = draws.chance(seed, "click.private_page", uid, 0.02)
    owner = people.emails(seed, 1 + np.abs(pick[private]) % 1_000)
    places = np.full(len(uid), -1)
    places[private] = np.arange(len(owner))
    frame = pl.DataFrame(
        {
            "kind": kind,
            "product": product,
            "page": pl.Series(_PAGES).gather(np.abs(pick) % len(_PAGES)),
            "link": pl.Series(_LINK_QUERIES).gather(np.abs(pick) % len(_LINK_QUERIES)),
            "words": pl.Series(_QUERIES).gather(np.abs(pick) % len(_QUERIES)),
            "number": 20_240_000_000 + np.abs(pick) % 10_000_000,
            "owner": owner.str.strip_chars().gather(pl.Series(places).replace(-1, None)),
        }
    )
    return frame.select(
        pl.when(pl.col("kind") == _PRODUCT_VIEW)
        .then(pl.format("/products/{}{}", "product", "link"))
        .when(pl.col("kind") == _SEARCH)
        .then(pl.format("/search?q={}", "words"))
        .when(pl.col("kind") == _ADD_TO_CART)
        .then(pl.format("/cart/add?product={}", "product"))
        .when(pl.col("kind") == _PURCHASE)
        .then(pl.format("/orders/{}/complete", "number"))
        .when(pl.col("owner").is_null())
        .then("page")
        .when(pl.col("number") % 2 == 0)
        .then(pl.format("/wishlists/{}/items", "owner"))
        .otherwise(pl.format("/account/verify?email={}&token={}", "owner", "number"))
        .alias("page")
    ).to_series()


def _addresses(seed: int, uid: Ints) -> pl.Series:
    """IP addresses of the networks reserved for examples; a few of IPv6, a few null."""
    network = draws.integers(seed, "visit.network", uid, 0, len(_NETWORKS))
    frame = pl.DataFrame(
        {
            "network": pl.Series(_NETWORKS).gather(network),
            "host": draws.integers(seed, "visit.host", uid, 1, 255),
            "style": draws.weighted(seed, "visit.ip_style", uid, (93, 5, 2)),
        }
    )
    return frame.select(
        pl.when(pl.col("style") == 0)
        .then(pl.format("{}.{}", "network", "host"))
        .when(pl.col("style") == 1)
        .then(pl.format("2001:db8::{}", "host"))
        .alias("ip")
    ).to_series()


def _with_dirt(seed: int, events: pl.DataFrame, filed: bool) -> pl.DataFrame:
    """The events with duplicates and malformed records among them, by chunk and time."""
    uid = events["uid"].to_numpy()
    identified = events.with_columns(
        event_id=hexadecimal(
            np.stack(
                [draws.bits(seed, "click.id", uid), draws.bits(seed, "click.id2", uid)], axis=1
            )
        ),
        flaw=pl.lit(int(Flaw.NONE)),
    )
    again = pl.Series(draws.chance(seed, "click.again", uid, DUPLICATED))
    delay = draws.integers(seed, "click.delay", uid, -30_000, 30_000)
    repeated = identified.with_columns(
        event_time_ms=pl.min_horizontal(
            pl.col("event_time_ms") + pl.Series(np.maximum(delay, 0)), "last_ms"
        )
    ).filter(again)

    flawed = draws.chance(seed, "click.flawed", uid, MALFORMED)
    ids = uid[flawed]
    broken = identified.filter(pl.Series(flawed)).with_columns(
        event_id=pl.lit("x") + hexadecimal(draws.bits(seed, "click.broken_id", ids)),
        flaw=pl.Series(
            draws.integers(seed, "click.flaw", ids, Flaw.CUT_SHORT, Flaw.OTHER_DAY + filed)
        ).cast(pl.Int32),
    )
    return pl.concat([identified, repeated, broken]).sort(
        "chunk", "event_time_ms", maintain_order=True
    )


def _lines(sent: pl.DataFrame) -> pl.Series:
    """One line of JSON (or of what was meant to be) for each record."""
    flaw = pl.col("flaw")

    def text(column: str) -> pl.Expr:
        return pl.concat_str(
            pl.lit(f',"{column}":'),
            pl.concat_str(pl.lit('"'), pl.col(column), pl.lit('"')).fill_null("null"),
        )

    def number(column: str) -> pl.Expr:
        value = pl.col(column).cast(pl.String).fill_null("null")
        return pl.concat_str(pl.lit(f',"{column}":'), value)

    time = pl.col("event_time_ms").cast(pl.String)
    line = pl.concat_str(
        pl.when(flaw == Flaw.NO_EVENT_ID)
        .then(pl.lit('{"event_id":null'))
        .otherwise(pl.concat_str(pl.lit('{"event_id":"'), "event_id", pl.lit('"'))),
        pl.when(flaw == Flaw.TIME_AS_TEXT)
        .then(pl.concat_str(pl.lit(',"event_time_ms":"'), time, pl.lit('"')))
        .when(flaw == Flaw.OTHER_DAY)
        .then(
            pl.concat_str(
                pl.lit(',"event_time_ms":'), (pl.col("event_time_ms") - _DAY_MS).cast(pl.String)
            )
        )
        .when(flaw == Flaw.NO_TIME)
        .then(pl.lit(""))
        .otherwise(pl.concat_str(pl.lit(',"event_time_ms":'), time)),
        pl.when(flaw == Flaw.NO_SESSION)
        .then(pl.lit(',"session_id":null'))
        .otherwise(text("session_id")),
        number("customer_id"),
        pl.when(flaw == Flaw.UNKNOWN_TYPE)
        .then(pl.lit(',"event_type":"scroll"'))
        .otherwise(text("event_type")),
        text("page"),
        number("product_id"),
        text("referrer"),
        text("user_agent"),
        text("ip"),
        pl.lit("}"),
    )
    return sent.select(
        pl.when(flaw == Flaw.CUT_SHORT)
        .then(pl.concat_str(line.str.head(70), pl.lit("\n")))
        .when(flaw == Flaw.ARRAY)
        .then(pl.concat_str(pl.lit("["), line, pl.lit("]\n")))
        .otherwise(pl.concat_str(line, pl.lit("\n")))
        .alias("line")
    ).to_series()
