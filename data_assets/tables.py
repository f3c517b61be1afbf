"""The lake's tables: what every published file, Glue table and page of documents agrees on.

Names and columns are the contract's. Only declarations belong here: how a table is filled is its
asset's business.
"""

from __future__ import annotations

from resources.tables import Column, Table

AGE_BANDS = ("10s", "20s", "30s", "40s", "50s", "60s", "70+", "unknown")
GENDERS = ("F", "M", "X")
SURVEY_GENDERS = ("女性", "男性", "その他", "回答しない")
DEVICES = ("unknown", "bot", "tablet", "mobile", "desktop")
EVENT_TYPES = ("page_view", "product_view", "search", "add_to_cart", "purchase")
QUESTIONS = ("channels_seen", "categories_bought")
CORRELATION_METHODS = ("pearson", "spearman")
ATTRIBUTES = ("age_band", "gender", "prefecture")
UNKNOWN_CATEGORY = "unknown"
ALL_QUARTERS = "all"
CHANNELS = (
    "Instagram",
    "X（旧Twitter）",
    "YouTube",
    "TikTok",
    "LINE",
    "Google検索",
    "Yahoo!検索",
    "テレビCM",
    "雑誌",
    "友人・家族",
    "店頭・チラシ",
    "その他",
)
# fmt: off
PREFECTURES = (
    "北海道", "青森県", "岩手県", "宮城県", "秋田県", "山形県", "福島県", "茨城県", "栃木県",
    "群馬県", "埼玉県", "千葉県", "東京都", "神奈川県", "新潟県", "富山県", "石川県", "福井県",
    "山梨県", "長野県", "岐阜県", "静岡県", "愛知県", "三重県", "滋賀県", "京都府", "大阪府",
    "兵庫県", "奈良県", "和歌山県", "鳥取県", "島根県", "岡山県", "広島県", "山口県", "徳島県",
    "香川県", "愛媛県", "高知県", "福岡県", "佐賀県", "長崎県", "熊本県", "大分県", "宮崎県",
    "鹿児島県", "沖縄県",
)
# fmt: on

_DAY = Column("dt", "string", "Business day in Asia/Tokyo, as YYYY-MM-DD.")
_QUARTER_PARTITION = Column("quarter", "string", "Calendar quarter of the survey, as 2024Q2.")


def _key(whose: str, *, nullable: bool = False, name: str | None = None) -> Column:
    description = f"Pseudonym of the {whose}: 16 bytes of a keyed hash."
    return Column(name or f"{whose}_key", "binary", description, nullable=nullable)


def _age_band(description: str) -> Column:
    return Column("age_band", "string", description, allowed=AGE_BANDS)


def _count(name: str, description: str, *, nullable: bool = False) -> Column:
    return Column(name, "bigint", description, nullable=nullable, minimum=0)


def _share(name: str, description: str) -> Column:
    return Column(name, "double", description, nullable=True, minimum=0, maximum=1)


CUSTOMERS = Table(
    "customers",
    "Customers as of the last snapshot, without personal data (E1).",
    (
        _key("customer"),
        _key("email", name="email_key", nullable=True),
        Column("gender", "string", "F, M or X.", nullable=True, allowed=GENDERS),
        Column("prefecture", "string", "Prefecture as the customer gave it.", nullable=True),
        _age_band("Age band by completed years on the day of the snapshot."),
        Column("signed_up_on", "date", "Tokyo day of signing up.", nullable=True),
    ),
    key=("customer_key",),
)

CATEGORIES = Table(
    "categories",
    "Product categories as of the last snapshot (E1).",
    (
        Column("category_id", "int", "The shop's key."),
        Column("name", "string", "Name; not unique."),
        Column("parent_id", "int", "Parent category; NULL at the top.", nullable=True),
    ),
    key=("category_id",),
)

PRODUCTS = Table(
    "products",
    "Products as of the last snapshot (E1).",
    (
        Column("product_id", "bigint", "The shop's key."),
        Column("category_id", "int", "Category; may be missing or unknown.", nullable=True),
        Column("name", "string", "Name."),
        Column("price_yen", "int", "List price in yen."),
    ),
    key=("product_id",),
)

