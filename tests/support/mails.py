"""Mails as people's programs write them, and the settings of the mailbox that they come to."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path
from typing import Any

import dovecot
import smtp_sink
from dovecot import Dovecot
from smtp_sink import SmtpSink

SENDER = "ming@example.com"
XLSX = ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet")


def mail(
    *attached: Path | tuple[str, bytes],
    subject: str = "orders",
    sender: str = SENDER,
    number: int = 1,
    headers: dict[str, str] | None = None,
) -> EmailMessage:
    """Return a mail with files on it."""
    message = EmailMessage()
    message["From"] = f"Ming <{sender}>"
    message["To"] = dovecot.USER
    message["Subject"] = subject
    message["Message-ID"] = f"<{number}.{subject.encode().hex()[:40]}@example.com>"
    for name, value in (headers or {}).items():
        message[name] = value
    message.set_content("Good day, here they are.\n")
    for one in attached:
        name, content = (one.name, one.read_bytes()) if isinstance(one, Path) else one
        message.add_attachment(content, maintype=XLSX[0], subtype=XLSX[1], filename=name)
    return message


def _secret(file: Path, password: str) -> Path:
    """Return a file with a password that only this user can read; one that is there is left as it is."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(password)
    return file


def mailbox(server: Dovecot, secrets: Path, **changes: Any) -> dict[str, Any]:
    """Return the settings of the server's mailbox; the file with its password is made among the secrets."""
    secret = _secret(secrets / "mailbox.password", dovecot.PASSWORD)
    return {
        "name": "loads",
        "host": "127.0.0.1",
        "port": server.port,
        "tls": "none",
        "user": dovecot.USER,
        "password_file": str(secret),
        "senders": ["@example.com"],
        "poll_seconds": 0.2,
        "timeout_seconds": 20,
        "reply": "off",
        **changes,
    }


def reply_by(sink: SmtpSink, secrets: Path, **changes: Any) -> dict[str, Any]:
    """Return the settings of replies that the sink takes."""
    secret = _secret(secrets / "smtp.password", smtp_sink.PASSWORD)
    return {
        "host": "127.0.0.1",
        "port": sink.port,
        "tls": "none",
        "user": "loads",
        "password_file": str(secret),
        "address": dovecot.USER,
        **changes,
    }
