"""From whom messages are taken: the allow-list, and the mail server's word on authenticity."""

from __future__ import annotations

import pytest

from daemon.intake.mail.head import read_head
from daemon.intake.mail.senders import is_allowed, is_authentic


@pytest.mark.parametrize(
    ("sender", "allowed"),
    [
        ("ming@example.com", True),
        ("other@partner.example", True),
        ("other@example.com", False),
        ("ming@sub.partner.example", False),
        ("ming@evilpartner.example", False),
        ("ming@example.com.evil.example", False),
        ("", False),
    ],
)
def test_the_allow_list_has_addresses_and_domains(sender: str, allowed: bool) -> None:  # noqa: FBT001
    assert is_allowed(sender, ("ming@example.com", "@partner.example")) is allowed


@pytest.mark.parametrize(
    ("results", "authentic"),
    [
        ("mx.example.net; dmarc=pass header.from=example.com", True),
        ("MX.example.net; spf=fail smtp.mailfrom=example.com; dkim=pass (good) header.d=example.com", True),
        ("mx.example.net; dkim=pass header.i=@example.com", True),
        ("mx.example.net; spf=pass smtp.mailfrom=bounces@example.com", True),
        ("mx.example.net; dkim=pass header.d=evil.example", False),
        ("mx.example.net; spf=pass smtp.mailfrom=evil.example", False),
        ("mx.example.net; dmarc=fail header.from=example.com", False),
        ("mx.example.net; dmarc=pass", False),
        ("mx.example.net; none", False),
        ("evil.example; dmarc=pass header.from=example.com", False),
        ("mx.example.net; this is ;;; no result", False),
        ("mx.example.net" + "; dkim=pass header.d=example.com" * 5_000, False),
        ("", False),
    ],
)
def test_only_the_named_servers_word_about_this_very_domain_counts(results: str, authentic: bool) -> None:  # noqa: FBT001
    head = read_head(f"From: ming@example.com\r\nAuthentication-Results: {results}\r\n\r\n".encode())
    assert is_authentic(head, "mx.example.net") is authentic


def test_without_a_word_nobody_is_authentic() -> None:
    assert not is_authentic(read_head(b"From: ming@example.com\r\n\r\n"), "mx.example.net")