PURCHASES = Table(
    "purchases",
    "Purchases and returns by the Tokyo day of `purchased_at`, without personal data (E1).",
    (
        Column("purchase_id", "bigint", "The shop's key."),
        _key("customer"),
        _age_band("The buyer's age band on the row's business day."),
        Column("product_id", "bigint", "Product; may be unknown to `products`."),
        Column("quantity", "int", "Units; negative for a return."),
        Column("amount_yen", "bigint", "Amount in yen, tax included; negative for a return."),
        Column("return_of", "bigint", "The purchase that is returned.", nullable=True),
        Column("purchased_at", "timestamp", "When (UTC)."),
    ),
    partitioned_by=(_DAY,),
    key=("purchase_id",),
)

REVIEWS = Table(
    "reviews",
    "Reviews by the Tokyo day of `created_at`, without their texts (E1).",
    (
        Column("review_id", "bigint", "The shop's key."),
        _key("customer"),
        Column("product_id", "bigint", "Product; may be unknown to `products`."),
        Column("purchase_id", "bigint", "The purchase that is reviewed.", nullable=True),
        Column("rating", "int", "Stars, 1 to 5.", minimum=1, maximum=5),
        Column("body_length", "int", "Characters of the dropped text.", nullable=True, minimum=0),
        Column("created_at", "timestamp", "When (UTC)."),
    ),
    partitioned_by=(_DAY,),
    key=("review_id",),
)

SURVEY_RESPONSES = Table(
    "survey_responses",
    "One row per respondent of a quarter's survey, without personal data (E2, E4).",
    (
        _key("respondent"),
        _key("email", name="email_key", nullable=True),
        Column("answered_on", "date", "Day of the answer.", nullable=True),
        _age_band("Age band by the respondent's own statement."),
        Column("gender", "string", "As answered.", nullable=True, allowed=SURVEY_GENDERS),
        Column("prefecture", "string", "As answered.", nullable=True, allowed=PREFECTURES),
        Column("channel", "string", "What first led to the shop.", allowed=CHANNELS),
        Column("satisfaction", "int", "Satisfaction, 1 to 5.", nullable=True, minimum=1, maximum=5),
        Column(
            "recommend", "int", "Would recommend, 0 to 10.", nullable=True, minimum=0, maximum=10
        ),
        Column(
            "comment_length", "int", "Characters of the dropped comment.", nullable=True, minimum=0
        ),
    ),
    partitioned_by=(_QUARTER_PARTITION,),
    key=("respondent_key",),
)

SURVEY_ANSWERS = Table(
    "survey_answers",
    "One row per option chosen in a survey's questions with several answers (E2).",
    (
        _key("respondent"),
        Column("question", "string", "Which question.", allowed=QUESTIONS),
        Column("answer", "string", "The option: a channel or a category's name."),
    ),
    partitioned_by=(_QUARTER_PARTITION,),
    key=("respondent_key", "question", "answer"),
)

CLICKS = Table(
    "clicks",
    "Click events by Tokyo day, deduplicated and without personal data (E3, E4).",
    (
        Column("event_id", "string", "The event's own id."),
        Column("event_time", "timestamp", "When (UTC)."),
        Column("hour", "int", "Hour of the event in Asia/Tokyo.", minimum=0, maximum=23),
        _key("session"),
        _key("customer", nullable=True),
        Column("event_type", "string", "Kind of event.", allowed=EVENT_TYPES),
        Column(
            "page",
            "string",
            "Path without query; segments that look personal read `:id`.",
            nullable=True,
        ),
        Column("product_id", "bigint", "Product, if the event has one.", nullable=True),
        Column("referrer_host", "string", "Host of the referrer.", nullable=True),
        Column("device", "string", "Kind of device, by the user agent.", allowed=DEVICES),
    ),
    partitioned_by=(_DAY,),
    key=("event_id",),
)

_CATEGORY_ID = Column("category_id", "int", "Category; NULL for `unknown`.", nullable=True)
_CATEGORY = Column("category", "string", "The category's own name, or `unknown`.")
_BUSINESS_DAY = Column("business_day", "date", "Day in Asia/Tokyo.")
_HOUR = Column("hour", "int", "Hour in Asia/Tokyo.", minimum=0, maximum=23)
_SUPPRESSED = Column("suppressed", "boolean", "Figures hidden: too few people.")

CHANNEL_BY_AGE_BAND = Table(
    "channel_by_age_band",
    "How respondents first came to the shop, by age band and quarter (A1).",
    (
        Column("quarter", "string", "Calendar quarter, or `all`."),
        _age_band("Age band of the respondents."),
        Column("channel", "string", "What first led to the shop.", allowed=CHANNELS),
        _count("respondents", "Respondents of the band who named the channel.", nullable=True),
        _count("base", "Respondents of the band.", nullable=True),
        _share("share", "Respondents over base."),
        _share("share_low", "Lower end of the share's 95% Wilson interval."),
        _share("share_high", "Upper end of the share's 95% Wilson interval."),
        _SUPPRESSED,
    ),
    key=("quarter", "age_band", "channel"),
)

