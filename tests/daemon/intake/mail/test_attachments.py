"""Which parts of a message are files, what they are called in any language, and how their bytes come out whole."""

from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.intake.mail.attachments import DamagedAttachmentError, Leaf, TransferDecoder, attachment_of

LEAF = Leaf(number="2", kind="application/octet-stream", encoding="base64", octets=78)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('Content-Disposition: attachment; filename="orders.xlsx"', "orders.xlsx"),
        ("Content-Disposition: attachment; filename*=utf-8''%E8%AE%A2%E5%8D%95.xlsx", "订单.xlsx"),
        (
            "Content-Disposition: attachment; filename*0*=utf-8''%E8%AE%A2;\r\n filename*1*=%E5%8D%95.xlsx",
            "订单.xlsx",
        ),
        ('Content-Disposition: attachment; filename="=?utf-8?B?6K6i5Y2VLnhsc3g=?="', "订单.xlsx"),
        ('Content-Disposition: attachment; filename="=?gb2312?B?tqm1pS54bHN4?="', "订单.xlsx"),
        ('Content-Type: application/octet-stream; name="Aufträge.csv"', "Aufträge.csv"),
        ('Content-Disposition: inline; filename="orders.csv"', "orders.csv"),
        ('Content-Disposition: attachment; filename="../../etc/passwd"', "passwd"),
        ('Content-Disposition: attachment; filename="C:\\\\Users\\\\ming\\\\a.xls"', "a.xls"),
        ("Content-Disposition: attachment", "attachment"),
    ],
)
def test_names_come_in_every_form_there_is(header: str, name: str) -> None:
    found = attachment_of(LEAF, f"{header}\r\n\r\n".encode())
    assert found is not None
    assert found.file == name


def test_texts_for_people_are_no_files() -> None:
    assert attachment_of(LEAF, b"Content-Type: text/html\r\n\r\n") is None


@pytest.mark.parametrize("name", ["all.ZIP", "a.tar.gz", "b.7z", "c.rar"])
def test_archives_are_known_by_their_names(name: str) -> None:
    found = attachment_of(LEAF, f"Content-Disposition: attachment; filename={name}\r\n\r\n".encode())
    assert found is not None
    assert found.is_archive


@given(st.binary(max_size=2000), st.integers(min_value=1, max_value=200))
def test_bytes_come_out_as_they_went_in_wherever_blocks_end(content: bytes, size: int) -> None:
    encoded = {
        "base64": base64.encodebytes(content).replace(b"\n", b"\r\n"),
        "quoted-printable": quopri.encodestring(content, quotetabs=True),
        "8bit": content,
    }
    for encoding, text in encoded.items():
        decoder = TransferDecoder(encoding)
        pieces = [decoder.feed(text[start : start + size]) for start in range(0, len(text), size)]
        assert b"".join(pieces) + decoder.finish() == content


def test_a_line_without_end_is_not_kept_in_memory() -> None:
    decoder = TransferDecoder("quoted-printable")
    out = b"".join(decoder.feed(b"=41" * 30_000) for _ in range(3)) + decoder.finish()
    assert out == b"A" * 90_000


def test_what_is_not_base64_is_damaged() -> None:
    decoder = TransferDecoder("base64")
    decoder.feed(b"QUJDR")
    with pytest.raises(DamagedAttachmentError):
        decoder.finish()
