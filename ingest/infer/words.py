"""What words in titles and cells mean to a drafted dataset, in the languages that workbooks come in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from .again import MEASURED, is_list_of, is_written_again

if TYPE_CHECKING:
    from collections.abc import Iterable

MISSING: Final = (
    *("-", "--", "–", "—", ".", "?", "N/A", "n/a", "NA", "n.a.", "k.A.", "无"),
    *("NULL", "null", "(null)", "<NULL>", r"\N", "NaN", "nan", "NaT", "<NA>"),
)
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

OTHER_LETTERS: Final = frozenset((("o", "n"), ("s", "n"), ("t", "n")))
"""Of these pairs those that are often something else: north and south, old and new, marks."""

PAGE_FOOTERS: Final = (
    (re.compile(r"page\s*\d+\s*(?:of|/)\s*\d++.*"), "Page * of *", "Page */*"),
    (re.compile(r"seite\s*\d+\s*(?:von|/)\s*\d++.*"), "Seite * von *", "Seite */*"),
    (re.compile(r"page\s*\d+\s*sur\s*\d++.*"), "Page * sur *", None),
    (re.compile(r"p[áa]gina\s*\d+\s*de\s*\d++.*"), "P?gina * de *", None),
    (re.compile(r"第\s*\d+\s*[页頁].*"), "第*页*", "第*頁*"),
    (re.compile(r"\(\d+ rows?(?: affected)?\)"), "(* row*)", None),
    (re.compile(r"\d+ rows? (?:selected\.?|in set.*+)"), "* row* selected*", "* row* in set*"),
    (re.compile(r"\(\d+ zeilen?\)"), "(* Zeile*)", None),
)
"""Forms of page footers and of what databases write below results, in lower case, and globs of `skip_rows` for them."""

_NUMBERED: Final = re.compile(
    r"(?:^|[^a-z])(?:id|no|nr|num|number|nummer|numero|número|numéro|n°|#|key|uuid|guid|ref|reference|referenz|référence"
    r"|referencia|referência)$"
    r"|(?:nummer|nr|номер|[^信]号|编号|編號|單號|番号|번호|[사학품]번)$|^(?:号|№)$|^(?:ال)?رقم(?: |$)"
)
"""A title that ends so says that the column's values number something."""

_CODED: Final = re.compile(
    r"(?<![a-zà-ÿ])(?:code|sku|ean|gtin|upc|isbn|imei|iban|bic|asin|zip|plz|blz|cep|cpf|cnpj|siren|siret|wkn|postcode"
    r"|postal|código|codigo|codice|(?:tele)?phone|tel|telefon[eo]?|tél|téléphone|teléfono|mobile|móvil|cell?ulare?|fax"
    r"|barcode|matr[ií]cul[ea]|cost cent(?:er|re)|(?:^|bank |gl |ledger )account|compte|cuenta|conta|conto)$"
    r"|(?:code|leitzahl|telefon|kostenstelle|(?<!s)konto|[代编邮]码|[号號][码碼]|邮编|电话|手机|传真|身份证|科目|条码|[品型社棚]番|電話|携帯"
    r"|コード|电话号码|코드|전화|휴대폰|연락처|индекс|телефон|артикул|(?<![а-яё])(?:инн|кпп|огрн|бик))$"
    r"|^(?:code (?:article|client|produit|fournisseur|banque|guichet|insee|barres?)|cód(?:igo)?[ .])"
    r"|^(?:cod(?:igo|ice)[ .]|cod\.)"
    r"|^(?:n[°o]|núm|n[úu]mero|numéro)[. ]*(?:d[eou] |del |d')?(?:client|compte|commande|facture|contrat|dossier|série"
    r"|siret|tva|téléphone|tél|portable|carte|sécurité sociale|adhérent|salarié|employé|fattura|ordine|pedido|cliente"
    r"|factura|empleado|serie|contrato|albarán|tarjeta|afiliación|seguridad social|nf|nota fiscal|cartão|cellulare)$"
    r"|(?<![a-z])(?:(?:tele)?phone|mobile|cell|fax|contact|account|acct|card|routing|passport|ssn)[ _.-]*"
    r"(?:number|no|nr|num|#)$"
    r"|(?<![a-z])(?:cell|acct|ssn|handy|mobil|festnetz|kto|portable|dni|nie|nif|nss|rg|agência)$"
    r"|(?:telefon|handy|mobil|mobilfunk|(?<![a-z])ruf|(?<![a-z])tel|fax|konto|(?<![a-z])kto|karten|steuer"
    r"|sozialversicherungs|ausweis)[. -]*(?:nummer|nr)$"
    r"|(?:(?:номер|^no) (?:сч[её]та|телефона|карты|паспорта)|(?:расч[её]тный|лицевой|банковский) сч[её]т)$"
    r"|(?<![а-яё])(?:мобильный|моб|паспорт|снилс|код|штрих-?код)$|^код [а-яё]+$"
    r"|(?:(?:手机|电话|[账帐卡税]|户行|身份证|社保|公积金)号|座机|固话|联系方式|条形码"
    r"|(?:郵便|電話|携帯|口座|カード|保険者?)番号|^〒|(?:우편|전화|휴대폰|핸드폰|계좌|카드|주민|등록|사업자)번호|핸드폰|휴대전화|계좌)$"
    r"|^(?:ال)?(?:هاتف|جوال|موبايل|محمول|كود|رمز(?: .*)?)$"
    r"|رقم (?:الهاتف|الجوال|الحساب|الهوية|البطاقة)$|^الرقم الضريبي$"
)
"""A title that ends so, or in Romance languages begins so, says that the column's digits are no quantity."""

