"""How one message is handed to a mail server, and what its refusal means. Blocking; for an I/O thread."""

from __future__ import annotations

import smtplib
import ssl
from typing import TYPE_CHECKING, Final

from ...config.secret_file import read_secret
from ...errors import HeadgateError, RetryableError, StartupError

if TYPE_CHECKING:
    from email.message import EmailMessage

    from ...config.mail_settings import ReplySettings

FOR_GOOD: Final = 500
"""From this code on a server's refusal is permanent (RFC 5321, 4.2.1)."""


class ReplyRefusedError(HeadgateError):
    """The mail server refuses this message or this recipient for good."""


class ReplyLaterError(RetryableError):
    """The mail server cannot be reached, knows the login not, or asks to come again."""


def send(settings: ReplySettings, message: EmailMessage, *, timeout_seconds: float) -> None:
    """Hand a message over, to whom its header names.

    Raises:
        ReplyRefusedError, ReplyLaterError: it is not taken; the message of the error is the server's.

    """
    try:
        with _connected(settings, timeout_seconds) as server:
            server.send_message(message, from_addr=settings.address)
    except smtplib.SMTPRecipientsRefused as error:
        code, words = next(iter(error.recipients.values()))
        raise _refusal(code, words) from error
    except smtplib.SMTPAuthenticationError as error:
        # The operator's to mend, in the file with the password.
        raise ReplyLaterError(_words(error.smtp_error)) from error
    except smtplib.SMTPNotSupportedError as error:
        raise ReplyRefusedError(str(error)) from error
    except (smtplib.SMTPDataError, smtplib.SMTPSenderRefused) as error:
        raise _refusal(error.smtp_code, error.smtp_error) from error
    except (OSError, StartupError) as error:
        raise ReplyLaterError(str(error)[:300] or type(error).__name__) from error


def _connected(settings: ReplySettings, timeout_seconds: float) -> smtplib.SMTP:
    context = ssl.create_default_context(cafile=settings.ca_file)
    server: smtplib.SMTP
    if settings.tls == "tls":
        server = smtplib.SMTP_SSL(settings.host, settings.port, timeout=timeout_seconds, context=context)
    else:
        server = smtplib.SMTP(settings.host, settings.port, timeout=timeout_seconds)
    try:
        if settings.tls == "starttls":
            server.starttls(context=context)
        if settings.user is not None and settings.password_file is not None:
            server.login(settings.user, read_secret(settings.password_file))
    except (smtplib.SMTPNotSupportedError, UnicodeError) as error:
        # It offers no login now, as while what it asks is away, or takes none with such letters: not for good, either.
        server.close()
        raise ReplyLaterError(f"the login or its TLS is not possible: {error}") from error
    except BaseException:
        server.close()
        raise
    return server


def _refusal(code: int, words: bytes | str) -> HeadgateError:
    said = f"{code} {_words(words)}"
    return ReplyRefusedError(said) if code >= FOR_GOOD else ReplyLaterError(said)


def _words(words: bytes | str) -> str:
    return (words.decode("utf-8", "replace") if isinstance(words, bytes) else words)[:300]
