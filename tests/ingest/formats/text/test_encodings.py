"""The encoding of a text: by its mark, its dataset, its markup, its titles, its words; refused where none decides."""

from __future__ import annotations

import codecs
import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ingest.errors import FileRejectedError
from ingest.formats.hint import NO_HINT, Hint
from ingest.formats.text.encoding import utf8_text
from ingest.spec.dataset_file import parse_dataset
from ingest.spec.encoding_name import is_text_encoding, python_encoding
from ingest.spec.yaml_document import DocumentError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WORDS = {
    "simplified": (
        "订单号 数量 备注 价格 椅子 桌子 书架 黑色 白色 棕色 "
        "办公桌 台灯 加急 尺寸 铅笔 钢笔 客户名称 库存不足 已发货 仓库"
    ),
    "traditional": (
        "訂單編號 數量 備註 價格 椅子 桌子 書櫃 黑色 白色 辦公桌 檯燈 轉椅 客戶名稱 庫存不足 已發貨 雞蛋 倉庫 運費"
    ),
    "korean": (
        "주문번호 상품 수량 의자 책상 선반 검정 하양 갈색 주전자 "
        "파란색 빨간색 고객명 주소 배송비 단가 합계 비고 재고 부족"
    ),
    "japanese": (
        "注文番号 商品 数量 机 椅子 本棚 黒 白 茶色 やかん カップ 備考 価格 顧客名 住所 送料 単価 合計 在庫 牛乳 りんご"
    ),
    "russian": (
        "номер товар количество стол окно ящик жёлтый чёрный алый чайник чашка синяя цена скидка адрес заказ клиент"
    ),
    "capitals": ("НОМЕР ТОВАР КОЛИЧЕСТВО СТОЛ ОКНО ЯЩИК ЖЁЛТЫЙ ЧЁРНЫЙ АЛЫЙ ЧАЙНИК ЧАШКА СИНЯЯ ЦЕНА СКИДКА АДРЕС ЗАКАЗ"),
    "ukrainian": (
        "номер товар кількість стіл вікно їжак ґанок жовтий чорний єдність щедрий ціна знижка адреса клієнт замовлення"
    ),
    "tajik": "стол хона китоб ҷавон ғам қалам духтар мардум ҳава нарх шумора суроға фармоиш муштарӣ",
    "hebrew": "שולחן שחור כיסא לבן מחיר כמות כתובת הזמנה לקוח ספר מחברת עט מספר פריט צבע גודל הנחה",
    "arabic": "طاولة أسود كرسي أبيض سعر كمية عنوان طلب زبون رقم لون حجم خصم مدينة",
    "greek": (
        "Άρθρο Άννα αριθμός προϊόν ποσότητα τραπέζι καρέκλα λευκό τιμή έκπτωση διεύθυνση παραγγελία πελάτης αποθήκη"
    ),
    "german": (
        "größer süß Übergröße ändern Straße Köln München Müller für Rückgabe täglich Öl Äpfel Käse Brötchen Maß"
    ),
    "french": ("quantité élève crème brûlée garçon français hôtel Noël été déjà reçu forêt tâche naïve pièce modèle"),
    "estonian": ("Jõgeva Võru Pärnu Mägi öö õun ühing küünal käru kõrge töö šokolaad žürii lühike väike põld"),
    "lithuanian": ("kėdė žalia sąskaita įmonė gatvė užsakymas apmokėta atšaukta Šiauliai Panevėžys ūkis mėlyna"),
    "turkish": ("sipariş ödendi kırmızı yeşil Öztürk Çelik Şahin Güneş Eskişehir ışık ağaç çekmece gümüş"),
    "polish": ("zażółć gęślą jaźń łódź Kraków Gdańsk krzesło stół ilość źródło wąż śruba żółty książka część"),
}
ENCODINGS = {
    "simplified": ["gb18030", "gb2312"],
    "traditional": ["gb18030", "cp950"],
    "korean": ["cp949"],
    "japanese": ["cp932", "euc_jp"],
    "russian": ["cp1251", "koi8_r", "cp866", "mac_cyrillic"],
    "capitals": ["cp1251", "koi8_r", "cp866", "mac_cyrillic"],
    "ukrainian": ["cp1251", "koi8_u", "mac_cyrillic", "cp1125"],
    "tajik": ["koi8_t"],
    "hebrew": ["cp1255", "cp862"],
    "arabic": ["cp1256", "cp720"],
    "greek": ["cp1253", "mac_greek", "cp737"],
    "german": ["cp1252", "cp850"],
    "french": ["cp1252"],
    "estonian": ["cp1252", "cp1257", "iso8859_15"],
    "lithuanian": ["cp1257", "cp775"],
    "turkish": ["cp1254", "cp857"],
    "polish": ["cp1250", "iso8859_2", "mac_latin2"],
}
EACH = [(language, encoding) for language, encodings in ENCODINGS.items() for encoding in encodings]


