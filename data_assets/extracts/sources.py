"""The shop's tables, column by column: what is kept and what becomes of personal data (E1).

To add a table or a column: declare it here and in `data_assets/tables.py`, then run
`python -m data_assets.dictionary` for the data dictionary.
"""

from __future__ import annotations

from data_assets import tables
from data_assets.extracts.declaration import (
    KEEP,
    AgeOnSnapshot,
    Drop,
    Extract,
    Length,
    Pseudonym,
    SourceColumn,
    TokyoDay,
)

_PERSONAL = Drop("dropped: personal data")
_SECRET = Drop("dropped: a credential")
_FREE_TEXT = Drop("dropped: free text may hold personal data")
_BOOKKEEPING = Drop("dropped: the database's bookkeeping")
_CUSTOMER_KEY = Pseudonym("pseudonym `customer_key`", to="customer_key")

_TIMESTAMPS = (
    SourceColumn("created_at", "datetime", _BOOKKEEPING),
    SourceColumn("updated_at", "datetime", _BOOKKEEPING),
)

CUSTOMERS = Extract(
    tables.CUSTOMERS,
    (
        SourceColumn("customer_id", "bigint", _CUSTOMER_KEY),
        SourceColumn(
            "email",
            "varchar",
            Pseudonym("pseudonym `email_key` of the normalised address", "email_key", "email"),
        ),
        SourceColumn("name", "varchar", _PERSONAL),
        SourceColumn("name_kana", "varchar", _PERSONAL),
        SourceColumn("phone", "varchar", _PERSONAL),
        SourceColumn("postal_code", "char", _PERSONAL),
        SourceColumn("prefecture", "varchar", KEEP),
        SourceColumn("address", "varchar", _PERSONAL),
        SourceColumn(
            "birth_date", "date", AgeOnSnapshot("generalised to `age_band`", to="age_band")
        ),
        SourceColumn("gender", "char", KEEP),
        SourceColumn("password_hash", "varchar", _SECRET),
        SourceColumn(
            "signed_up_at",
            "datetime",
            TokyoDay("generalised to its Tokyo day, `signed_up_on`", to="signed_up_on"),
        ),
        *_TIMESTAMPS,
    ),
)

PERSONAL_COLUMNS = ("email", "name", "name_kana", "phone", "postal_code", "address")
"""The columns of `customers` whose values must be found nowhere in the lake."""

CATEGORIES = Extract(
    tables.CATEGORIES,
    (
        SourceColumn("category_id", "int", KEEP),
        SourceColumn("name", "varchar", KEEP),
        SourceColumn("parent_id", "int", KEEP),
        *_TIMESTAMPS,
    ),
)

PRODUCTS = Extract(
    tables.PRODUCTS,
    (
        SourceColumn("product_id", "bigint", KEEP),
        SourceColumn("category_id", "int", KEEP),
        SourceColumn("name", "varchar", KEEP),
        SourceColumn("price_yen", "int", KEEP),
        *_TIMESTAMPS,
    ),
)

PURCHASES = Extract(
    tables.PURCHASES,
    (
        SourceColumn("purchase_id", "bigint", KEEP),
        SourceColumn("customer_id", "bigint", _CUSTOMER_KEY),
        SourceColumn("product_id", "bigint", KEEP),
        SourceColumn("quantity", "int", KEEP),
        SourceColumn("amount_yen", "bigint", KEEP),
        SourceColumn("return_of", "bigint", KEEP),
        SourceColumn("purchased_at", "datetime", KEEP),
        *_TIMESTAMPS,
    ),
    day_column="purchased_at",
    buyer_column="customer_id",
)

REVIEWS = Extract(
    tables.REVIEWS,
    (
        SourceColumn("review_id", "bigint", KEEP),
        SourceColumn("purchase_id", "bigint", KEEP),
        SourceColumn("customer_id", "bigint", _CUSTOMER_KEY),
        SourceColumn("product_id", "bigint", KEEP),
        SourceColumn("rating", "tinyint", KEEP),
        SourceColumn("title", "varchar", _FREE_TEXT),
        SourceColumn("body", "text", Length("only its length, `body_length`", to="body_length")),
        SourceColumn("created_at", "datetime", KEEP),
        SourceColumn("updated_at", "datetime", _BOOKKEEPING),
    ),
    day_column="created_at",
)

SNAPSHOTS = (CUSTOMERS, CATEGORIES, PRODUCTS)
BY_DAY = (PURCHASES, REVIEWS)
EXTRACTS = (*SNAPSHOTS, *BY_DAY)
