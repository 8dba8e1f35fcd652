"""What hangs on a message: which of its parts are files, what they are called, and how their bytes are unpacked."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from ...errors import HeadgateError
from ..labels import file_label
from .head import UnreadableHeaderError, parse_header, readable

PARTS_MAX: Final = 100
"""Parts of one message that are looked at."""
_NO_FILES: Final = frozenset({"image", "audio", "video", "message", "multipart"})
"""Kinds of parts that are no data: pictures of signatures, and other messages, whose files are somebody else's."""
_SIGNATURES: Final = re.compile(
    r"application/((x-)?(pkcs7-(signature|mime)|pgp-(signature|encrypted|keys))|applefile)|text/calendar"
)
"""Signatures, calendars, and what a Mac keeps beside a file under the same name."""
_SEALED: Final = re.compile(r"application/(x-)?pkcs7-mime|multipart/encrypted")
_PACKED: Final = re.compile(r"application/(vnd\.)?ms-tnef")
_SHEETS: Final = re.compile(
    r"application/(csv|vnd\.ms-excel.*|vnd\.openxmlformats-officedocument\.spreadsheetml\..*"
    r"|vnd\.oasis\.opendocument\.spreadsheet)|text/(csv|tab-separated-values)"
)
"""Kinds of parts that are files without a name, too."""
_ARCHIVES: Final = re.compile(r"\.(7z|rar|gz|tgz|bz2|xz|tar|zst)$", re.IGNORECASE)
_PADDED: Final = re.compile(rb"[^=]+=*")
"""What base64 has up to the end of its padding, where the library stops."""
_APPENDED: Final = re.compile(rb"=\s*[^A-Za-z0-9+/=\s]")
"""What programs on the way append to a message: after the padding a sign that base64 has not."""
_ODD: Final = (LookupError, TypeError, AttributeError, RecursionError)
_LINE_MAX: Final = 1 << 16
"""Longer lines of quoted-printable are no lines, and are decoded as far as they have come."""


class DamagedAttachmentError(HeadgateError):
    """The attachment is not encoded as it says."""


class OddStructureError(HeadgateError):
    """The server describes the message's parts in a way that is not understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A part that may be a file. `number` is IMAP's, as `2.1`; `octets` counts its bytes as they are encoded."""

    number: str
    kind: str
    encoding: str
    octets: int

    @property
    def least_bytes(self) -> int:
        """How large the file is at least: base64 in lines of 76 takes 78 characters for 57 bytes."""
        return self.octets * 7 // 10 if self.encoding == "base64" else self.octets // 3

    def ends_at(self, offset: int, *, got: int, asked: int) -> bool:
        """Say whether nothing comes after a block that ends at `offset`.

        Servers may give less than was asked for, and some do not know how large a part is.
        """
        return got == 0 or (got < asked and offset >= self.octets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A part that is a file, under the name that its sender gave it."""

    leaf: Leaf
    file: str

    @property
    def is_archive(self) -> bool:
        """Whether there are files in it rather than rows, and nobody opens it."""
        return _ARCHIVES.search(self.file) is not None

    @property
    def is_packed_message(self) -> bool:
        """Whether Outlook has packed a whole message with its files into it, as nobody else does."""
        return _PACKED.fullmatch(self.leaf.kind) is not None or self.file.casefold() == "winmail.dat"


def leaves(structure: Any) -> list[Leaf]:
    """Return the parts of a message that may be files, by its BODYSTRUCTURE as imapclient gives it.

    Of more than `PARTS_MAX` one more is there, which tells of it.

    Raises:
        OddStructureError: it is none.

    """
    try:
        return list(islice(_leaves(structure, ""), PARTS_MAX + 1))
    except _ODD as error:
        raise OddStructureError from error


def is_sealed(structure: Any) -> bool:
    """Say whether what is in a message, or in a part of it, is encrypted or wrapped into its signature.

    Raises:
        OddStructureError: it is none.

    """
    try:
        return any(_SEALED.fullmatch(kind) for kind in _kinds(structure))
    except _ODD as error:
        raise OddStructureError from error


def _kinds(part: Any) -> Iterator[str]:
    if part.is_multipart:
        yield f"multipart/{_text(part[1])}"
        for child in part[0]:
            yield from _kinds(child)
    else:
        yield f"{_text(part[0])}/{_text(part[1])}"


def _leaves(part: Any, number: str) -> Iterator[Leaf]:
    if part.is_multipart:
        if _text(part[1]) == "encrypted":
            return
        for place, child in enumerate(part[0], start=1):
            yield from _leaves(child, f"{number}.{place}".lstrip("."))
        return
    kind, subtype, encoding = (_text(part[place]) for place in (0, 1, 5))
    if kind in _NO_FILES or _SIGNATURES.fullmatch(f"{kind}/{subtype}"):
        return
    octets = part[6] if isinstance(part[6], int) else 0
    yield Leaf(number=number or "1", kind=f"{kind}/{subtype}", encoding=encoding, octets=octets)


def _text(value: Any) -> str:
    return value.decode("ascii", "replace").lower() if isinstance(value, bytes) else ""


def attachment_of(leaf: Leaf, header: bytes) -> Attachment | None:
    """Return the file that a part is by the part's header; None if it has no name: then it is a text for people.

    A header that is too odd leaves it without one, and a file all the same, and so are tables without a name. Names
    come in the forms of RFC 2231 and RFC 2047, and as they are.
    """
    try:
        with readable():
            message = parse_header(header)
            name, disposition = message.get_filename(), message.get_content_disposition()
    except UnreadableHeaderError:
        name, disposition = None, "attachment"
    if not name and disposition != "attachment" and not _SHEETS.fullmatch(leaf.kind):
        return None
    if leaf.kind in {"text/plain", "text/html"} and not name:
        return None
    return Attachment(leaf=leaf, file=file_label(name, "attachment"))


class TransferDecoder:
    """Takes the content transfer encoding off a part that comes in pieces, which end anywhere."""

    def __init__(self, encoding: str) -> None:
        self._encoding, self._rest, self._over = encoding, b"", False

    def feed(self, piece: bytes) -> bytes:
        """Return the bytes that are certain so far.

        Raises:
            DamagedAttachmentError: it is not encoded so.

        """
        if self._encoding == "base64":
            text = self._rest + (b"" if self._over else piece)
            if (foreign := _APPENDED.search(text)) is not None:
                self._over, text = True, text[: foreign.end() - 1]
            whole = re.sub(rb"[^A-Za-z0-9+/=]+", b"", text)
            end = max(len(whole) - 1, 0) // 4 * 4  # the last group shows with the next piece whether it is the end
            self._rest = whole[end:]
            return self._decoded(whole[:end])
        if self._encoding == "quoted-printable":
            whole = self._rest + piece
            end = whole.rfind(b"\n") + 1
            if not end and len(whole) > _LINE_MAX:
                end = whole.rfind(b"=", len(whole) - 2) if b"=" in whole[-2:] else len(whole)
            self._rest = whole[end:]
            return binascii.a2b_qp(whole[:end])
        return piece

    def finish(self) -> bytes:
        """Return the last bytes."""
        rest, self._rest = self._rest, b""
        if self._encoding == "base64":
            return self._decoded(rest + b"=" * (-len(rest) % 4)) if rest else b""
        return binascii.a2b_qp(rest)

    @staticmethod
    def _decoded(text: bytes) -> bytes:
        """Return the bytes of whole groups; programs that encode block by block pad in the middle, too."""
        try:
            return b"".join(binascii.a2b_base64(one) for one in _PADDED.findall(text))
        except binascii.Error as error:
            raise DamagedAttachmentError from error
