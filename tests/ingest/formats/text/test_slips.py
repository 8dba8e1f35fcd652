"""A slip in a text of an old encoding, a capital, a few words of an encoding beside seldom ones: all are read."""

from __future__ import annotations

import random
from itertools import product

import pytest

from ingest.errors import FileRejectedError
from ingest.formats.hint import NO_HINT
from ingest.formats.text.encoding import utf8_text

GREEK = (
    "Όνομα;Διεύθυνση\nΓιώργος Παπαδόπουλος;Λεωφόρος Κηφισίας\nΜαρία;οδόςπανεπιστημίου\nΝίκος;Αθήνα κέντρο\n"
    "Ελένη;Θεσσαλονίκη\nΚώστας;Πειραιάς λιμάνι\n"
)
THAI = "ชื่อ;เมือง\nสมชาย ใจดี;กรุงเทพมหานคร\nสมหญิง;เชียงใหม่\nประเสริฐ;ภูเก็ต\nน ้ำดื่ม;ขวด\nตู้เย็น;เครื่อง\n"
HEBREW = "שם;עיר\nישראל ישראלי;תל אביב\nכהן משה;ירושליםעיר הקודש\nלוי דוד;חיפה\nרחל אמנו;באר שבע\nיעקב אבינו;נתניה\n"
FRAMED = "═══Отчёт═══\nИмя;Город\nИван Петров;Москва\nМария Сидорова;Санкт-Петербург\nОльга;Казань\n"
GERMAN = "Name;Ort\nWEIßENFELS GMBH;HAUPTSTRAßE 1\nGROßMANN;BERGSTRAßE 4\nVOß;SCHLOßSTRAßE 2\nMÜLLER;GARTENSTRAßE 5\n"
RUSSIAN = "дата\nзаказ\nколичество\nпокупатель\nномер\nтовар\nстол\nИван\n"

WORDS = {
    "mixed": "Москва Казань Иван Мария Ольга Дмитрий цена количество покупатель заказ дата адрес стул стол Ёлкин ООО",
    "titles": "Хлеб Молоко Яблоки Чай Кофе Сахар Соль Рис Творог Шоколад Щётка Экран Юбка Цемент Ящик Ёлка Зонт",
    "capitals": "НОМЕР ТОВАР КОЛИЧЕСТВО СТОЛ ОКНО ЯЩИК ЖЁЛТЫЙ ЧЁРНЫЙ АЛЫЙ ЧАЙНИК ЧАШКА СИНЯЯ ЦЕНА СКИДКА АДРЕС ЗАКАЗ",
    "german": "WEIßENFELS HAUPTSTRAßE GROßMANN BERGSTRAßE VOß SCHLOßSTRAßE MÜLLER GRÖßE KÖLN FUßBALL GARTENSTRAßE",
}
SAMPLES = 60


def found(text: str, encoding: str) -> str:
    """Return what bytes are read as, or the code by which they are refused."""
    try:
        return utf8_text(text.encode(encoding), NO_HINT).decode()
    except FileRejectedError as error:
        return error.record.code


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GREEK, "cp1253"),
        (GREEK, "iso8859_7"),
        (THAI, "cp874"),
        (HEBREW, "cp1255"),
        (FRAMED, "cp866"),
        (GERMAN, "cp1252"),
        ("Ёлкин;1\nмолоко;2\nхлеб;3", "cp1251"),
        (RUSSIAN, "cp1251"),
    ],
)
def test_a_slip_does_not_make_another_encoding(text: str, encoding: str) -> None:
    assert found(text, encoding) == text


@pytest.mark.parametrize("encoding", ["cp1253", "iso8859_7"])
def test_words_without_a_blank_between_are_read_right_or_refused(encoding: str) -> None:
    words = GREEK.replace(";", " ").split()
    for seed in range(SAMPLES):
        chosen = random.Random(seed).choices(words, k=12)
        text = "\n".join(map("".join, zip(chosen[::2], chosen[1::2], strict=True)))
        assert found(text, encoding) in {text, "file.encoding_ambiguous"}


@pytest.mark.parametrize(
    ("words", "encoding", "least"),
    [
        ("mixed", "cp1251", 55),
        ("titles", "cp1251", 40),
        ("capitals", "cp1251", 43),
        ("mixed", "cp866", 60),
        ("capitals", "cp866", 58),
        ("german", "cp1252", 38),
    ],
)
def test_three_words_are_seldom_refused(words: str, encoding: str, least: int) -> None:
    """As seldom as before there were encodings that few files come in."""
    texts = ["\n".join(random.Random(seed).choices(WORDS[words].split(), k=3)) for seed in range(SAMPLES)]
    read = [found(text, encoding) for text in texts]
    assert set(read) <= {*texts, "file.encoding_ambiguous"}
    assert sum(one == text for one, text in zip(read, texts, strict=True)) >= least


@pytest.mark.parametrize(("count", "encoding"), list(product([6, 12], ["cp737", "mac_greek"])))
def test_seldom_encodings_are_read_with_a_slip(count: int, encoding: str) -> None:
    text = "\n".join([*GREEK.replace(";", "\n").split()[:count], "οδόςπανεπιστημίου"])
    assert found(text, encoding) in {text, "file.encoding_ambiguous"}