def text_of(content: bytes, hint: Hint) -> str:
    return utf8_text(content, hint).decode()


def code_of(content: bytes, hint: Hint = NO_HINT) -> str:
    with pytest.raises(FileRejectedError) as caught:
        text_of(content, hint)
    return caught.value.record.code


def found(content: bytes) -> str:
    """Return the text, or the code by which it is refused."""
    try:
        return text_of(content, NO_HINT)
    except FileRejectedError as error:
        return error.record.code


def table(words: list[str]) -> str:
    rows = [f"{word},{other},5" for word, other in zip(words[::2], words[1::2], strict=False)]
    return "\r\n".join(["item,colour,qty", *rows]) + "\r\n"


@pytest.mark.parametrize(("language", "encoding"), EACH)
@pytest.mark.parametrize("count", [2, 4, 6, 12])
def test_words_are_read_right_or_refused(language: str, encoding: str, count: int) -> None:
    for seed in range(12):
        words = random.Random(seed).sample(WORDS[language].split(), count)
        try:
            content = table(words).encode(encoding)
        except UnicodeEncodeError:
            continue
        assert found(content) in {table(words), "file.encoding_ambiguous"}


@pytest.mark.parametrize(("language", "encoding"), [pair for pair in EACH if pair != ("capitals", "koi8_r")])
def test_many_words_are_read(language: str, encoding: str) -> None:
    words = [word for word in WORDS[language].split() if word.encode(encoding, "ignore").decode(encoding) == word]
    assert text_of(table(words * 3).encode(encoding), NO_HINT) == table(words * 3)


@pytest.mark.parametrize(("encoding", "known"), [("cp850", False), ("mac_roman", False), ("cp1252", True)])
def test_the_same_letter_in_the_same_place_is_no_new_evidence(encoding: str, known: bool) -> None:  # noqa: FBT001
    streets = [f"{name}straße {number}" for number, name in enumerate(("Haupt", "Bahnhof", "Garten", "Schul") * 8)]
    text = table(streets)
    assert found(text.encode(encoding)) == (text if known else "file.encoding_ambiguous")


@pytest.mark.parametrize(
    ("encoding", "late", "known"),
    [
        ("cp1252", "19 €,„neu“ – gut\n", True),
        ("cp1252", "à la carte,Gårdsjø\n", True),
        ("cp1252", "Señor,Crème à la carte\n", True),
        ("cp1252", "1½ Zoll,¼ l\n", True),
        ("iso8859_15", "19 €,20 €\n", True),
        ("cp850", "à la carte,Gårdsjø\n", True),
        ("cp1250", "Łódź,Dvořák\n", False),
    ],
)
def test_a_letter_far_down_tells_apart_what_reads_all_above_alike(encoding: str, late: str, known: bool) -> None:  # noqa: FBT001
    draw = random.Random(2)
    names = ["".join(draw.choice("abdefghiklmnoprstuwäöüß") for _ in range(9)) for _ in range(1200)]
    text = table(names) + late
    assert found(text.encode(encoding)) == (text if known else "file.encoding_ambiguous")


@pytest.mark.parametrize("word", ["fenêtre cœur sœur doré garçon", "prix 5 € à 7 € réduit"])
def test_the_eight_signs_of_latin_9_are_read_as_such(word: str) -> None:
    text = table(["étagère", "doré", "français", "hôtel", "naïve", "Noël", *word.split(" ", 1), *word.split(" ", 1)])
    assert text_of(text.encode("iso8859_15"), NO_HINT) == text


