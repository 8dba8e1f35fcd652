"""One connection to an IMAP server: owns what is asked there and what its errors mean. Blocking; for an I/O thread."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError

from ...config.secret_file import read_secret
from ...errors import RetryableError, StartupError

if TYPE_CHECKING:
    from ...config.mail_settings import MailboxSettings

TroubleKind = Literal["connection", "login", "folder", "command"]
HEADER_BYTES: Final = 1 << 18
"""So much of a header is read at most."""

# It logs each line of the conversation, with what is in the messages, and each connection that is closed.
logging.getLogger("imapclient").setLevel(logging.WARNING)


class MailboxError(RetryableError):
    """The mailbox cannot be worked with now; `kind` is what failed: `connection`, `login`, `folder` or `command`."""

    def __init__(self, message: str, kind: TroubleKind = "command") -> None:
        self.kind = kind
        super().__init__(message)

    def __reduce__(self) -> tuple[type[Self], tuple[str, TroubleKind]]:
        """Survive pickling, with its kind."""
        return type(self), (str(self), self.kind)


class MessageGoneError(MailboxError):
    """The message is not there any more: somebody has moved or deleted it."""


class ImapSession:
    """A connection that has logged in. Everything raises `MailboxError`; one of a `connection` ends it."""

    def __init__(self, client: IMAPClient) -> None:
        self._client = client
        self._there: set[str] = set()

    @classmethod
    def open(cls, settings: MailboxSettings) -> Self:
        """Connect and log in, by the password that is in the file now."""
        with _told():
            try:
                password = read_secret(settings.password_file)
            except StartupError as error:
                raise MailboxError(str(error), "login") from error
            context = ssl.create_default_context(cafile=settings.ca_file)
            client = IMAPClient(
                settings.host,
                port=settings.port,
                ssl=settings.tls == "tls",
                ssl_context=context,
                timeout=settings.timeout_seconds,
            )
            try:
                if settings.tls == "starttls":
                    client.starttls(context)
                client.login(settings.user, password)
            except BaseException:
                with suppress(OSError, IMAPClientError):
                    client.shutdown()
                raise
        return cls(client)

    def close(self) -> None:
        """Say goodbye, if anybody still listens."""
        try:
            self._client.logout()
        except (OSError, IMAPClientError):
            self.drop()

    def drop(self) -> None:
        """End the connection without a word; whoever waits for an answer on it is let go."""
        with suppress(OSError, IMAPClientError):
            self._client.shutdown()

    def select(self, folder: str) -> int:
        """Open a folder and return its UIDVALIDITY."""
        with _told("folder"):
            return int(self._client.select_folder(folder)[b"UIDVALIDITY"])

    def uids(self) -> list[int]:
        """Return the messages of the folder, the oldest first."""
        with _told():
            return sorted(self._client.search(["UNDELETED"]))

    def head(self, uid: int) -> bytes:
        """Return a message's header, or the beginning of one that is far too long."""
        return self._part(uid, f"BODY.PEEK[HEADER]<0.{HEADER_BYTES}>")

    def structure(self, uid: int) -> Any:
        """Return what parts a message has, as imapclient's BodyData."""
        return self._fetched(uid, ["BODYSTRUCTURE"])[b"BODYSTRUCTURE"]

    def part_header(self, uid: int, number: str) -> bytes:
        """Return the header of a part of a multipart message."""
        return self._part(uid, f"BODY.PEEK[{number}.MIME]<0.{HEADER_BYTES}>")

    def block(self, uid: int, number: str, offset: int, count: int) -> bytes:
        """Return up to `count` bytes of a part, as it is encoded; fewer only at its end."""
        return self._part(uid, f"BODY.PEEK[{number}]<{offset}.{count}>")

    def move(self, uids: Sequence[int], folder: str) -> None:
        """Move messages into a folder, which is made if it is missing; those that are gone are passed over."""
        with _told("folder"):
            if folder not in self._there and not self._client.folder_exists(folder):
                self._client.create_folder(folder)
                self._client.subscribe_folder(folder)
            self._there.add(folder)
            if self._client.has_capability("MOVE"):
                self._client.move(uids, folder)
                return
            self._client.copy(uids, folder)
            self._client.delete_messages(uids)
            # Without UIDPLUS all that anybody has marked as deleted would go; what is marked is not looked at again.
            if self._client.has_capability("UIDPLUS"):
                self._client.uid_expunge(uids)

    def _part(self, uid: int, item: str) -> bytes:
        fetched = self._fetched(uid, [item])
        found = next((value for key, value in fetched.items() if key.startswith(b"BODY[")), None)
        return found if isinstance(found, bytes) else b""

    def _fetched(self, uid: int, items: Sequence[str]) -> dict[bytes, Any]:
        with _told():
            fetched: dict[bytes, Any] | None = self._client.fetch([uid], items).get(uid)
        if fetched is None or not any(key.startswith(b"BODY") for key in fetched):
            raise MessageGoneError(f"message {uid} is not there any more")
        return fetched


@contextmanager
def _told(kind: TroubleKind = "command") -> Iterator[None]:
    """Say what an error of the library means."""
    try:
        yield
    except LoginError as error:
        raise MailboxError(f"the server refuses the login: {_words(error)}", "login") from error
    except (OSError, IMAPClientAbortError) as error:
        raise MailboxError(f"no connection to the server: {_words(error)}", "connection") from error
    except (IMAPClientError, LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise MailboxError(f"the server refuses, or answers what is not understood: {_words(error)}", kind) from error


def _words(error: BaseException) -> str:
    return str(error)[:300] or type(error).__name__
