"""Names, places and other Japanese words that the sample mall draws from.

No value identifies anybody: e-mail domains are the reserved examples, phone numbers use an exchange
that starts with 0, which is never assigned.
"""

from __future__ import annotations

from typing import NamedTuple


class Prefecture(NamedTuple):
    """A prefecture: people in tens of thousands, first three digits of a postal code, cities."""

    name: str
    people: int
    postal: str
    cities: tuple[str, ...]


class Name(NamedTuple):
    """A family or given name as written, in katakana and in Latin letters."""

    written: str
    kana: str
    latin: str


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PREFECTURES = tuple(
    Prefecture(name, people, postal, _words(cities))
    for name, people, postal, cities in (
        ("北海道", 514, "060", "札幌市中央区 旭川市 函館市"),
        ("青森県", 120, "030", "青森市 八戸市 弘前市"),
        ("岩手県", 118, "020", "盛岡市 一関市 奥州市"),
        ("宮城県", 228, "980", "仙台市青葉区 石巻市 大崎市"),
        ("秋田県", 93, "010", "秋田市 横手市 大仙市"),
        ("山形県", 104, "990", "山形市 鶴岡市 酒田市"),
        ("福島県", 179, "960", "福島市 郡山市 いわき市"),
        ("茨城県", 284, "310", "水戸市 つくば市 日立市"),
        ("栃木県", 191, "320", "宇都宮市 小山市 栃木市"),
        ("群馬県", 191, "371", "前橋市 高崎市 太田市"),
        ("埼玉県", 733, "330", "さいたま市大宮区 川口市 川越市"),
        ("千葉県", 627, "260", "千葉市中央区 船橋市 柏市"),
        ("東京都", 1404, "150", "渋谷区 世田谷区 八王子市 江東区"),
        ("神奈川県", 923, "220", "横浜市西区 川崎市中原区 藤沢市"),
        ("新潟県", 215, "950", "新潟市中央区 長岡市 上越市"),
        ("富山県", 101, "930", "富山市 高岡市 射水市"),
        ("石川県", 112, "920", "金沢市 白山市 小松市"),
        ("福井県", 75, "910", "福井市 坂井市 越前市"),
        ("山梨県", 80, "400", "甲府市 甲斐市 南アルプス市"),
        ("長野県", 202, "380", "長野市 松本市 上田市"),
        ("岐阜県", 195, "500", "岐阜市 大垣市 各務原市"),
        ("静岡県", 358, "420", "静岡市葵区 浜松市中央区 富士市"),
        ("愛知県", 750, "460", "名古屋市中区 豊田市 岡崎市"),
        ("三重県", 174, "514", "津市 四日市市 鈴鹿市"),
        ("滋賀県", 141, "520", "大津市 草津市 長浜市"),
        ("京都府", 255, "600", "京都市下京区 宇治市 亀岡市"),
        ("大阪府", 878, "530", "大阪市北区 堺市堺区 東大阪市"),
        ("兵庫県", 540, "650", "神戸市中央区 姫路市 西宮市"),
        ("奈良県", 131, "630", "奈良市 橿原市 生駒市"),
        ("和歌山県", 90, "640", "和歌山市 田辺市 橋本市"),
        ("鳥取県", 54, "680", "鳥取市 米子市 倉吉市"),
        ("島根県", 66, "690", "松江市 出雲市 浜田市"),
        ("岡山県", 186, "700", "岡山市北区 倉敷市 津山市"),
        ("広島県", 276, "730", "広島市中区 福山市 呉市"),
        ("山口県", 131, "753", "山口市 下関市 宇部市"),
        ("徳島県", 70, "770", "徳島市 阿南市 鳴門市"),
        ("香川県", 93, "760", "高松市 丸亀市 三豊市"),
        ("愛媛県", 131, "790", "松山市 今治市 新居浜市"),
        ("高知県", 68, "780", "高知市 南国市 四万十市"),
        ("福岡県", 512, "810", "福岡市中央区 北九州市小倉北区 久留米市"),
        ("佐賀県", 80, "840", "佐賀市 唐津市 鳥栖市"),
        ("長崎県", 128, "850", "長崎市 佐世保市 諫早市"),
        ("熊本県", 172, "860", "熊本市中央区 八代市 天草市"),
        ("大分県", 111, "870", "大分市 別府市 中津市"),
        ("宮崎県", 105, "880", "宮崎市 都城市 延岡市"),
        ("鹿児島県", 156, "890", "鹿児島市 霧島市 鹿屋市"),
        ("沖縄県", 147, "900", "那覇市 沖縄市 うるま市"),
    )
)

