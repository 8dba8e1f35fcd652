"""Which parts of a message are files, what they are called in any language, and how their bytes come out whole."""

from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imapclient.response_types import BodyData

from daemon.intake.mail.attachments import (
    PARTS_MAX,
    DamagedAttachmentError,
    Leaf,
    OddStructureError,
    TransferDecoder,
    attachment_of,
    is_sealed,
    leaves,
)

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
        # Letters that came later than the encoding which their sender's program names.
        ('Content-Disposition: attachment; filename="=?gb2312?B?zfWGtC54bHN4?="', "王喆.xlsx"),
        ('Content-Disposition: attachment; filename="=?GB2312?Q?=CD=F5=86=B4=2Exlsx?="', "王喆.xlsx"),
        ('Content-Disposition: attachment; filename="=?x-gbk*zh-CN?B?zfWGtC54bHN4?="', "王喆.xlsx"),
        ("Content-Disposition: attachment; filename*=gb2312'zh-CN'%CD%F5%86%B4.xlsx", "王喆.xlsx"),
        ("Content-Disposition: attachment;\r\n filename*0*=GBK''%CD%F5;\r\n filename*1*=%86%B4.xlsx", "王喆.xlsx"),
        ('Content-Disposition: attachment; filename="=?shift_jis?B?h0CSjZW2h4oueGxzeA==?="', "①注文㈱.xlsx"),
        ('Content-Disposition: attachment; filename="=?ks_c_5601-1987?B?wda5roxjLnhsc3g=?="', "주문똠.xlsx"),
        ('Content-Disposition: attachment; filename="=?iso-8859-1?Q?Preis_=80.xlsx?="', "Preis €.xlsx"),
        ('Content-Disposition: attachment; filename="=?no-such?B?YQ==?= b.xlsx"', "a b.xlsx"),
        ('Content-Type: application/octet-stream; name="Aufträge.csv"', "Aufträge.csv"),
        ('Content-Disposition: inline; filename="orders.csv"', "orders.csv"),
        ('Content-Disposition: attachment; filename="../../etc/passwd"', "passwd"),
        ('Content-Disposition: attachment; filename="C:\\\\Users\\\\ming\\\\a.xls"', "a.xls"),
        ("Content-Disposition: attachment", "attachment"),
        ("Content-Disposition: attachment; filename=Größe.xlsx", "Größe.xlsx"),
    ],
)
def test_names_come_in_every_form_there_is(header: str, name: str) -> None:
    found = attachment_of(LEAF, f"{header}\r\n\r\n".encode())
    assert found is not None
    assert found.file == name


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("订单.xlsx", "gbk"),
        ("五月 订单表.xlsx", "gb18030"),
        ("2026年5月订单.csv", "gb2312"),
        ("Größe.csv", "latin-1"),
        ("Aufträge für März.csv", "latin-1"),
        ("Élément réglé.csv", "latin-1"),
    ],
)
def test_names_come_in_encodings_that_nobody_declares(name: str, encoding: str) -> None:
    header = f'Content-Type: x/y; name="{name}"\r\nContent-Disposition: attachment; filename="{name}"\r\n\r\n'
    found = attachment_of(LEAF, header.encode(encoding))
    assert found is not None
    assert found.file == name


def test_texts_for_people_are_no_files() -> None:
    assert attachment_of(LEAF, b"Content-Type: text/html\r\n\r\n") is None


@pytest.mark.parametrize(
    ("kind", "is_file"),
    [
        ("application/vnd.ms-excel", True),
        ("application/vnd.ms-excel.sheet.macroenabled.12", True),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", True),
        ("application/vnd.oasis.opendocument.spreadsheet", True),
        ("text/csv", True),
        ("application/octet-stream", False),
        ("application/pdf", False),
        ("text/plain", False),
    ],
)
def test_tables_need_no_name(kind: str, is_file: bool) -> None:  # noqa: FBT001
    leaf = Leaf(number="2", kind=kind, encoding="base64", octets=78)
    assert (attachment_of(leaf, b"Content-Transfer-Encoding: base64\r\n\r\n") is not None) is is_file


@pytest.mark.parametrize(
    ("kind", "file"), [("application/ms-tnef", "a.dat"), ("application/octet-stream", "WINMAIL.DAT")]
)
def test_what_outlook_packs_is_known(kind: str, file: str) -> None:
    leaf = Leaf(number="2", kind=kind, encoding="base64", octets=78)
    found = attachment_of(leaf, f"Content-Disposition: attachment; filename={file}\r\n\r\n".encode())
    assert found is not None
    assert found.is_packed_message


@pytest.mark.parametrize("name", ["all.TAR", "a.tar.gz", "b.7z", "c.rar"])
def test_archives_are_known_by_their_names(name: str) -> None:
    found = attachment_of(LEAF, f"Content-Disposition: attachment; filename={name}\r\n\r\n".encode())
    assert found is not None
    assert found.is_archive


