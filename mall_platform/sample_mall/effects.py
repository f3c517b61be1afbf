"""What the sample mall hides for the marts to find: the planted effects, and nothing else.

The generators read these; a test requires each mart to recover its own. The floors are what a
sample of 20,000 customers, 200,000 purchases, 40,000 reviews, 300,000 clicks and four surveys shows
with room to spare; smaller samples are noisier.
"""

from __future__ import annotations

AGE_BANDS = ("10s", "20s", "30s", "40s", "50s", "60s", "70+")

LEADING_CHANNEL = {
    "10s": "TikTok",
    "20s": "Instagram",
    "30s": "Google検索",
    "40s": "Yahoo!検索",
    "50s": "テレビCM",
    "60s": "雑誌",
    "70+": "店頭・チラシ",
}
"""A1: the channel by which most respondents of a band first heard of the shop."""
LEADING_CHANNEL_SHARE = 0.36
"""A1: the leading channel's share of its band."""
LEADING_CHANNEL_SHARE_FLOOR = 0.28

OVERBOUGHT_CATEGORY = "ベビー・キッズ"
"""A3: a category, unique by name, that one band buys far more of than the others."""
OVERBOUGHT_BAND = "30s"
OVERBOUGHT_FACTOR = 4.0
"""A3: how many times as likely a purchase of that band is to be of that category."""
OVERBOUGHT_LIFT_FLOOR = 1.7
"""A3: the band's share of the category's units over its share of all units, at least."""

UNLOVED_CATEGORY = "レインウェア"
"""A2, A4: the category, unique by name, with the lowest mean rating and the fewest units sold."""
UNLOVED_RATING = 2.2
UNLOVED_RATING_CEILING = 2.6
SALES_REVIEW_CORRELATION_FLOOR = 0.5
"""A4: what sells more is rated better, by Pearson and by Spearman."""

CLICK_PEAK_HOURS = (12, 21)
"""A5: the two hours of the Tokyo day with the most clicks, in no order."""

ATTRIBUTES_BY_ASSOCIATION = ("gender", "age_band", "prefecture")
"""A6: strongest association with the categories bought first; prefecture has none planted."""
ASSOCIATION_FLOOR = {"gender": 0.2, "age_band": 0.03}
"""A6: Cramér's V, at least."""
UNASSOCIATED_CEILING = 0.03
"""A6: Cramér's V of an attribute without a planted association, at most."""