TOWNS = _words("本町 中央 栄町 緑町 旭町 末広町 東町 西町 新町 桜木町 青葉台 若葉町")
BUILDINGS = _words("メゾン グランドハイツ サンハイム コーポ パークヒルズ レジデンス")


def _names(text: str) -> tuple[Name, ...]:
    return tuple(Name(*entry.split("/")) for entry in text.split())


FAMILY_NAMES = _names(
    """
    佐藤/サトウ/sato 鈴木/スズキ/suzuki 高橋/タカハシ/takahashi 髙橋/タカハシ/takahashi
    田中/タナカ/tanaka 伊藤/イトウ/ito 渡辺/ワタナベ/watanabe 渡邉/ワタナベ/watanabe
    山本/ヤマモト/yamamoto 中村/ナカムラ/nakamura 小林/コバヤシ/kobayashi 加藤/カトウ/kato
    吉田/ヨシダ/yoshida 𠮷田/ヨシダ/yoshida 山田/ヤマダ/yamada 佐々木/ササキ/sasaki
    山口/ヤマグチ/yamaguchi 松本/マツモト/matsumoto 井上/イノウエ/inoue 木村/キムラ/kimura
    林/ハヤシ/hayashi 斎藤/サイトウ/saito 齋藤/サイトウ/saito 清水/シミズ/shimizu
    山崎/ヤマザキ/yamazaki 﨑山/サキヤマ/sakiyama 森/モリ/mori 池田/イケダ/ikeda
    橋本/ハシモト/hashimoto 阿部/アベ/abe 石川/イシカワ/ishikawa 前田/マエダ/maeda
    藤田/フジタ/fujita 後藤/ゴトウ/goto 小川/オガワ/ogawa 岡田/オカダ/okada
    村上/ムラカミ/murakami 長谷川/ハセガワ/hasegawa 近藤/コンドウ/kondo 石井/イシイ/ishii
    坂本/サカモト/sakamoto 遠藤/エンドウ/endo 青木/アオキ/aoki 藤井/フジイ/fujii
    西村/ニシムラ/nishimura 福田/フクダ/fukuda 太田/オオタ/ota 三浦/ミウラ/miura
    """
)
WOMENS_NAMES = _names(
    """
    陽葵/ヒマリ/himari 凛/リン/rin 結菜/ユイナ/yuina 美咲/ミサキ/misaki 葵/アオイ/aoi
    さくら/サクラ/sakura 愛/アイ/ai 彩花/アヤカ/ayaka 真由美/マユミ/mayumi 恵子/ケイコ/keiko
    由美子/ユミコ/yumiko 久美子/クミコ/kumiko 智子/トモコ/tomoko 明美/アケミ/akemi
    幸子/サチコ/sachiko 和子/カズコ/kazuko 花子/ハナコ/hanako 麻衣/マイ/mai 千尋/チヒロ/chihiro
    直美/ナオミ/naomi
    """
)
MENS_NAMES = _names(
    """
    蓮/レン/ren 陽翔/ハルト/haruto 湊/ミナト/minato 大翔/ヒロト/hiroto 翔太/ショウタ/shota
    健太/ケンタ/kenta 拓也/タクヤ/takuya 大輔/ダイスケ/daisuke 直樹/ナオキ/naoki
    誠/マコト/makoto 健一/ケンイチ/kenichi 浩/ヒロシ/hiroshi 隆/タカシ/takashi 修/オサム/osamu
    清/キヨシ/kiyoshi 太郎/タロウ/taro 一郎/イチロウ/ichiro 学/マナブ/manabu 亮/リョウ/ryo
    勇気/ユウキ/yuki
    """
)

MAIL_DOMAINS = ("example.com", "example.jp", "example.co.jp", "example.ne.jp", "example.org")
