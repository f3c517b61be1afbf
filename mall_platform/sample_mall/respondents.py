"""Who answers a quarter's survey and what they answer, before it is put into a file's shape."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

import numpy as np

from mall_platform.sample_mall import draws, japan, people
from mall_platform.sample_mall.catalogue import SOLD
from mall_platform.sample_mall.draws import Floats, Ints
from mall_platform.sample_mall.effects import AGE_BANDS, LEADING_CHANNEL, LEADING_CHANNEL_SHARE

CHANNELS = {
    "Instagram": 10,
    "X（旧Twitter）": 7,
    "YouTube": 8,
    "TikTok": 5,
    "LINE": 9,
    "Google検索": 12,
    "Yahoo!検索": 7,
    "テレビCM": 8,
    "雑誌": 4,
    "友人・家族": 12,
    "店頭・チラシ": 6,
    "その他": 5,
}
"""The channels of the questionnaire and how common each is where no band leads with it."""
CUSTOMERS_SHARE = 0.45
"""Share of the respondents who are customers; the others are nobody the shop knows."""

_GENDERS = ("女性", "男性", "その他", "回答しない")
_CATEGORY_NAMES = tuple(dict.fromkeys(category.name for category in SOLD))
_OPINIONS = (
    "品ぞろえがもっと増えると嬉しいです。",
    "配送が早くて満足しています。",
    "サイズ表が見づらい。実寸を載せてほしい。",
    "アプリが重いので改善してほしいです。",
    "①送料 ②梱包 ③返品手続き、どれも丁寧でした。",
    "㈱マークの入った領収書が欲しい。",
    "店員の髙橋さんの対応がとても良かった。",
    "特になし",
)
_FORMULA_LIKE = '=HYPERLINK("http://www.example.com/","こちら")'
_STRANGERS = 1_000_000_000
"""People from this number on are no customers."""


@dataclass(frozen=True, order=True)
class Quarter:
    """A calendar quarter."""

    year: int
    number: int

    @property
    def first_day(self) -> date:
        return date(self.year, 3 * self.number - 2, 1)

    @property
    def last_day(self) -> date:
        return self.next.first_day - timedelta(days=1)

    @property
    def next(self) -> Quarter:
        return Quarter(self.year + self.number // 4, self.number % 4 + 1)

    @property
    def previous(self) -> Quarter:
        return Quarter(self.year - (self.number == 1), (self.number - 2) % 4 + 1)


class Answers(NamedTuple):
    """One respondent's answers; None where a question was left out."""

    respondent: int
    answered_at: datetime
    age: int
    gender: str | None
    prefecture: str | None
    channel: str
    channels_seen: tuple[str, ...]
    categories_bought: tuple[str, ...]
    satisfaction: int | None
    recommend: int | None
    email: str | None
    comment: str | None


