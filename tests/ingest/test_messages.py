"""Messages: in English they are what an f-string would be, and they stay messages on every way that they go."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ingest.errors import CATALOGUE, ErrorRecord, told_record
from ingest.languages import ENGLISH, catalogue, in_language, languages
from ingest.messages import Message, as_json, either, from_json, in_a_row, recognised, said_by, say, say_n, within

SAID_OTHERWISE = {english for known in map(catalogue, languages()) if known for english in known.forms()}
"""Hypothesis draws the texts of our own modules, too."""
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{}"))
VALUES = st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.integers(), st.floats(allow_nan=False))
NAMES = st.sampled_from(["a", "name", "row_2", "format", "type"])


@st.composite
def messages(draw: st.DrawFn, depth: int = 2) -> tuple[Message, str]:
    """Draw a message, with values that may be messages, and what an f-string would be."""
    parts = draw(st.lists(st.tuples(TEXTS, NAMES), max_size=4))
    known: dict[str, tuple[object, str]] = {}
    for _, name in parts:
        nested = depth > 0 and draw(st.booleans())
        value = draw(messages(depth - 1)) if nested else draw(VALUES.map(lambda one: (one, f"{one}")))
        known.setdefault(name, value)
    end = draw(TEXTS)
    template = "".join(f"{text}{{{name}}}" for text, name in parts) + end
    assume(template not in SAID_OTHERWISE)
    english = "".join(f"{text}{known[name][1]}" for text, name in parts) + end
    return say(template, **{name: value for name, (value, _) in known.items()}), english


@given(messages())
def test_a_message_is_what_an_f_string_would_be(made: tuple[Message, str]) -> None:
    message, english = made
    assert (message, hash(message), in_language(message, ENGLISH)) == (english, hash(english), english)
    assert json.dumps(message) == json.dumps(english)
    for again in (
        pickle.loads(pickle.dumps(message)),  # noqa: S301  # its own
        from_json(json.loads(json.dumps(as_json(message) or [english, {}]))),
    ):
        assert (again, again.said) == (message, message.said)
    for language in languages():
        assert in_language(message, language) == english


def test_what_is_no_text_or_number_is_kept_as_it_is_shown() -> None:
    assert as_json(say("{a} {b}", a=None, b=True)) == ["{a} {b}", {"a": "None", "b": "True"}]
    assert in_language(say("{name}: {reason}", name="x", reason=ValueError(say("the cell is empty"))), "zh-CN") == (
        "x: 单元格为空"
    )
    assert said_by(ValueError("plain")) == "plain"
    assert said_by(ValueError()) == ""


def test_one_is_said_otherwise_than_many() -> None:
    said = [
        say_n("{n} row is {what}", "{n} rows are {what}; the first of them is named", n, what=say("empty"))
        for n in (1, 3)
    ]
    assert said == ["1 row is empty", "3 rows are empty; the first of them is named"]
    assert [in_language(from_json(as_json(one) or []), "de") for one in said] == [
        "1 Zeile ist leer",
        "3 Zeilen sind leer; genannt ist die erste",
    ]
    assert in_language(said[0], "zh-CN") == "有 1 行：空（所指为第一行）"


def test_texts_are_put_together() -> None:
    assert (either(["a"]), either(["a", "b", "c"]), in_a_row(["a", "b"])) == ("a", "a or b or c", "a; b")
    assert in_language(either(["a", "b", "c"]), "de") == "a oder b oder c"
    long = say("{name} is empty", name="x" * 50)
    assert within(long, 100) is long
    assert in_language(within(long, 10), "de") == "x" * 10


def test_a_text_is_known_again_by_its_template() -> None:
    templates = (
        say("job {job} is {state}"),
        say("job {job}: {reason}"),
        say_n("{n} row is out", "{n} rows are out", 1),
    )
    assert recognised("job 7 is dead", templates).said[1] == {"job": "7", "state": "dead"}  # type: ignore[attr-defined]
    assert recognised("job 7: x\ny", templates, str.upper) == "job 7: X\nY"
    assert recognised("another text", templates) == "another text"
    # As it would be written today.
    for text, now in (("1 row is out", "1 row is out"), ("1 rows are out", "1 row is out"), ("12 rows are out",) * 2):
        assert recognised(text, templates) == now
    assert recognised("no rows are out", templates) == "no rows are out"


@pytest.mark.parametrize("language", languages())
def test_records_keep_what_it_takes_to_say_them_otherwise(language: str) -> None:
    wanted = say("e.g. {value}", value="1250")
    message = say("{shown} is no {name}: wanted {example}", shown="many", name=say("whole number"), example=wanted)
    record = ErrorRecord(
        code="cell.type", message=message, hint=CATALOGUE["cell.type"].hint, raw="many", expected="integer"
    )
    kept = json.loads(json.dumps(record.as_dict()))
    told = {
        "en": ("many is no whole number: wanted e.g. 1250", "enter a value of the declared type"),
        "de": ("many ist nicht lesbar als ganze Zahl: erwartet z. B. 1250", "einen Wert vom verlangten Typ eingeben"),
        "zh-CN": ("many 不是整数：应为类似 1250 的值", "请填写规定类型的值"),
    }
    shown = told_record(kept, language)
    assert (shown["message"], shown["hint"]) == told[language]
    assert (shown["raw"], shown["expected"], "said" in shown) == ("many", "integer", False)
    assert ErrorRecord.from_dict(kept) == record
    again: ErrorRecord = pickle.loads(pickle.dumps(record))  # noqa: S301  # its own
    assert again.in_language(language).message == told[language][0]


def test_a_record_from_before_is_read_as_it_was() -> None:
    """Its message had no template beside it: it stays English, and a hint of the catalogue is known all the same."""
    kept = {"code": "cell.type", "message": "many is no whole number", "hint": "fill in the cell", "row": 3}
    shown = told_record(kept, "zh-CN")
    assert (shown["message"], shown["hint"], shown["row"]) == ("many is no whole number", "请填写该单元格", 3)
