"""People who are planted everywhere a person can appear, to be found nowhere afterwards (E1, E4).

Each is a customer whose data also stands in every text that people write: review titles and
bodies, click URLs, referrers, user agents, survey comments and survey e-mails, in the spellings
people use.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime

FIRST_ID = 990_000_001


@dataclass(frozen=True)
class Person:
    customer_id: int
    email: str
    name: str
    kana: str
    phone: str
    postal_code: str
    address: str

    @property
    def values(self) -> list[str]:
        return [self.email, self.name, self.kana, self.phone, self.postal_code, self.address]

    @property
    def sentence(self) -> str:
        """A text as people write it, with everything in it, partly in full width."""
        full_width = "".join(
            chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in f"{self.email} {self.phone}"
        )
        return (
            f"{self.name}（{self.kana}）です。{self.email.upper()} か {self.phone} まで。"
            f"{full_width} 〒{self.postal_code} {self.address}"
        )


PEOPLE = [
    Person(
        FIRST_ID,
        "Kanako.Rousei+mall@planted.example",
        "漏洩可奈子",
        "ロウセイカナコ",
        "090-8123-4567",
        "987-6543",
        "東京都千代田区漏洩町一丁目2番3号",
    ),
    Person(
        FIRST_ID + 1,
        "taro.himitsu@planted.example",
        "秘密太郎左衛門",
        "ヒミツタロウザエモン",
        "03-9876-1234",
        "876-5432",
        "大阪府大阪市秘密区9-8-7 秘密荘101",
    ),
]


def folded(text: str) -> str:
    """NFKC, lower case, without the signs people put between digits and names."""
    text = unicodedata.normalize("NFKC", text).lower()
    return "".join(c for c in text if c.isalnum() or c == "@")


NEEDLES = sorted({folded(value) for person in PEOPLE for value in person.values})
NUMBERS = [
    re.compile(r"(?<![0-9a-f])" + r"[-\s]?".join(needle) + r"(?![0-9a-f])")
    for needle in NEEDLES
    if needle.isdigit()
]


def found_in(text: str) -> list[str]:
    """Which planted values a text gives away; digits within longer numbers or digests don't."""
    haystack = folded(text)
    words = [needle for needle in NEEDLES if not needle.isdigit() and needle in haystack]
    plain = unicodedata.normalize("NFKC", text).lower()
    return words + [pattern.pattern for pattern in NUMBERS if pattern.search(plain)]


def shop_rows(at: datetime) -> list[tuple[str, dict[str, object]]]:
    """Rows (table, columns) that bring the people into the shop's database, bought at `at`."""
    rows: list[tuple[str, dict[str, object]]] = []
    for number, person in enumerate(PEOPLE):
        rows.append(
            (
                "customers",
                {
                    "customer_id": person.customer_id,
                    "email": person.email,
                    "name": person.name,
                    "name_kana": person.kana,
                    "phone": person.phone,
                    "postal_code": person.postal_code,
                    "prefecture": "東京都",
                    "address": person.address,
                    "birth_date": "1990-05-05",
                    "gender": "F",
                    "password_hash": f"$argon2id${person.email}",
                    "signed_up_at": at,
                },
            )
        )
        rows.append(
            (
                "purchases",
                {
                    "purchase_id": FIRST_ID + number,
                    "customer_id": person.customer_id,
                    "product_id": 1,
                    "quantity": 1,
                    "amount_yen": 1000,
                    "purchased_at": at,
                },
            )
        )
        rows.append(
            (
                "reviews",
                {
                    "review_id": FIRST_ID + number,
                    "purchase_id": FIRST_ID + number,
                    "customer_id": person.customer_id,
                    "product_id": 1,
                    "rating": 5,
                    "title": person.name + person.email,
                    "body": person.sentence,
                    "created_at": at,
                },
            )
        )
    return rows


def click_lines(at: datetime) -> list[bytes]:
    """Events whose every free text names the people, and broken lines that do, too."""
    from urllib.parse import quote

    lines = []
    for number, person in enumerate(PEOPLE):
        pages = [
            f"/users/{person.email}/cart",
            f"/users/{quote(person.email, safe='')}/cart?phone={person.phone}",
            f"/search?q={quote(person.sentence)}",
            f"/tel/{person.phone.replace('-', '')}#{person.name}",
            f"/orders/{person.postal_code.replace('-', '')}/{person.customer_id}",
        ]
        for page_number, page in enumerate(pages):
            event = {
                "event_id": f"planted-{number}-{page_number}",
                "event_time_ms": int(at.timestamp() * 1000) + page_number,
                "session_id": f"session-of-{person.email}",
                "customer_id": person.customer_id,
                "event_type": "page_view",
                "page": page,
                "product_id": 1,
                "referrer": f"https://{person.email.split('@')[0]}:pw@mail.example/?u={person.email}",
                "user_agent": f"Mozilla/5.0 (iPhone) {person.name} {person.phone}",
                "ip": "203.0.113.77",
            }
            lines.append(json.dumps(event, ensure_ascii=False).encode())
            lines.append(json.dumps(event | {"event_time_ms": person.sentence}).encode())
        lines.append(f"{{not json {person.sentence}".encode())
    return lines


SURVEY_NAME = "surveys/2023年第4四半期.csv"


def survey_file() -> bytes:
    """A survey in which the people leave their data in every answer that takes text."""
    header = "回答ID,回答日,年齢,性別,都道府県,きっかけ,満足度,推奨度,メールアドレス,自由記述,備考"
    rows = [header]
    for number, person in enumerate(PEOPLE):
        text = person.sentence.replace(",", "、")
        rows.append(
            f"P{number},2023-11-0{number + 1},3{number},女性,東京都,LINE,5,9,"
            f"{person.email},{text},{text}"
        )
        rows.append(f"{person.email},2023-11-01,{person.phone},女性,東京都,{text},5,9,,,")
    rows += [f"R{n},2023-11-20,4{n % 10},男性,大阪府,LINE,4,8,,," for n in range(40)]
    return "\r\n".join(rows).encode("utf-8-sig")


def at_noon(day: str) -> datetime:
    """Noon in Tokyo, as UTC."""
    return datetime.fromisoformat(f"{day}T03:00:00").replace(tzinfo=UTC)
