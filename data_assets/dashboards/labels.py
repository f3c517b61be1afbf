"""Every word on the dashboard page, once, in Korean, Japanese and English (V1).

`{0}` is replaced by the first value given, and so on; values may be labels themselves.
"""

from __future__ import annotations

LANGUAGES = {"ko": "한국어", "ja": "日本語", "en": "English"}
FIRST_LANGUAGE = "ja"

LABELS: dict[str, tuple[str, str, str]] = {
    "title": ("쇼핑몰 데이터 보드", "モール データボード", "Mall data board"),
    "subtitle": (
        "광고, 매출, 후기, 클릭을 한 장으로",
        "広告・売上・レビュー・クリックを一枚で",
        "Advertising, sales, reviews and clicks on one page",
    ),
    "updated": ("갱신: {0} (도쿄)", "更新: {0}（東京）", "Updated {0} (Tokyo)"),
    "period": ("기간: {0} – {1}", "期間: {0} 〜 {1}", "Period: {0} to {1}"),
    "language": ("언어", "言語", "Language"),
    "contents": ("목차", "目次", "Contents"),
    "table": ("표로 보기", "表で見る", "Show as a table"),
    "table_rows": (
        "{1}행 중 처음 {0}행",
        "全{1}行のうち最初の{0}行",
        "The first {0} of {1} rows",
    ),
    "no_data": (
        "아직 데이터가 없습니다.",
        "まだデータがありません。",
        "There is no data yet.",
    ),
    "hidden": ("비공개", "非表示", "hidden"),
    "hidden_note": (
        "회색 칸은 소수 인원이라 개인 보호를 위해 숨겼습니다.",
        "グレーのマスは少人数のため、個人が特定されないよう非表示です。",
        "Grey cells are hidden: so few people could be recognised.",
    ),
    "all": ("전체", "全期間", "All"),
    "unknown": ("미상", "不明", "Unknown"),
    "kpi.sales": ("순매출", "純売上", "Net sales"),
    "kpi.units": ("순판매 수량", "純販売点数", "Units sold, net"),
    "kpi.visitors": ("하루 평균 방문자", "1日平均の訪問者", "Visitors per day"),
    "kpi.respondents": ("설문 응답자", "アンケート回答者", "Survey respondents"),
    "kpi.rating": ("평균 평점", "平均評価", "Mean rating"),
    "a1.short": ("광고", "広告", "Advertising"),
    "a1.title": (
        "연령대별로 어떤 광고를 보고 왔나",
        "どの年代が、何をきっかけに来たか",
        "What brought each age band to the mall",
    ),
    "a1.note": (
        "설문의 ‘처음 알게 된 계기’. 연령대 안에서의 비율(%).",
        "アンケート「最初に知ったきっかけ」。年代内の割合（％）。",
        "Survey: how people first came. Share within the age band, in %.",
    ),
    "a1.insight": (
        "{0}의 1위는 {1} ({2})",
        "{0}の1位は{1}（{2}）",
        "{0}: mostly by {1} ({2})",
    ),
    "a2.short": ("매출", "売上", "Sales"),
    "a2.title": ("카테고리별 매출", "カテゴリ別の売上", "Sales by category"),
    "a2.note": (
        "반품을 뺀 금액. 일별 매출(선은 7일 평균)과 기간 합계.",
        "返品を差し引いた金額。日別（線は7日平均）と期間合計。",
        "Net of returns. By day, with the 7-day mean as a line, and over the whole period.",
    ),
    "a2.insight": (
        "1위 카테고리는 {0}, 매출의 {1}",
        "首位は{0}、売上の{1}",
        "{0} leads with {1} of sales",
    ),
    "a3.short": ("연령대", "年代", "Age bands"),
    "a3.title": (
        "연령대와 카테고리별 매출",
        "年代 × カテゴリの売上",
        "Sales by age band and category",
    ),
    "a3.note": (
        "선택한 달의 순매출. 매출 상위 카테고리만 표시.",
        "選んだ月の純売上。売上上位のカテゴリのみ。",
        "Net sales of the chosen month, for the categories that sell most.",
    ),
    "a3.insight": (
        "{0}에 가장 많이 쓴 연령대는 {1}",
        "{0}に最も使ったのは{1}",
        "{1} spent the most on {0}",
    ),
    "a4.short": ("후기", "レビュー", "Reviews"),
    "a4.title": (
        "판매 비율과 후기의 관계",
        "販売比率とレビューの関係",
        "Do better reviews go with better sales?",
    ),
    "a4.note": (
        "점 하나가 카테고리. 크기는 후기 수. 상관은 후기 5건 이상인 카테고리로 계산.",
        "点はカテゴリ、大きさはレビュー数。相関はレビュー5件以上で計算。",
        "A dot is a category, its size the number of reviews. Correlation over 5 or more.",
    ),
    "a4.insight": (
        "피어슨 r\u00a0=\u00a0{0} ({1}), 스피어만 ρ\u00a0=\u00a0{2} ({3}), 카테고리 {4}개",
        "ピアソン r\u00a0=\u00a0{0}（{1}）、スピアマン ρ\u00a0=\u00a0{2}（{3}）、{4}カテゴリ",
        "Pearson r\u00a0=\u00a0{0} ({1}), Spearman ρ\u00a0=\u00a0{2} ({3}), {4} categories",
    ),
    "a5.short": ("시간대", "時間帯", "Hours"),
    "a5.title": (
        "언제 몇 명이 이용하나",
        "いつ、何人が使っているか",
        "How many people use the mall, and when",
    ),
    "a5.note": (
        "봇 제외. 시간대별 평균 방문자와 요일별 분포.",
        "ボットを除く。時間帯の平均訪問者と、曜日 × 時間帯の分布。",
        "Without bots. Mean visitors by hour, and by weekday and hour.",
    ),
    "a5.insight": (
        "가장 붐비는 시간은 {0}시, 평균 {1}명",
        "最も多いのは{0}時台、平均{1}人",
        "Busiest at {0}:00, with {1} visitors on average",
    ),
    "a6.short": ("속성", "属性", "Attributes"),
    "a6.title": (
        "고객 속성과 구매 카테고리의 연관성",
        "顧客属性と購入カテゴリの関連",
        "Which attributes go with what people buy",
    ),
    "a6.note": (
        "크라메르의 V: 0은 무관, 1은 완전한 연관. p는 카이제곱 검정.",
        "クラメールのV: 0は無関係、1は完全な関連。pはカイ二乗検定。",
        "Cramér's V: 0 is no association, 1 a complete one. p by the chi-square test.",
    ),
    "a6.insight": (
        "구매와 가장 관련 깊은 속성은 {0} (V\u00a0=\u00a0{1})",
        "最も関連が強いのは{0}（V\u00a0=\u00a0{1}）",
        "{0} goes most with what people buy (V\u00a0=\u00a0{1})",
    ),
    "axis.share": ("비율", "割合", "Share"),
    "axis.band": ("연령대", "年代", "Age band"),
    "axis.channel": ("계기", "きっかけ", "Channel"),
    "axis.category": ("카테고리", "カテゴリ", "Category"),
    "axis.sales": ("순매출(엔)", "純売上（円）", "Net sales (yen)"),
    "axis.mean": ("7일 평균", "7日平均", "7-day mean"),
    "axis.day": ("날짜", "日付", "Day"),
    "axis.month": ("월", "月", "Month"),
    "axis.quarter": ("분기", "四半期", "Quarter"),
    "axis.hour": ("시", "時", "Hour"),
    "axis.weekday": ("요일", "曜日", "Weekday"),
    "axis.visitors": ("평균 방문자", "平均訪問者数", "Mean visitors"),
    "axis.rating": ("평균 평점", "平均評価", "Mean rating"),
    "axis.rate": ("판매 비율", "販売比率", "Share of units sold"),
    "axis.reviews": ("후기 수", "レビュー数", "Reviews"),
    "axis.attribute": ("속성", "属性", "Attribute"),
    "axis.respondents": ("응답자", "回答者", "Respondents"),
    "axis.base": ("연령대 응답자", "年代の回答者", "Respondents of the band"),
    "axis.interval": ("95% 구간", "95%区間", "95% interval"),
    "axis.buyers": ("구매자", "購入者", "Buyers"),
    "axis.units": ("수량", "点数", "Units"),
    "axis.orders": ("주문", "注文", "Orders"),
    "axis.returns": ("반품", "返品", "Returns"),
    "axis.low": ("1–2점 비율", "★1–2の割合", "Share of 1–2"),
    "axis.clicks": ("클릭", "クリック", "Clicks"),
    "axis.sessions": ("세션", "セッション", "Sessions"),
    "axis.chi": ("카이제곱", "カイ二乗", "Chi-square"),
    "axis.dof": ("자유도", "自由度", "Degrees of freedom"),
    "axis.p": ("p값", "p値", "p-value"),
    "axis.v": ("크라메르의 V", "クラメールのV", "Cramér's V"),
    "axis.n": ("쌍의 수", "組数", "Pairs"),
    "band.10s": ("10대", "10代", "10s"),
    "band.20s": ("20대", "20代", "20s"),
    "band.30s": ("30대", "30代", "30s"),
    "band.40s": ("40대", "40代", "40s"),
    "band.50s": ("50대", "50代", "50s"),
    "band.60s": ("60대", "60代", "60s"),
    "band.70+": ("70대+", "70代+", "70+"),
    "band.unknown": ("미상", "不明", "n/a"),
    "channel.Instagram": ("인스타그램", "Instagram", "Instagram"),
    "channel.X（旧Twitter）": ("X(구 트위터)", "X（旧Twitter）", "X (Twitter)"),
    "channel.YouTube": ("유튜브", "YouTube", "YouTube"),
    "channel.TikTok": ("틱톡", "TikTok", "TikTok"),
    "channel.LINE": ("라인", "LINE", "LINE"),
    "channel.Google検索": ("구글 검색", "Google検索", "Google search"),
    "channel.Yahoo!検索": ("야후 검색", "Yahoo!検索", "Yahoo! search"),
    "channel.テレビCM": ("TV 광고", "テレビCM", "TV ads"),
    "channel.雑誌": ("잡지", "雑誌", "Magazines"),
    "channel.友人・家族": ("친구·가족", "友人・家族", "Friends, family"),
    "channel.店頭・チラシ": ("매장·전단", "店頭・チラシ", "Shop, flyers"),
    "channel.その他": ("기타", "その他", "Other"),
    "attribute.age_band": ("연령대", "年代", "Age band"),
    "attribute.gender": ("성별", "性別", "Gender"),
    "attribute.prefecture": ("도도부현", "都道府県", "Prefecture"),
    "weekday.0": ("월", "月", "Mon"),
    "weekday.1": ("화", "火", "Tue"),
    "weekday.2": ("수", "水", "Wed"),
    "weekday.3": ("목", "木", "Thu"),
    "weekday.4": ("금", "金", "Fri"),
    "weekday.5": ("토", "土", "Sat"),
    "weekday.6": ("일", "日", "Sun"),
}


def token(key: str) -> str:
    """What stands for a label inside a chart until the reader's language is known.

    Raises KeyError for a label that the dictionary lacks.
    """
    LABELS[key]
    return f"⟦{key}⟧"


def text(key: str, language: str, *values: str) -> str:
    """A label in a language, with values filled in; values may be tokens."""
    found = LABELS[key][list(LANGUAGES).index(language)]
    for number, value in enumerate(values):
        found = found.replace(f"{{{number}}}", resolved(value, language))
    return found


def resolved(value: str, language: str) -> str:
    """A text with its token, if it is one, in a language."""
    if value.startswith("⟦") and value.endswith("⟧"):
        return text(value[1:-1], language)
    return value


def dictionary() -> dict[str, dict[str, str]]:
    """All labels by language, for the page."""
    return {
        language: {key: texts[number] for key, texts in LABELS.items()}
        for number, language in enumerate(LANGUAGES)
    }