@pytest.mark.parametrize("titles", ["日付,摘要,金額", "date,text,amount"])
def test_what_banks_of_japan_write_in_letters_of_half_a_width_is_read(titles: str) -> None:
    names = ["ｶ)ﾔﾏﾀﾞｼﾖｳｼﾞ", "ﾐﾂﾋﾞｼ ﾊﾅｺ", "ﾃﾞﾝｷﾀﾞｲ", "ｽｲﾄﾞｳ", "ﾄﾞ)ｽｽﾞｷ", "ｷﾕｳﾖ"]
    text = "".join(f"{row}\r\n" for row in (titles, *(f"2026-05-01,{name},1000" for name in names)))
    assert text_of(text.encode("cp932"), NO_HINT) == text


@pytest.mark.parametrize("words", ["의자 검정 책상 하양", "estação pão maçã limão avô três"])
def test_letters_of_four_bytes_in_gb_18030_are_read(words: str) -> None:
    assert text_of(table(words.split()).encode("gb18030"), NO_HINT) == table(words.split())


@pytest.mark.parametrize(
    ("titles", "encoding"),
    [
        (["품명", "색"], "cp949"),
        (["品名", "色"], "euc_jp"),
        (["品名", "数量"], "gb18030"),
        (["ТОВАР", "ЦЕНА"], "koi8_r"),
        (["Größe", "Stück"], "cp1252"),
    ],
)
def test_titles_of_the_dataset_decide(titles: list[str], encoding: str) -> None:
    text = f"{titles[0]},{titles[1]}\n1,2\n"
    hint = Hint(titles=frozenset(title.casefold() for title in titles))
    assert text_of(text.encode(encoding), hint) == text


@pytest.mark.parametrize("encoding", ["cp949", "koi8_r", "cp1252", "utf-16-le", "mac_roman"])
def test_the_dataset_says_the_encoding(encoding: str) -> None:
    text = {"cp949": "색,1\n", "koi8_r": "ЖЁЛТЫЙ,1\n"}.get(encoding, "é,1\n")
    assert text_of(text.encode(encoding), Hint(encoding=encoding)) == text


@pytest.mark.parametrize("name", ["gbk", "GB2312", "cp936", "gb18030"])
def test_the_code_page_of_windows_has_a_euro_sign(name: str) -> None:
    content = "椅子,1\n".encode("gbk") + b"19.50 \x80\n"
    assert text_of(content, Hint(encoding=name)) == "椅子,1\n19.50 €\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x-sjis", "髙"), ("Windows-31J", "①"), ("x-gbk", "椅子"), ("x-euc-jp", "椅子"), ("ks_c_5601-1987", "뷁"),
        ("iso-8859-8-i", "שחור"), ("macintosh", "é"), ("x-mac-cyrillic", "жёлтый"), ("windows-874", "ไทย"),
        ("x-cp1251", "стол"), ("cn-big5", "椅子"), ("KOI8-RU", "їжак"), ("utf8", "é"),
    ],
)  # fmt: skip
def test_the_names_of_browsers_and_mail_are_known(name: str, text: str) -> None:
    spec = f"{{dataset: d, encoding: {name}, fields: [{{name: a, type: string}}], load: {{table: t}}}}"
    encoding = parse_dataset(spec, "d.yml").encoding
    assert text_of(text.encode(python_encoding(name)), Hint(encoding=encoding)) == text


@pytest.mark.parametrize("name", ["ansi", "unicode", "x-none", "base64", "oem"])
def test_a_name_that_may_mean_several_is_none(name: str) -> None:
    assert not is_text_encoding(name)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text",
    [
        "品名,说明,数量\n一次性杯子,统一,5\n第一,一个,7\n",
        "品名\t色　合\t数量\r\n椅子\t黒　白\t5\r\n",
        "nosaukums,krāsa\r\nĀbele,Āda\r\n",
        "товар,кол\n" + "стол письменный,пять\n" * 30,
        "sku,note\r\nA1,👍 ok\r\nA2,一\r\n",
    ],
)
def test_utf_16_without_a_mark_is_known_by_its_lines(text: str, encoding: str) -> None:
    """The low byte of 一, Ā and an ideographic space is zero, as the high one of ASCII is."""
    assert text_of(text.encode(encoding), Hint(name="x.csv")) == text


