"""The file as a container: what its content says it is, and its parts inflated under limits; knows no cells."""

from __future__ import annotations

import codecs
import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final, Literal, Self

from ...errors import FileRejectedError, rejected
from ...messages import say
from ...spec.archive import WORKBOOKS
from ..foreign import refuse_foreign
from ..hint import NO_HINT, Hint
from ..text.backslashes import with_doubled_quotes
from ..text.encoding import read_text
from ..text.file import TextFile
from ..text.sniff import text_format
from ..text.wrapped import unwrapped
from .inflate import INFLATE_ERRORS, inflated
from .unlock import unlocked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ...spec.dataset import FileLimits

Format = Literal["xlsx", "xlsb", "ods", "xls", "csv", "html", "xml2003"]

MEGABYTE: Final = 1 << 20

_LOOKED_AT: Final = 64
ZIP: Final = b"PK\x03\x04"
_ZIP_EMPTY: Final = b"PK\x05\x06"
_OF_TABLES: Final = (*WORKBOOKS, ".csv", ".tsv", ".txt")
_OLE: Final = bytes.fromhex("d0cf11e0a1b11ae1")
_LARGEST_SHIFT: Final = 16
_BIFF: Final = (b"\x09\x00\x04\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00", b"\x09\x08")
_BOOK_STREAM: Final = "book".encode("utf-16-le")
"""The stream of an xls file is named Book or Workbook, in UTF-16 and in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sniffed:
    """What a file is; its text if that is what its reader takes: to read it is a good part of the work; the hint."""

    format: Format
    text: TextFile | None = None
    hint: Hint = NO_HINT


def sniff(path: Path, limits: FileLimits, hint: Hint | None = None) -> Sniffed:
    """Say what the file is by its content; the hint, else its name, counts for text that may be anything.

    Raises:
        FileRejectedError: it is empty, too large, encrypted, damaged or of no known format.

    """
    size = path.stat().st_size
    if not size:
        raise rejected("file.empty", say("the file is empty"))
    if size > limits.file_mb * MEGABYTE:
        raise rejected(
            "file.too_large",
            say("the file has {size} bytes, more than limits.file_mb ({limit} MB)", size=size, limit=limits.file_mb),
        )
    known = Hint(name=path.name) if hint is None else hint
    with path.open("rb") as file:
        start = file.read(_LOOKED_AT)
    if start.removeprefix(codecs.BOM_UTF8).lstrip().startswith((ZIP, _ZIP_EMPTY)):
        # What a web page puts before a download, a byte order mark or empty lines, is no part of the zip.
        with Container(path, limits) as container:
            return Sniffed(format=container.format())
    if start.startswith(_OLE):
        return Sniffed(format=_sniff_ole(path, limits), hint=known)
    if start.startswith(_BIFF):
        return Sniffed(format="xls", hint=known)
    refuse_foreign(start)
    content = unwrapped(with_doubled_quotes(read_text(path, known)), known.titles)
    text = TextFile(path=path, content=content, hint=known)
    found = text_format(text)
    # The reader of OpenDocument opens the file itself, a single XML file as well.
    return Sniffed(format=found, text=None if found == "ods" else text)


def _sniff_ole(path: Path, limits: FileLimits) -> Format:
    content = path.read_bytes()
    if "EncryptedPackage".encode("utf-16-le") in content:
        with unlocked(path) as plain, Container(plain, limits) as container:
            return container.format()
    if _BOOK_STREAM in content.lower():
        return "xls"
    # Many writers put the list of its streams at the end.
    if _ole_directory(content) >= len(content):
        raise rejected("file.truncated", say("the end of the OLE document is missing"))
    raise rejected("file.format_unknown", say("the file is an OLE document without a workbook in it"))


def _ole_directory(content: bytes) -> int:
    """Return where the list of streams begins, [MS-CFB] 2.2: in a sector of that number, behind the header's own."""
    shift, sector = (int.from_bytes(content[place : place + size], "little") for place, size in ((30, 2), (48, 4)))
    return (sector + 1) << min(shift, _LARGEST_SHIFT)


