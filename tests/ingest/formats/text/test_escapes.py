"""Texts that lead out of ASCII by escape sequences are read; plain ones with the same characters stay as they are."""

from __future__ import annotations

import pytest

from ingest.errors import FileRejectedError
from ingest.formats.hint import NO_HINT
from ingest.formats.text.encoding import utf8_text

JAPANESE = "item,colour,qty\r\n机,黒,5\r\n本棚,茶色,7\r\n"
KOREAN = "item,colour,qty\r\n의자,검정,5\r\n"
CHINESE = "item,colour,qty\r\n桌子,黑色,5\r\n书架 ~ 2,棕色,7\r\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (JAPANESE, "iso2022_jp"),
        (JAPANESE.replace("机", "ﾃｰﾌﾞﾙ"), "iso2022_jp_ext"),
        (KOREAN, "iso2022_kr"),
        (CHINESE, "hz"),
    ],
)
def test_the_encodings_of_mail_are_read(text: str, encoding: str) -> None:
    assert utf8_text(text.encode(encoding), NO_HINT).decode() == text


def test_the_sequences_of_older_programs_are_read() -> None:
    content = JAPANESE.encode("iso2022_jp").replace(b"\x1b$B", b"\x1b$@").replace(b"\x1b(B", b"\x1b(J")
    assert utf8_text(content + b"\x1b(B", NO_HINT).decode().startswith("item,colour,qty\r\n机,黒,5")


@pytest.mark.parametrize(
    "text", ["a,\x1b[1mb\n", "a,\x1b(0b\n", "~{,b\n", "~{name~},b\n", "~{code~},b\n", "~{a~},~{b\n", "a~,b\n"]
)
def test_plain_texts_stay_as_they_are(text: str) -> None:
    assert utf8_text(text.encode(), NO_HINT) == text.encode()


NAMES = ("CITY", "DATE", "NAME", "TYPE", "CODE", "USER", "LIST", "ITEM", "STATUS", "REGION", "AMOUNT", "CLIENT")


@pytest.mark.parametrize("count", range(1, len(NAMES)))
@pytest.mark.parametrize("rows", [1, 30])
def test_names_of_a_template_are_no_chinese(count: int, rows: int) -> None:
    for start in range(len(NAMES) - count):
        text = "no,ref\n" + "".join(
            f"{row},~{{{name}~}}\n" for name in NAMES[start : start + count] for row in range(rows)
        )
        assert utf8_text(text.encode(), NO_HINT) == text.encode()


def test_what_begins_so_and_is_not_is_refused() -> None:
    with pytest.raises(FileRejectedError) as caught:
        utf8_text(b"item,qty\r\n\x1b$B\x7f\x7f\x1b(B,5\r\n", NO_HINT)
    assert caught.value.record.code == "file.encoding_ambiguous"