def test_zeros_in_a_text_of_one_byte_a_character_make_no_utf_16() -> None:
    for text in ("товар,цвет\r\nстол,жёлтый\r\nокно,чёрный\r\n", "item,colour\r\nStühle,grün\r\nTische,weiß\r\n"):
        content = text.encode("cp1251" if text[0] == "т" else "cp1252")
        for place in range(1, len(content)):
            whole = text[:place] + "\0" + text[place:]
            assert found(content[:place] + b"\0" + content[place:]) in {whole, "file.encoding_ambiguous"}


def test_a_mark_comes_before_what_the_dataset_says() -> None:
    assert text_of("é".encode("utf-8-sig"), Hint(encoding="cp1252")) == "é"


def test_what_is_not_in_the_encoding_is_refused() -> None:
    assert code_of("é,1\n".encode("cp1252"), Hint(encoding="utf-8")) == "file.encoding_ambiguous"


def test_a_few_broken_bytes_do_not_make_an_old_text_of_unicode() -> None:
    assert code_of("größer, süß\n".encode() * 40 + b"\xff\n") == "file.encoding_ambiguous"


@pytest.mark.parametrize(
    "text",
    [
        "no,note\n1,Größe <meta charset=gb2312>\n",
        "<no>,note\n1,ç charset=iso-8859-1\n",
        "no,note\n1,<?xml version=1.0 encoding=utf-16?> é\n",
        "no,note\n1,plain charset=x-none\n",
    ],
)
def test_a_cell_declares_nothing(text: str) -> None:
    assert text_of(text.encode(), NO_HINT) == text


XML = '<?xml version="1.0"{}?><Workbook><Font x:CharSet="204"/><Data>größe 大</Data></Workbook>'


@pytest.mark.parametrize("declared", ["", ' encoding="UTF-8"', ' encoding="x-none"', ' encoding="gb2312"'])
def test_only_the_declaration_of_markup_counts(declared: str) -> None:
    encoding = "gb18030" if "gb2312" in declared else "utf-8"
    assert text_of(XML.format(declared).encode(encoding), NO_HINT) == XML.format(declared)


def test_markup_that_declares_what_it_is_not() -> None:
    page = "<meta charset=iso-8859-1><table><tr><td>größer – 大</table>"
    assert text_of(page.encode(), NO_HINT) == page


def test_an_unknown_encoding_is_a_problem_of_the_dataset() -> None:
    with pytest.raises(DocumentError, match="encoding"):
        parse_dataset("{dataset: d, encoding: x-none, fields: [{name: a, type: string}], load: {table: t}}", "d.yml")


def test_rows_by_the_encoding_of_a_dataset(
    tmp_path: Path, dataset: Callable[..., Any], parsed: Callable[..., Any]
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes("item,qty\n의,5\n".encode("cp949"))
    item, qty = {"name": "item", "type": "string"}, {"name": "qty", "type": "integer"}
    assert parsed(path, dataset(item, qty)).refusal == "file.encoding_ambiguous"
    assert parsed(path, dataset(item, qty, encoding="cp949")).accepted == {2: ["의", "5"]}


NEARLY = st.lists(
    st.one_of(
        st.text(max_size=3).map(lambda text: text.encode()),
        st.binary(max_size=4),
        st.sampled_from((b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf", b"\xe2\x82")),
    ),
    max_size=6,
).map(b"".join)


@given(NEARLY)
@example(b"")
@example(b"\xef\xbb\xbf\xef\xbb\xbf,1\n")
def test_bytes_are_utf8_if_they_can_be_decoded(content: bytes) -> None:
    assume(not content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)))
    try:
        expected = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        assert code_of(content, Hint(encoding="utf-8-sig")) == "file.encoding_ambiguous"
    else:
        bare = "\n".join(line.lstrip("\ufeff") for line in expected.split("\n"))
        assume("\r" not in bare and not bare.endswith("\x1a"))
        assert utf8_text(content, Hint(encoding="utf-8-sig")) == bare.encode()


def test_a_long_text_beside_an_old_encoding_is_passed_over_at_once() -> None:
    """Whatever looked at it from each of its characters on would not come to an end."""
    text = table(WORDS["capitals"].split() * 3) + "x" * 4_000_000
    assert text_of(text.encode("cp1251"), NO_HINT) == text
