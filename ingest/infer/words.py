"""What words in titles and cells mean to a drafted dataset, in the languages that workbooks come in."""

from __future__ import annotations

import re
from typing import Final

MISSING: Final = ("-", "--", "N/A", "n/a", "NA", "NULL", "null", "无", "?")
"""Texts that mean nothing where a column's other cells are of another type."""

YES_NO: Final = (
    *(("true", "false"), ("yes", "no"), ("y", "n"), ("on", "off")),
    *(("wahr", "falsch"), ("ja", "nein"), ("j", "n")),
    *(("vrai", "faux"), ("oui", "non"), ("o", "n")),
    *(("verdadero", "falso"), ("sí", "no"), ("si", "no"), ("s", "n")),
    *(("vero", "falso"), ("sì", "no")),
    *(("verdadeiro", "falso"), ("sim", "não"), ("sim", "nao")),
    *(("waar", "onwaar"), ("ja", "nee")),
    *(("prawda", "fałsz"), ("tak", "nie"), ("t", "n")),
    *(("истина", "ложь"), ("да", "нет")),
    *(("doğru", "yanlış"), ("evet", "hayır")),
    *(("是", "否"), ("有", "无"), ("对", "错")),
    *(("はい", "いいえ"), ("有", "無"), ("○", "×")),
    *(("예", "아니오"), ("네", "아니요"), ("✓", "✗"), ("✔", "✘")),
)
"""Pairs of words for yes and no, in lower case: English, German, French, Spanish, Italian, Portuguese, Dutch, Polish,
Russian, Turkish, Chinese, Japanese, Korean, and signs."""

PAGE_FOOTERS: Final = (
    (re.compile(r"page\s*\d+\s*(?:of|/)\s*\d++.*"), "Page * of *", "Page */*"),
    (re.compile(r"seite\s*\d+\s*(?:von|/)\s*\d++.*"), "Seite * von *", "Seite */*"),
    (re.compile(r"page\s*\d+\s*sur\s*\d++.*"), "Page * sur *", None),
    (re.compile(r"p[áa]gina\s*\d+\s*de\s*\d++.*"), "P?gina * de *", None),
    (re.compile(r"第\s*\d+\s*[页頁].*"), "第*页*", "第*頁*"),
)
"""Forms of page footers, in lower case, and the globs of `skip_rows` for them."""

_NUMBERED: Final = re.compile(
    r"(?:^|[^a-z])(?:id|no|nr|num|number|nummer|numero|número|numéro|n°|#|key|uuid|guid|ref|reference|referenz)$"
    r"|(?:nummer|nr|номер|[^信]号|编号|編號|單號|番号|번호)$|^(?:号|№)$"
)
"""A title that ends so says that the column's values number something."""

_CODED: Final = re.compile(
    r"(?:^|[^a-z])(?:code|sku|ean|upc|isbn|imei|iban|bic|asin|zip|plz|postcode|phone|tel|telefon|mobile|fax|barcode)$"
    r"|(?:code|leitzahl|telefon|[代编邮]码|邮编|电话|手机|条码|コード|电话号码|코드|индекс|телефон)$"
)
"""A title that ends so says that the column's digits are no quantity."""

_OTHERS: Final = (
    *("customer", "client", "kunde", "debitor", "user", "member", "patient", "product", "article", "artikel", "item"),
    *("material", "supplier", "lieferant", "kreditor", "vendor", "employee", "personal", "store", "shop", "filial"),
    *("account", "konto", "house", "haus", "room", "line", "row", "seq", "pos", "page", "phone", "fax", "serial"),
    *("tax", "vat", "steuer", "batch", "tracking", "container", "parent", "cliente", "fournisseur", "produit"),
    *("客户", "顾客", "会员", "商品", "产品", "物料", "供应商", "员工", "店铺", "门店", "行", "序", "型", "批", "手机"),
    *(
        "快递",
        "物流",
        "运单",
        "电话",
        "账",
        "帐",
        "税",
        "房",
        "货",
        "款",
        "顧客",
        "商",
        "社員",
        "電話",
        "고객",
        "상품",
        "клиент",
        "товар",
    ),
)
"""A title with one of these numbers something else than what a row stands for, unless the file is named after it."""


def is_identifier(title: str) -> bool:
    """Say whether a title, in the form in which titles are compared, promises identifiers: digits, but no quantity."""
    plain = title.rstrip(" .:")
    return bool(_NUMBERED.search(plain) or _CODED.search(plain))


def numbers_rows(title: str, about: str) -> bool:
    """Say whether a title promises the number of what each row stands for, in a file that is named `about`."""
    if not _NUMBERED.search(title.rstrip(" .:")):
        return False
    return not any(word in title and word not in about for word in _OTHERS)