@pytest.mark.parametrize("given_bytes", [1, 30, 77, 78, 100])
@pytest.mark.parametrize("octets", [78, 79, 500])
def test_a_part_is_read_to_its_end_however_little_a_server_gives(given_bytes: int, octets: int) -> None:
    """`octets` is what it says of the size, which may be too much."""
    leaf = Leaf(number="2", kind="text/csv", encoding="7bit", octets=octets)
    content, got = b"x" * 78, b""
    while True:
        block = content[len(got) :][:given_bytes]
        got += block
        if leaf.ends_at(len(got), got=len(block), asked=100):
            break
    assert got == content


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


@pytest.mark.parametrize("size", [1, 3, 64, 10_000])
def test_base64_of_programs_that_pad_each_of_their_blocks_is_read_to_its_end(size: int) -> None:
    content = bytes(range(256)) * 4
    text = b"\r\n".join(base64.b64encode(content[start : start + 100]) for start in range(0, len(content), 100))
    decoder = TransferDecoder("base64")
    pieces = [decoder.feed(text[start : start + size]) for start in range(0, len(text), size)]
    assert b"".join(pieces) + decoder.finish() == content


@pytest.mark.parametrize("size", [1, 3, 64])
def test_what_a_list_appends_to_base64_is_left_out(size: int) -> None:
    text = b"QUJD\r\nRA==\r\n-- \r\nThe list of example.com\r\n"
    decoder = TransferDecoder("base64")
    pieces = [decoder.feed(text[start : start + size]) for start in range(0, len(text), size)]
    assert b"".join(pieces) + decoder.finish() == b"ABCD"


def test_a_line_without_end_is_not_kept_in_memory() -> None:
    decoder = TransferDecoder("quoted-printable")
    out = b"".join(decoder.feed(b"=41" * 30_000) for _ in range(3)) + decoder.finish()
    assert out == b"A" * 90_000


def test_what_is_not_base64_is_damaged() -> None:
    decoder = TransferDecoder("base64")
    decoder.feed(b"QUJDR")
    with pytest.raises(DamagedAttachmentError):
        decoder.finish()


def part(kind: bytes, subtype: bytes, encoding: bytes = b"base64") -> tuple[object, ...]:
    return (kind, subtype, None, None, None, encoding, 100)


def test_parts_are_numbered_as_imap_does_through_all_nesting() -> None:
    """Pictures, signatures and other messages are passed over, and what is in those."""
    alternative = (part(b"TEXT", b"PLAIN", b"7BIT"), part(b"TEXT", b"HTML"), b"ALTERNATIVE")
    related = (alternative, part(b"IMAGE", b"PNG"), b"RELATED")
    forwarded = (b"MESSAGE", b"RFC822", None, None, None, b"7BIT", 100)
    signature = part(b"APPLICATION", b"PKCS7-SIGNATURE")
    whole = (related, part(b"APPLICATION", b"OCTET-STREAM"), forwarded, signature, b"MIXED")
    found = leaves(BodyData.create(whole))
    assert [(leaf.number, leaf.kind) for leaf in found] == [
        ("1.1.1", "text/plain"),
        ("1.1.2", "text/html"),
        ("2", "application/octet-stream"),
    ]
    assert [leaf.number for leaf in leaves(BodyData.create(part(b"TEXT", b"CSV")))] == ["1"]


def test_of_very_many_parts_only_some_are_looked_at() -> None:
    many = (*(part(b"TEXT", b"CSV") for _ in range(PARTS_MAX + 5)), b"MIXED")
    assert len(leaves(BodyData.create(many))) == PARTS_MAX + 1


def test_what_is_encrypted_or_wrapped_into_its_signature_is_known() -> None:
    """A signature beside a message is neither, and what hangs on it can be read."""
    wrapped = part(b"APPLICATION", b"X-PKCS7-MIME")
    encrypted = (part(b"APPLICATION", b"PGP-ENCRYPTED"), part(b"APPLICATION", b"OCTET-STREAM"), b"ENCRYPTED")
    signed = (part(b"TEXT", b"CSV"), part(b"APPLICATION", b"PKCS7-SIGNATURE"), b"SIGNED")
    for structure in (wrapped, encrypted, (part(b"TEXT", b"PLAIN"), wrapped, b"MIXED")):
        assert is_sealed(BodyData.create(structure))
    assert leaves(BodyData.create(encrypted)) == []
    assert not is_sealed(BodyData.create(signed))
    assert len(leaves(BodyData.create(signed))) == 1


@pytest.mark.parametrize("structure", [None, BodyData.create((b"TEXT",)), BodyData.create((b"TEXT", b"CSV", None))])
def test_a_structure_that_is_none_is_told(structure: object) -> None:
    with pytest.raises(OddStructureError):
        leaves(structure)