_PHONES: Final = re.compile(
    "phone|tel|tél|mobil|móvil|cell|handy|portable|fax|contact|电话|手机|传真|座机|固话|联系|電話|携帯|전화|휴대|핸드폰|연락처"
    "|телефон|моб|هاتف|جوال|موبايل|محمول",
)
_PHONE_DIGITS: Final = 6
"""Numbers of fewer below such a title are calls, costs or visits."""
_POSTCODES: Final = re.compile(r"c\.?p|cap")
_POSTCODE_DIGITS: Final = 5
"""Other numbers below such a title are days of leave, or a limit."""
_BESIDE: Final = re.compile(r"(?<=\w)\s*\d?[ .:]*$")
"""What stands behind such a title where there are several: `Phone 2`."""

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


_NUMBER_WORDS: Final = re.compile(
    r"(?:[\W_]*(?:id|no|nr|num|number|nummer|numero|número|numéro|n°|#|key|uuid|guid|ref|reference|referenz|№"
    r"|document|doc|dokument|record|номер|编号|編號|(?<![订訂])[单單][号號]|番号|번호|号))+[\W_]*$"
)
"""What is left of a title without these is what it numbers; nothing is left where that is the row itself."""

_REFERENCE: Final = re.compile(r"(?:your |my |our )?ref(?:erence|erenz)?(?: (?:no|nr|num|number))?")
"""What a payment says it is for: standing orders say the same each month."""

_DOCUMENTS: Final = {
    kind: re.compile(f"(?<![a-z])(?:{begin})|{anywhere}")
    for kind, begin, anywhere in (
        (
            "order",
            "order|sale|[ps]o(?![a-z])",
            "auftrag|bestell|commande|pedido|encomenda|ordine|zamówieni|заказ|sipariş|[订訂][单單]|采购|注文|受注|発注|주문",
        ),
        (
            "invoice",
            "bill|inv(?![a-z])",
            "invoice|rechnung|factur|faktur|fattur|fatura|сч[её]т|[发發]票|账单|請求|청구|송장",
        ),
        (
            "payment",
            "pago",
            "payment|payout|zahlung|paiement|pagamento|betaling|плат[её]ж|ödeme|[付收]款|支付|支払|入金|결제",
        ),
        ("transaction", "t(?:xn|rx|x)(?![a-z])", "transa[ckz]|buchung|journal|交易|流水|取引|거래"),
        (
            "receipt",
            "bon(?![a-z])",
            "receipt|voucher|beleg|quittung|reçu|recibo|ricevuta|paragon|[凭憑][证證]|收据|小票|伝票|領収|영수증|전표",
        ),
        (
            "delivery",
            "ship|bolla",
            "deliver|dispatch|consignment|waybill|liefer|versand|livraison|достав|накладн|[发送][货貨]|納品|배송",
        ),
        ("return", "return|rma(?![a-z])", "refund|credit (?:note|memo)|gutschrift|retoure|退货|退款|返品|반품"),
        ("booking", "booking", "reserv|réserv|buchung|预[订约]|予約|예약"),
        (
            "case",
            "case|fall",
            "ticket|claim|incident|complaint|request|application|vorgang|antrag|reklamation|заявк|工单|申请|申込",
        ),
        ("quote", "quot", "offer|angebot|devis|presupuesto|preventivo|报价|見積|견적"),
    )
}
"""Kinds of documents, of which each is there once, by its number."""

