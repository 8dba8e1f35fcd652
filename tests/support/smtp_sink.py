"""A mail server on loopback that keeps the messages it is handed, and refuses them in the ways that a test asks for."""

from __future__ import annotations

import email
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from typing import TYPE_CHECKING

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from ports import free_port

if TYPE_CHECKING:
    from certificates import Pair

PASSWORD = "for the mail server"  # noqa: S105  # of a server on loopback, for a test


@dataclass(slots=True, kw_only=True)
class SmtpSink:
    """What arrived so far; with an `answer` that is no 250 nothing is kept."""

    port: int
    answer: str = "250 kept"
    recipient_answer: str = "250 known"
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    tries: int = 0

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.tries += self.recipient_answer[0] != "2"
        if self.recipient_answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return self.recipient_answer

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's
        self.tries += 1
        if self.answer.startswith("2"):
            assert isinstance(envelope.content, bytes)
            message = email.message_from_bytes(envelope.content, policy=default)
            assert isinstance(message, EmailMessage)
            self.messages.append(message)
            self.recipients += envelope.rcpt_tos
        return self.answer


@contextmanager
def smtp_sink(*, tls: str = "none", pair: Pair | None = None) -> Iterator[SmtpSink]:
    """Listen until the block is left; everybody logs in with `PASSWORD`, with a `pair` over `tls` or `starttls`."""
    sink = SmtpSink(port=free_port())

    def authenticate(
        _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: object
    ) -> AuthResult:
        known = isinstance(login, LoginPassword) and login.password.decode() == PASSWORD
        return AuthResult(success=known, handled=False)

    context = None
    if pair is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pair.certificate, pair.key)
    controller = Controller(
        sink,
        hostname="127.0.0.1",
        port=sink.port,
        authenticator=authenticate,
        auth_required=True,
        auth_require_tls=False,
        ssl_context=context if tls == "tls" else None,
        tls_context=context if tls == "starttls" else None,
        require_starttls=tls == "starttls",
    )
    controller.start()
    try:
        yield sink
    finally:
        controller.stop()
