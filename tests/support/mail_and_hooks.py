"""Where alerts arrive: an SMTP and a webhook server on loopback that ask for secrets and keep what they are sent."""

from __future__ import annotations

import email
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from ports import free_port

PASSWORD = "for the mail server"  # noqa: S105  # of a server on loopback, for a test
TOKEN = "for the webhook"  # noqa: S105


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One message as it arrived."""

    to: tuple[str, ...]
    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One webhook call as it arrived."""

    path: str
    body: dict[str, Any]

    @property
    def status(self) -> str:
        return str(self.body["status"])

    @property
    def alertname(self) -> str:
        return str(self.body["groupLabels"].get("alertname"))


@dataclass(slots=True, kw_only=True)
class Sinks:
    """What arrived so far; the lists only grow."""

    smtp_port: int
    hook_port: int
    mails: list[Mail] = field(default_factory=list)
    hooks: list[Hook] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def mail(self, *words: str, to: str = "") -> Mail | None:
        """Return the first message with all of these words in its subject, to this address."""
        found = (one for one in self.mails if all(word in one.subject for word in words))
        return next((one for one in found if not to or to in one.to), None)

    def hook(self, alertname: str, status: str) -> Hook | None:
        """Return the first call for people about this alert in this state."""
        calls = (one for one in self.hooks if one.path == "/hooks/headgate")
        return next((one for one in calls if (one.alertname, one.status) == (alertname, status)), None)

    def watchdogs(self) -> int:
        """How many times the dead man's switch was told that all is well."""
        return sum(one.path == "/watchdog" for one in self.hooks)


class _Mailbox:
    def __init__(self, sinks: Sinks) -> None:
        self._sinks = sinks

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's
        content = envelope.content
        assert isinstance(content, bytes)
        message = email.message_from_bytes(content, policy=default)
        assert isinstance(message, EmailMessage)
        parts = {kind: message.get_body((kind,)) for kind in ("html", "plain")}
        html, text = (part.get_content() if part else "" for part in (parts["html"], parts["plain"]))
        self._sinks.mails.append(
            Mail(to=tuple(envelope.rcpt_tos), subject=str(message["Subject"]), html=html, text=text)
        )
        return "250 kept"


def _authenticate(*arguments: Any) -> AuthResult:
    login = arguments[-1]
    known = isinstance(login, LoginPassword) and login.password.decode() == PASSWORD
    return AuthResult(success=known, handled=False)


@contextmanager
def listening() -> Iterator[Sinks]:
    """Listen on two free ports until the block is left."""
    sinks = Sinks(smtp_port=0, hook_port=0)

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                sinks.refused.append(self.path)
                self.send_error(401)
                return
            sinks.hooks.append(Hook(path=self.path, body=json.loads(body)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing: pytest shows what arrived when a test fails."""

    web = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    sinks.hook_port = web.server_port
    thread = threading.Thread(target=web.serve_forever, name="webhook sink", daemon=True)
    thread.start()
    mail = _controller(sinks)
    mail.start()
    sinks.smtp_port = mail.port
    try:
        yield sinks
    finally:
        mail.stop()
        web.shutdown()
        web.server_close()
        thread.join(10)


def _controller(sinks: Sinks) -> Controller:
    return Controller(
        _Mailbox(sinks),
        hostname="127.0.0.1",
        port=free_port(),
        authenticator=_authenticate,
        auth_required=True,
        auth_require_tls=False,
        # Its prompts are not those that Alertmanager answers to.
        auth_exclude_mechanism=["LOGIN"],
    )