class Container:
    """A zip of parts, each inflated piece by piece and counted by the bytes that really come out."""

    def __init__(self, path: Path, limits: FileLimits) -> None:
        self._limits = limits
        self._inflated = 0
        self._counted: dict[str, int] = {}
        self._file = path.open("rb")
        try:
            self._zip = open_zip(self._file)
        except BaseException:
            self._file.close()
            raise
        entries = self._zip.infolist()
        if len(entries) > limits.entries:
            self.close()
            raise _bomb(say("the container has {parts} parts", parts=len(entries)), "entries", limits.entries)
        self._entries: dict[str, zipfile.ZipInfo] = {}
        self._unsure: set[str] = set()
        for entry in entries:
            # Names are compared without case, as Excel does; some writers use backslashes.
            name = entry.filename.replace("\\", "/").lstrip("/").lower()
            before = self._entries.get(name, entry)
            if (before.CRC, before.file_size) != (entry.CRC, entry.file_size):
                self._unsure.add(name)
            self._entries[name] = entry

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._zip.close()
        self._file.close()

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._entries

    def format(self) -> Format:
        """Say which kind of workbook the parts make.

        Raises:
            FileRejectedError: none that is known, or an encrypted one.

        """
        if any(entry.flag_bits & 1 for entry in self._entries.values()):
            raise rejected("file.encrypted", say("the parts of the file are encrypted with a password"))
        if "mimetype" in self:
            return self._open_document()
        names = set(self._entries)
        if {"content.xml", "meta-inf/manifest.xml"} <= names:
            self._refuse_encrypted()
            return "ods"
        if any(name.endswith("workbook.bin") for name in names):
            return "xlsb"
        if "[content_types].xml" in names or any(name.endswith("workbook.xml") for name in names):
            return "xlsx"
        if any(name.endswith(_OF_TABLES) for name in names):
            raise rejected(
                "file.format_unknown",
                say("the file is a zip archive of other files, and no workbook itself"),
                hint=say(
                    "unpack the archive and send its files one by one; watched folders and headgate backfill open it "
                    "themselves"
                ),
            )
        raise rejected("file.format_unknown", say("the file is a zip archive without a workbook in it"))

    def _open_document(self) -> Format:
        kind = self.read("mimetype").strip()
        if not kind.startswith(b"application/vnd.oasis.opendocument.spreadsheet"):
            raise rejected("file.format_unknown", say("the file is a document of type {type}", type=repr(kind[:80])))
        self._refuse_encrypted()
        return "ods"

    def _refuse_encrypted(self) -> None:
        if "meta-inf/manifest.xml" in self and b"encryption-data" in self.read("META-INF/manifest.xml"):
            raise rejected("file.encrypted", say("the document is encrypted with a password"))

    def size(self, name: str) -> int:
        """Return how many bytes the archive says that a part has; 0 if there is none."""
        entry = self._entries.get(name.lower())
        return 0 if entry is None else entry.file_size

    def read(self, name: str) -> bytes:
        """Return a whole part.

        Raises:
            FileRejectedError: it is missing, damaged, or beyond a limit.

        """
        return b"".join(self.stream(name))

    def stream(self, name: str, *, ratio: bool = False) -> Iterator[bytes]:
        """Yield a part in pieces; with `ratio`, refuse one that inflates suspiciously well.

        Raises:
            FileRejectedError: it is missing, damaged, or beyond a limit.

        """
        entry = self._entries.get(name.lower())
        if entry is None:
            raise rejected("file.corrupt_container", say("the workbook has no part {name}", name=name))
        if name.lower() in self._unsure:
            # Programs differ in which of them they show, and Excel shows none.
            raise rejected(
                "file.corrupt_container", say("the part {name} is there twice, with different contents", name=name)
            )
        size = 0
        try:
            for piece in inflated(self._file, self._zip, entry):
                size += len(piece)
                self._count(entry, size, ratio=ratio)
                yield piece
        except INFLATE_ERRORS as error:
            raise rejected(
                "file.corrupt_container", say("the part {name} cannot be inflated: {error}", name=name, error=error)
            ) from error
        except RuntimeError as error:
            raise rejected(
                "file.encrypted", say("the part {name} cannot be read: {error}", name=name, error=error)
            ) from error

    def _count(self, entry: zipfile.ZipInfo, size: int, *, ratio: bool) -> None:
        """Hold a part, of which so many bytes have come out, to the limits; what is read again counts once."""
        limits, name = self._limits, entry.filename
        before = self._counted.get(name, 0)
        self._inflated += max(0, size - before)
        self._counted[name] = max(size, before)
        if size > limits.expanded_mb * MEGABYTE:
            raise _bomb(say("the part {name} expands to so many MB", name=name), "expanded_mb", limits.expanded_mb)
        if self._inflated > limits.total_mb * MEGABYTE:
            raise _bomb(say("the parts expand to so many MB"), "total_mb", limits.total_mb)
        if ratio and size > max(limits.ratio_from_mb * MEGABYTE, limits.ratio * entry.compress_size):
            raise _bomb(say("the part {name} expands by so much", name=name), "ratio", limits.ratio)


def _bomb(message: str, name: str, limit: int) -> FileRejectedError:
    hint = say(
        "save the workbook anew with Excel; if it is meant to be like this, raise limits.{name} of the dataset",
        name=name,
    )
    return rejected(
        "file.bomb",
        say("{message}: more than limits.{name} ({limit})", message=message, name=name, limit=limit),
        hint=hint,
    )


def open_zip(file: BinaryIO) -> zipfile.ZipFile:
    """Return the zip that a file is; raises `FileRejectedError` where it is damaged."""
    try:
        return zipfile.ZipFile(file)
    except INFLATE_ERRORS as error:
        if not _has_zip_end(file):
            raise rejected("file.truncated", say("the end of the zip container is missing")) from error
        raise rejected("file.corrupt_container", say("the zip container is damaged: {error}", error=error)) from error


def _has_zip_end(file: BinaryIO) -> bool:
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - (1 << 16) - 22))
    return _ZIP_EMPTY in file.read()
