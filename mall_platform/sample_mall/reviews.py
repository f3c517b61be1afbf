"""What the sample mall's customers write: titles and bodies, some with personal data in them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from mall_platform.sample_mall import draws, people
from mall_platform.sample_mall.draws import Flags, Ints

WITH_PERSONAL_DATA = 0.05
"""Share of the bodies that give away an e-mail, a phone number, a name or a postal code."""

_TITLES = {
    True: (
        "買ってよかった",
        "大満足です！",
        "リピート決定",
        "期待以上",
        "お気に入りです♪",
        "星5つ😊",
    ),
    False: (
        "がっかり",
        "残念です",
        "思っていたのと違う",
        "サイズが合わない",
        "返品しました",
        "うーん…",
    ),
}
_OPENINGS = {
    True: (
        "とても着心地が良いです。",
        "写真のとおりの色でした。",
        "届くのが早くて助かりました。",
        "母へのプレゼントに選びました。",
        "2回目の購入です。",
        "生地がしっかりしていて、長く着られそうです。",
    ),
    False: (
        "縫製が雑でした。",
        "写真と色が違います。",
        "一度の洗濯で縮みました。",
        "生地が薄くて透けます。",
        "ファスナーがすぐ壊れました。",
        "届くまでに10日かかりました。",
    ),
}
_DETAILS = (
    "身長158cm、普段Mサイズでちょうど良いサイズ感です。",
    '説明に"ゆったり"とありますが、肩はやや細めです。',
    "丈は膝下くらい、\n袖は少し長めでした。",
    "家で洗えるのが便利です。",
    "ポケットが深くて使いやすい。",
    "価格は4,900円でした。",
    "",
)
_CLOSINGS = {
    True: (
        "また利用します。",
        "色違いも欲しいです。",
        "おすすめです👍",
        "ありがとうございました。",
    ),
    False: (
        "もう買いません。",
        "改善をお願いします。",
        "返金を希望します。",
        "次は店舗で試着します。",
    ),
}


def texts(seed: int, reviews: Ints, customers: Ints, ratings: Ints) -> pl.DataFrame:
    """`title` and `body` (null in some) of reviews by their ids, authors and ratings (1–5)."""
    pleased = ratings >= 4 - draws.chance(seed, "review.mood", reviews, 0.5)
    title = _worded(seed, "review.title", reviews, pleased, _TITLES)
    opening = _worded(seed, "review.opening", reviews, pleased, _OPENINGS)
    detail = pl.Series(_DETAILS).gather(
        draws.integers(seed, "review.detail", reviews, 0, len(_DETAILS))
    )
    closing = _worded(seed, "review.closing", reviews, pleased, _CLOSINGS)
    body = pl.select(
        pl.concat_str(opening, detail, closing, _signatures(seed, reviews, customers))
    ).to_series()
    return pl.DataFrame(
        {
            "title": title.set(
                pl.Series(draws.chance(seed, "review.untitled", reviews, 0.3)), None
            ),
            "body": body.set(pl.Series(draws.chance(seed, "review.unsaid", reviews, 0.12)), None),
        }
    )


def _worded(
    seed: int, purpose: str, numbers: Ints, pleased: Flags, words: Mapping[bool, tuple[str, ...]]
) -> pl.Series:
    uniforms = draws.uniform(seed, purpose, numbers)
    kind = np.where(
        pleased, uniforms * len(words[True]), len(words[True]) + uniforms * len(words[False])
    )
    return pl.Series(words[True] + words[False]).gather(kind.astype(np.int64))


def _signatures(seed: int, reviews: Ints, customers: Ints) -> pl.Series:
    """The personal data of its author at the end of some bodies; empty elsewhere."""
    chosen = draws.chance(seed, "review.personal", reviews, WITH_PERSONAL_DATA)
    authors = customers[chosen]
    signed = pl.DataFrame(
        {
            "email": people.emails(seed, authors),
            "phone": people.phones(seed, authors).fill_null("090-0123-4567"),
            "name": people.names(seed, authors),
            "style": draws.integers(seed, "review.personal_style", reviews[chosen], 0, 4),
        }
    ).select(
        pl.when(pl.col("style") == 0)
        .then(pl.format("連絡は{}までお願いします。", "email"))
        .when(pl.col("style") == 1)
        .then(pl.format("至急お電話ください。TEL:{}", "phone"))
        .when(pl.col("style") == 2)
        .then(pl.format("{}より（{}）", "name", "email"))
        .otherwise(pl.format("{}です。交換品は〒150-0041の自宅へ。{}", "name", "phone"))
    )
    places = np.full(len(reviews), -1)
    places[chosen] = np.arange(len(authors))
    return signed.to_series().gather(pl.Series(places).replace(-1, None)).fill_null("")
