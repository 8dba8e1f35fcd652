"""What is read from a message's header: its sender, what it answers, and whether a program sent it."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.intake.mail.attachments import Leaf, attachment_of
from daemon.intake.mail.head import UnreadableHeaderError, read_head

PLAIN = b"From: Ming <Ming@Example.com>\r\nSubject: =?utf-8?B?6K6i5Y2V?=\r\n five\r\nMessage-ID: <one@example.com>\r\n"


def test_a_person_writes() -> None:
    head = read_head(PLAIN + b"References: <a@b> <c@d>\r\nIn-Reply-To: <c@d>\r\n\r\n")
    assert head.sender == "ming@example.com"
    assert head.subject == "订单 five"
    assert head.message_id == "<one@example.com>"
    assert head.references == ("<a@b>", "<c@d>")
    assert not head.automatic


@pytest.mark.parametrize(
    "field",
    [
        "From: a@example.com, b@example.com",
        "From: a@example.com\r\nFrom: b@example.com",
        "From: nobody",
        "From: undisclosed:;",
        "Sender: a@example.com",
        "From: =?utf-8?q?a=40example=2Ecom?=",
        "From: <a@example.com> <b@example.com>",
        "From: a@example.com, B <b@example.com>",
        "From: a@example.com; B <b@example.com>",
        "From: A <a@example.com>, b@example.com",
        "From: group: a@example.com, B <b@example.com>;",
        'From: "a\0b"@example.com',
    ],
)
def test_without_exactly_one_address_there_is_no_sender(field: str) -> None:
    assert read_head(f"{field}\r\n\r\n".encode()).sender == ""


@pytest.mark.parametrize(
    "written",
    [
        "Ming@Example.com",
        "<ming@example.com>",
        '"Li, Ming" <ming@example.com>',
        "=?utf-8?q?Li=2C_Ming?= <ming@example.com>",
        "=?utf-8?q?eve=40evil=2Eexample=3E?= <ming@example.com>",
        "Ming (of eve@evil.example) <ming@example.com>",
        "Li, Ming <ming@example.com>",
        "Ming [Sales] <ming@example.com>",
        "Ming @ Sales <ming@example.com>",
        "Sales: Ming\r\n <ming@example.com>",
        "'ming@example.com' <ming@example.com>",
        "eve@evil.example <ming@example.com>",
        '"eve@evil.example" <ming@example.com>',
        "ming@example.com (Ming)",
    ],
)
def test_the_sender_is_the_address_however_the_name_is_written(written: str) -> None:
    assert read_head(f"From: {written}\r\n\r\n".encode()).sender == "ming@example.com"


def test_addresses_in_letters_of_the_world_are_read_as_such() -> None:
    """A sender that cannot be stored ended the daemon."""
    assert read_head("From: 李 <李明@例子.example>\r\n\r\n".encode()).sender == "李明@例子.example"
    assert read_head("From: 李明@例子.example\r\n\r\n".encode()).sender == "李明@例子.example"


def test_what_no_database_keeps_is_not_in_a_subject_or_an_id() -> None:
    head = read_head(b"From: a@b.example\r\nSubject: =?utf-8?q?a=00b?= \x00c\r\nMessage-ID: <a\x00@b>\r\n\r\n")
    assert (head.subject, head.message_id) == ("a b c", None)


@pytest.mark.parametrize(
    ("field", "automatic"),
    [
        ("Auto-Submitted: auto-replied", True),
        ("Auto-Submitted: auto-generated; owner-email=a@b", True),
        ("Auto-Submitted: no", False),
        ("Precedence: bulk", True),
        ("Precedence: list", True),
        ("Precedence: first-class", False),
        ("List-Id: <people.example.com>", True),
        ("Return-Path: <>", True),
        ("Return-Path: <ming@example.com>", False),
        ("X-Auto-Response-Suppress: DR, AutoReply", True),
        ("X-Auto-Response-Suppress: DR", False),
        ("Content-Type: multipart/report; report-type=delivery-status", True),
    ],
)
def test_programs_are_known(field: str, automatic: bool) -> None:  # noqa: FBT001
    assert read_head(PLAIN + field.encode() + b"\r\n\r\n").automatic is automatic


@pytest.mark.parametrize("raw", [b"", b"\r\n", b"\xff\xfe\x00", b"From\r\n", b"Subject: \xd6l\r\n\r\n", b":" * 10_000])
def test_no_header_is_too_odd(raw: bytes) -> None:
    assert read_head(raw).sender == ""


@pytest.mark.parametrize("field", ["From: a@example.com", "Content-Type: multipart/mixed", "Message-ID: <a@b>"])
def test_a_field_that_the_library_would_take_minutes_for_is_not_read(field: str) -> None:
    with pytest.raises(UnreadableHeaderError):
        read_head(f"{field}{';' * 250_000}\r\n\r\n".encode())


def test_long_lists_are_no_matter() -> None:
    ids = " ".join(f"<{number}@example.com>" for number in range(2_000))
    others = ", ".join(f"a{number}@example.com" for number in range(5_000))
    head = read_head(PLAIN + f"To: {others}\r\nReferences: {ids}\r\n\r\n".encode())
    assert head.sender == "ming@example.com"
    assert head.references == tuple(f"<{number}@example.com>" for number in range(1_900, 2_000))


def test_a_part_with_such_a_field_is_a_file_without_a_name() -> None:
    leaf = Leaf(number="1", kind="application/octet-stream", encoding="base64", octets=1)
    found = attachment_of(leaf, f"Content-Type: application/x{';' * 250_000} name=a.csv\r\n\r\n".encode())
    assert found is not None
    assert found.file == "attachment"


SPECIAL = st.text(alphabet=st.sampled_from("<>@,;:.\"()[]=?\\ \t*'%_qQbB-aü订0/"), max_size=60)


@given(st.sampled_from(["From", "Subject", "Message-ID", "References", "Content-Disposition", "Content-Type"]), SPECIAL)
def test_no_field_does_harm(name: str, value: str) -> None:
    """The library raises all kinds of errors for odd fields: whatever comes is told in one way, or read."""
    raw = f"{name}: {value}\r\n\r\n".encode()
    with contextlib.suppress(UnreadableHeaderError):
        read_head(raw)
    attachment_of(Leaf(number="1", kind="text/csv", encoding="7bit", octets=1), raw)