def last_quarters(last_day: date, count: int) -> list[Quarter]:
    """The newest quarters that had ended by the end of a day, oldest first."""
    quarter = Quarter(last_day.year, (last_day.month - 1) // 3 + 1)
    if quarter.last_day > last_day:
        quarter = quarter.previous
    found = [quarter]
    while len(found) < count:
        found.append(found[-1].previous)
    return found[::-1][-count:] if count else []


def answers(seed: int, quarter: Quarter, respondents: int, customers: int) -> list[Answers]:
    """The answers of respondents 1 … n of a quarter; times are Tokyo's.

    Those who are customers have the e-mail, gender and home of customer 1 … `customers` in the shop
    of the same seed.
    """
    number = np.arange(1, respondents + 1)
    uid = (quarter.year * 4 + quarter.number) * 2**32 + number
    person = _people(seed, uid, customers)
    days = draws.integers(seed, "survey.day", uid, 0, 28)
    minutes = draws.integers(seed, "survey.minute", uid, 7 * 60, 23 * 60)
    closing = datetime(quarter.last_day.year, quarter.last_day.month, quarter.last_day.day)  # noqa: DTZ001
    ages = _ages(seed, uid, person, quarter)
    band = people.bands(ages)
    genders = people.genders(seed, person)
    genders = np.where(draws.chance(seed, "survey.no_gender", uid, 0.05), 3, genders)
    homes = people.prefecture_indexes(seed, person)
    channels = list(CHANNELS)
    first_seen = _stacked(draws.uniform(seed, "survey.channel", uid), _channel_shares(), band)
    satisfaction = 1 + draws.weighted(seed, "survey.satisfaction", uid, (3, 7, 25, 40, 20, 5))
    recommend = draws.weighted(
        seed, "survey.recommend", uid, (2, 1, 2, 3, 4, 12, 12, 18, 20, 10, 11, 5)
    )
    emails = people.emails(seed, person).to_list()
    mailed = draws.chance(seed, "survey.mailed", uid, 0.6)
    comments = _comments(seed, uid, emails)
    seen = _several(seed, "survey.seen", uid, tuple(channels), 0.15, first_seen)
    bought = _several(seed, "survey.bought", uid, _CATEGORY_NAMES, 0.12, None)
    return [
        Answers(
            respondent=int(number[i]),
            answered_at=closing - timedelta(days=int(days[i])) + timedelta(minutes=int(minutes[i])),
            age=int(ages[i]),
            gender=_GENDERS[genders[i]],
            prefecture=japan.PREFECTURES[homes[i]].name,
            channel=channels[first_seen[i]],
            channels_seen=seen[i],
            categories_bought=bought[i],
            satisfaction=int(satisfaction[i]) if satisfaction[i] <= 5 else None,
            recommend=int(recommend[i]) if recommend[i] <= 10 else None,
            email=emails[i] if mailed[i] else None,
            comment=comments[i],
        )
        for i in range(respondents)
    ]


def _people(seed: int, uid: Ints, customers: int) -> Ints:
    known = draws.chance(seed, "survey.known", uid, CUSTOMERS_SHARE)
    customer = 1 + draws.integers(seed, "survey.customer", uid, 0, customers)
    return np.where(known, customer, _STRANGERS + uid % _STRANGERS)


def _ages(seed: int, uid: Ints, person: Ints, quarter: Quarter) -> Ints:
    """Completed years on the quarter's last day, also of those whose birth date isn't known."""
    born = people.birth_dates(seed, person, quarter.last_day)
    age = people.completed_years(born, np.full(len(uid), quarter.last_day, "datetime64[D]"))
    guess = draws.integers(seed, "survey.age", uid, 20, 60)
    return np.where((age >= 14) & (age < 95), age, guess)


def _channel_shares() -> Floats:
    """For each age band, the distribution function over CHANNELS."""
    rows = []
    for band in AGE_BANDS:
        common = np.array([float(weight) for weight in CHANNELS.values()])
        lead = list(CHANNELS).index(LEADING_CHANNEL[band])
        common[lead] = 0
        common *= (1 - LEADING_CHANNEL_SHARE) / common.sum()
        common[lead] = LEADING_CHANNEL_SHARE
        rows.append(common)
    return draws.cumulative(np.array(rows))


def _stacked(uniforms: Floats, distributions: Floats, group: Ints) -> Ints:
    """For each uniform its place in its group's distribution function."""
    return np.asarray((uniforms[:, None] >= distributions[group]).sum(axis=1), dtype=np.int64)


def _several(
    seed: int,
    purpose: str,
    uid: Ints,
    options: tuple[str, ...],
    probability: float,
    likely: Ints | None,
) -> list[tuple[str, ...]]:
    """Options ticked by each respondent, the `likely` one by most; none by some."""
    ticked = np.stack(
        [draws.chance(seed, f"{purpose}.{o}", uid, probability) for o in range(len(options))],
        axis=1,
    )
    if likely is not None:
        ticked[np.arange(len(uid)), likely] = draws.chance(seed, f"{purpose}.likely", uid, 0.8)
    ticked[draws.chance(seed, f"{purpose}.none", uid, 0.04)] = False
    return [
        tuple(option for option, tick in zip(options, row, strict=True) if tick) for row in ticked
    ]


def _comments(seed: int, uid: Ints, emails: list[str]) -> list[str | None]:
    """Free text, null in most; some gives away who wrote it, some looks like a formula."""
    opinion = draws.integers(seed, "survey.opinion", uid, 0, len(_OPINIONS))
    style = draws.weighted(seed, "survey.comment", uid, (60, 30, 5, 2, 2, 0.3))
    written: list[str | None] = []
    for i, kind in enumerate(style.tolist()):
        text = _OPINIONS[opinion[i]]
        written.append(
            (
                None,
                text,
                text + "\n返信は" + emails[i].strip() + "までお願いします。",
                text + f"（連絡先：090-0{i % 1000:03}-{i * 7 % 10_000:04}）",
                text + "😊",
                _FORMULA_LIKE,
            )[kind]
        )
    return written