_ISSUERS: Final = tuple(
    (re.compile(words), kinds)
    for words, kinds in (
        (
            (
                "supplier|vendor|lieferant|kreditor|fournisseur|proveedor|fornecedor|fornitore|leverancier|поставщик|供[应應]商"
                "|供货商|仕入先|공급업체|공급사"
            ),
            frozenset({"invoice", "receipt", "delivery", "return", "quote"}),
        ),
        (
            (
                r"(?<![a-z])(?:branch|store|shop|till|register|terminal|kasse|filiale?)(?![a-z])|[门分]店|店[铺舗]|支店|レジ"
                "|касса|филиал|매장|지점"
            ),
            frozenset({"receipt"}),
        ),
        (
            "company code|buchungskreis|mandant|fiscal year|geschäftsjahr|公司代码|会[计計]年度|财年|회계연도",
            frozenset({"", *_DOCUMENTS}),
        ),
        (
            (
                r"^(?:(?:pay |billing )?(?:month|period)|(?:abrechnungs|lohn)?(?:monat|zeitraum)|période|mois|mes|mês"
                r"|mese|período|periodo|period[ae]|месяц|период|ay|dönem|年月|[^\W\d_]*(?:月份|期间)|[^\W\d_]*対象月|월|년월|기간)$"
                f"|{MEASURED}"
            ),
            frozenset({""}),
        ),
    )
)
"""Titles of those who number documents for themselves, and of which: two suppliers may have invoices of one number.

What is measured, or paid for a month, has the numbers of people and things again in the next one.
"""

_LINES: Final = re.compile(
    r"(?:[^\W_]+[ _-])?(?:(?:line|row)(?:[ _-]?item)?|item|pos|position|posten|zeile|ligne|línea|riga|linha|строка)"
    r"(?:[ ._-]*(?:id|no|nr|num|number|nummer|#))?[ .:]*"
    r"|(?:auftrags|bestell|rechnungs|beleg|liefer|buchungs|order)(?:position|zeile|pos)(?:s?(?:nr|nummer))?[.:]*|行号|行號|行项目号?|项次|分录号|行番号|明細番号|枝番"
)
"""A title of a column with the numbers of lines within a document; in the plural, it counts them."""

_LETTERS: Final = re.compile("[a-zäöüßа-яё]*")


def is_identifier(title: str) -> bool:
    """Say whether a title, in the form in which titles are compared, promises identifiers: digits, but no quantity."""
    return bool(_NUMBERED.search(title.rstrip(" .:"))) or is_code(title)


def is_code(title: str, digits: int = _PHONE_DIGITS) -> bool:
    """Say whether a title promises codes whose zeros in front count, such as postcodes, phones and accounts.

    `digits` is how many the longest of them has.
    """
    plain = _BESIDE.sub("", title)
    if _POSTCODES.fullmatch(plain):
        return digits == _POSTCODE_DIGITS
    return bool(_CODED.search(plain)) and (digits >= _PHONE_DIGITS or not _PHONES.search(plain))


def numbers_rows(title: str, about: str) -> bool:
    """Say whether a title promises the number of what each row stands for, in a file that is named `about`.

    That is a number of documents, of which each is there once; of anything else (`Meter No`, `Project No`) the next
    file has rows again, unless the file is a list of just these. `about` is of a line for each name.
    """
    plain = title.rstrip(" .:")
    if not _NUMBERED.search(plain) or any(word in title and word not in about for word in _OTHERS):
        return False
    if _REFERENCE.fullmatch(plain):
        return False
    noun = _NUMBER_WORDS.sub("", plain)
    named = {kind for kind, words in _DOCUMENTS.items() if words.search(about)}
    own = _numbered_kinds(plain)
    if own:
        return not named or bool(own & named)
    return not is_written_again(about) and (not noun or (is_list_of(noun, about) and not named))


def numbers_for_itself(title: str, others: Iterable[str]) -> bool:
    """Say whether one of the other titles is of those who number such documents for themselves.

    The number alone is no key then: of another supplier, branch or year the next file may have the same.
    """
    kinds = _numbered_kinds(title) or {""}
    return any(kinds & of and any(_names(issuer, other) for other in others) for issuer, of in _ISSUERS)


def _names(issuer: re.Pattern[str], title: str) -> bool:
    """Say whether a title is of such issuers, and not of documents of theirs: `Supplier`, not `Supplier Invoice No`."""
    rest, found = issuer.subn("", title)
    return bool(found) and not _numbered_kinds(rest)


def _numbered_kinds(title: str) -> set[str]:
    """Return the kinds of documents that a title promises a number of, or names."""
    noun = _NUMBER_WORDS.sub("", title.rstrip(" .:"))
    return {kind for kind, words in _DOCUMENTS.items() if _ends_with(noun, words)}


def _ends_with(noun: str, words: re.Pattern[str]) -> bool:
    """Say whether the last word of a noun is one of the words, or begins so."""
    return any(_LETTERS.fullmatch(noun, match.end()) for match in words.finditer(noun))


def numbers_lines(title: str, about: str) -> bool:
    """Say whether a title promises the number of a line within a document, of which the next file may have others.

    It does not in a file that is named after it, as a list of items is.
    """
    return bool(_LINES.fullmatch(title)) and _NUMBER_WORDS.sub("", title.rstrip(" .:")) not in about
