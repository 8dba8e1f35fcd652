"""The header of a message: who sent it, whether a person did, and what a reply to it must name. Fetches nothing."""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.errors import MessageError
from email.message import EmailMessage
from email.parser import Parser
from email.policy import default
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from ingest.spec.encoding_name import meant_encoding

from ...errors import HeadgateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_POLICY: Final = default.clone(utf8=True)
_MESSAGE_ID: Final = re.compile(r"<[^<>\s\x00-\x1f\x7f-\x9f]{1,900}>")
_ASIDE: Final = re.compile(r'"(?:\\.|[^"\\])*"|\([^()]*\)')
"""What is quoted and what is a comment: signs in there separate nothing."""
_IN_ANGLES: Final = re.compile(r"([^<>]*)(<[^<>\s@\"]+@[^<>\s@\"]+>)\s*")
_NOT_ASCII: Final = re.compile(rb"[\x80-\xff]+")
_TWO_LETTERS: Final = 4
_MACHINES: Final = frozenset({"bulk", "list", "junk"})
_NO_REPLIES: Final = frozenset({"all", "autoreply"})
_STRUCTURED: Final = re.compile(
    rb"^(?:from|message-id|content-type|content-disposition)[ \t]*:((?:[^\n]|\n(?=[ \t]))*+)",
    re.IGNORECASE | re.MULTILINE,
)
_LABEL: Final = re.compile(
    rb"(=\?|\*=[ \t]*\"?)([\w.:-]{1,40})(?=(?:\*[\w-]{0,40})?\?[bq]\?|'[\w-]{0,40}')", re.IGNORECASE
)
"""The encoding that an encoded word names (RFC 2047), or a name of a file (RFC 2231)."""
_ANSWERED: Final = 100
"""So many messages, the newest of those that are named, can be what it answers."""
_VERDICTS: Final = 20
"""The server's own are among the newest."""
_LONGEST: Final = 4096
"""Bytes of a structured field. Libraries take each apart in a time that grows with its square: 256 kB of semicolons,
which the server may send, for minutes. Lines have 998 at most (RFC 5322, 2.1.1), names of files 255.
"""


class UnreadableHeaderError(HeadgateError):
    """The header is not as mails have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What the header says; `sender` is empty where it does not name exactly one."""

    sender: str
    subject: str
    message_id: str | None
    references: tuple[str, ...]
    """The messages that it answers, the oldest first."""
    automatic: bool
    """Whether a program sent it, which must not be answered (RFC 3834)."""
    authentication: tuple[str, ...]
    """The values of `Authentication-Results`, the newest first; without those that are far too long."""


def parse_header(raw: bytes) -> EmailMessage:
    """Return the fields of a header; bytes that are not ASCII are read as what they mostly are.

    Raises:
        UnreadableHeaderError: a structured field is far too long.

    """
    raw = raw.decode(_encoding_of(raw)).encode("utf-8")
    lines = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if any(len(value) > _LONGEST for value in _STRUCTURED.findall(lines)):
        raise UnreadableHeaderError
    named = _LABEL.sub(lambda found: found[1] + _wider(found[2]), raw).decode("utf-8")
    return Parser(_class=EmailMessage, policy=_POLICY).parsestr(named, headersonly=True)


def _encoding_of(raw: bytes) -> str:
    """Return UTF-8, or GB 18030 where letters come in pairs and a word has two of them, else Latin-1."""
    found = ["utf-8"]
    runs = [len(run) for run in _NOT_ASCII.findall(raw)]
    if max(runs, default=0) >= _TWO_LETTERS and not any(length % 2 for length in runs):
        found.append("gb18030")
    for encoding in found:
        with suppress(UnicodeDecodeError):
            raw.decode(encoding)
            return encoding
    return "latin-1"


def _wider(label: bytes) -> bytes:
    """Return the name of an encoding that has all letters of the one that is named; itself if it is not known."""
    try:
        name = meant_encoding(label.decode("ascii"))
    except (LookupError, ValueError):
        return label
    return b"big5hkscs" if name == "big5" else name.encode()


@contextmanager
def readable() -> Iterator[None]:
    """Tell of what the library raises where a field is too odd for it, which it reads when it is asked for."""
    try:
        yield
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError) as error:
        raise UnreadableHeaderError from error


def read_head(raw: bytes) -> Head:
    """Return what a message's header says.

    Raises:
        UnreadableHeaderError: it is too odd.

    """
    with readable():
        message = parse_header(raw)
        own = _ids(message, "Message-ID")
        return Head(
            sender=_sender(message),
            subject=" ".join(_printable(str(message.get("Subject", ""))).split()),
            message_id=own[0] if own else None,
            references=tuple(dict.fromkeys((*_ids(message, "References"), *_ids(message, "In-Reply-To"))))[-_ANSWERED:],
            automatic=_is_automatic(message),
            authentication=tuple(islice(_verdicts(message), _VERDICTS)),
        )


def _sender(message: EmailMessage) -> str:
    """Return the one address of the one From field: with several nobody can say which of them a check was about."""
    raw = [value for name, value in message.raw_items() if name.casefold() == "from"]
    if len(raw) != 1:
        return ""
    field: Any = _POLICY.header_factory("From", _without_name(str(raw[0])))
    addresses = field.addresses
    if len(addresses) != 1 or not addresses[0].username or not addresses[0].domain:
        return ""
    sender = f"{addresses[0].username}@{addresses[0].domain}".casefold()
    return sender if sender.isprintable() else ""


def _without_name(value: str) -> str:
    """Return the address of `Name <address>` alone, nothing if there are several, else the field as it is.

    Programs leave names unquoted that have commas, brackets or an address in them, which the library takes for parts
    of addresses.
    """
    whole = " ".join(value.split())
    bare = _ASIDE.sub("", whole)
    found = _IN_ANGLES.fullmatch(bare)
    if found is None:
        return "" if bare.count("<") > 1 else whole
    several = "@" in found[1] and not {",", ";"}.isdisjoint(found[1])
    return "" if several else found[2]


def _printable(text: str) -> str:
    """Return a text without what no database keeps, and no mail program shows."""
    return "".join(character if character.isprintable() else " " for character in text)


def _ids(message: EmailMessage, name: str) -> list[str]:
    return [found for one in message.get_all(name, []) for found in _MESSAGE_ID.findall(str(one))]


def _verdicts(message: EmailMessage) -> Iterator[str]:
    """Yield what the servers on the way say of the sender, as far as it can be taken apart in time."""
    fields = (" ".join(str(one).split()) for one in message.get_all("Authentication-Results", ()))
    return (field for field in fields if len(field) <= _LONGEST)


def _is_automatic(message: EmailMessage) -> bool:
    submitted = _words(message, "Auto-Submitted")
    return (
        (bool(submitted) and submitted[0] != "no")
        or not _MACHINES.isdisjoint(_words(message, "Precedence"))
        or not _NO_REPLIES.isdisjoint(_words(message, "X-Auto-Response-Suppress"))
        or "List-Id" in message
        or any(str(path).strip() == "<>" for path in message.get_all("Return-Path", ()))
        or message.get_content_type() == "multipart/report"
    )


def _words(message: EmailMessage, name: str) -> list[str]:
    return _split(str(one) for one in message.get_all(name, ()))


def _split(values: Iterable[str]) -> list[str]:
    return [word for value in values for word in re.split(r"[\s,;]+", value.casefold()) if word]