SALES_BY_CATEGORY = Table(
    "sales_by_category",
    "Sales by business day and category (A2).",
    (
        _BUSINESS_DAY,
        _CATEGORY_ID,
        _CATEGORY,
        Column("units", "bigint", "Units sold, net of returns."),
        Column("sales_yen", "bigint", "Sales in yen, net of returns."),
        _count("orders", "Rows with a positive quantity."),
        _count("returns", "Rows with a negative quantity."),
        _count("buyers", "Distinct customers; NULL below 5.", nullable=True),
    ),
    key=("business_day", "category_id"),
)

SALES_BY_AGE_BAND_AND_CATEGORY = Table(
    "sales_by_age_band_and_category",
    "Sales by month, age band and category (A3).",
    (
        Column("month", "string", "Calendar month in Asia/Tokyo, as 2024-06."),
        _age_band("The buyers' age band on the day of each purchase."),
        _CATEGORY_ID,
        _CATEGORY,
        Column("units", "bigint", "Units sold, net of returns.", nullable=True),
        Column("sales_yen", "bigint", "Sales in yen, net of returns.", nullable=True),
        _count("buyers", "Distinct customers.", nullable=True),
        _SUPPRESSED,
    ),
    key=("month", "age_band", "category_id"),
)

CATEGORY_SALES_AND_REVIEWS = Table(
    "category_sales_and_reviews",
    "A category's share of all units sold beside its reviews (A4).",
    (
        _CATEGORY_ID,
        _CATEGORY,
        Column("units", "bigint", "Units sold, net of returns."),
        Column("sales_rate", "double", "Net units over all net units.", nullable=True),
        _count("reviews", "Reviews of the category's products."),
        Column(
            "mean_rating", "double", "Mean of the ratings.", nullable=True, minimum=1, maximum=5
        ),
        _share("low_rating_share", "Share of ratings 1 and 2."),
    ),
    key=("category_id",),
)

SALES_REVIEW_CORRELATION = Table(
    "sales_review_correlation",
    "Correlation of `sales_rate` with `mean_rating` over categories with 5 reviews or more (A4).",
    (
        Column("method", "string", "Kind of correlation.", allowed=CORRELATION_METHODS),
        Column("coefficient", "double", "The coefficient.", nullable=True, minimum=-1, maximum=1),
        _share("p_value", "Two-sided p-value."),
        _count("n", "Categories compared."),
    ),
    key=("method",),
)

CLICKS_BY_HOUR = Table(
    "clicks_by_hour",
    "Use of the mall by business day and hour, without bots (A5).",
    (
        _BUSINESS_DAY,
        _HOUR,
        _count("clicks", "Events of all types."),
        _count("sessions", "Distinct sessions."),
        _count("visitors", "Distinct customers, or sessions where no customer is known."),
    ),
    key=("business_day", "hour"),
)

ATTRIBUTE_CATEGORY_ASSOCIATION = Table(
    "attribute_category_association",
    "Association of customers' attributes with the categories they buy (A6).",
    (
        Column("attribute", "string", "The customers' attribute.", allowed=ATTRIBUTES),
        Column("chi_square", "double", "Pearson's statistic.", nullable=True, minimum=0),
        _count("dof", "Degrees of freedom."),
        _share("p_value", "p-value."),
        _share("cramers_v", "Cramér's V, uncorrected."),
        _count("n", "Distinct pairs of customer and category."),
    ),
    key=("attribute",),
)

EXTRACTS = (CUSTOMERS, CATEGORIES, PRODUCTS, PURCHASES, REVIEWS)
MARTS = (
    CHANNEL_BY_AGE_BAND,
    SALES_BY_CATEGORY,
    SALES_BY_AGE_BAND_AND_CATEGORY,
    CATEGORY_SALES_AND_REVIEWS,
    SALES_REVIEW_CORRELATION,
    CLICKS_BY_HOUR,
    ATTRIBUTE_CATEGORY_ASSOCIATION,
)
TABLES = (*EXTRACTS, SURVEY_RESPONSES, SURVEY_ANSWERS, CLICKS, *MARTS)
