"""How replies reach a mail server, over TLS in both forms, and what its refusals mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from certificates import Authority
from mails import reply_by
from ports import free_port
from smtp_sink import SmtpSink, smtp_sink

from daemon.config.mail_settings import ReplySettings
from daemon.intake.mail.smtp_session import ReplyLaterError, ReplyRefusedError, send

if TYPE_CHECKING:
    from certificates import Pair


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory, require_openssl: None) -> Authority:
    del require_openssl
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.issue("smtp", "DNS:localhost", "IP:127.0.0.1")


def hand_over(sink: SmtpSink, folder: Path, to: str = "ming@example.com", **changes: Any) -> None:
    message = EmailMessage(policy=SMTP)
    message["From"] = "loads@example.com"
    local, _, domain = to.rpartition("@")
    message["To"] = Address(username=local, domain=domain)
    message["Subject"] = "Re: 订单"
    message.set_content("5 行\n")
    send(ReplySettings(**reply_by(sink, folder, **changes)), message, timeout_seconds=10)


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_over_tls_with_an_authority_of_ones_own(tls: str, authority: Authority, pair: Pair, tmp_path: Path) -> None:
    with smtp_sink(tls=tls, pair=pair) as sink:
        hand_over(sink, tmp_path, tls=tls, ca_file=authority.own.certificate)
        assert sink.messages[0]["Subject"] == "Re: 订单"
        with pytest.raises(ReplyLaterError, match="certificate verify failed"):
            hand_over(sink, tmp_path, tls=tls)
        assert len(sink.messages) == 1


def test_refusals_are_for_good_or_for_now(tmp_path: Path) -> None:
    with smtp_sink() as sink:
        sink.answer = "452 no room"
        with pytest.raises(ReplyLaterError, match="452 no room"):
            hand_over(sink, tmp_path)
        sink.answer = "552 too large"
        with pytest.raises(ReplyRefusedError, match="552 too large"):
            hand_over(sink, tmp_path)
        sink.recipient_answer = "450 greylisted"
        with pytest.raises(ReplyLaterError, match="450 greylisted"):
            hand_over(sink, tmp_path)
        (tmp_path / "smtp.password").chmod(0o644)
        with pytest.raises(ReplyLaterError, match="can be read by others"):
            hand_over(sink, tmp_path)
    with pytest.raises(ReplyLaterError, match="Connection refused"):
        hand_over(sink, tmp_path, user=None, password_file=None)


def test_a_server_that_offers_no_login_is_waited_for(tmp_path: Path) -> None:
    """The operator's affair, as a wrong password is: no reply is thrown away for it."""
    with smtp_sink() as sink:
        with pytest.raises(ReplyLaterError, match="STARTTLS"):
            hand_over(sink, tmp_path, tls="starttls")
        (tmp_path / "smtp.password").write_text("geheim für alle")
        with pytest.raises(ReplyLaterError, match="ascii"):
            hand_over(sink, tmp_path)
    with silent_about_login() as port, pytest.raises(ReplyLaterError, match="AUTH"):
        hand_over(SmtpSink(port=port), tmp_path)


@contextmanager
def silent_about_login() -> Iterator[int]:
    port = free_port()
    controller = Controller(object(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()
