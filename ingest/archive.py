"""A zip of workbooks: told from a workbook, which is a zip itself, listed and unpacked under limits.

Nothing is written under a name that an archive gives, nothing is believed of the sizes in it, and an archive in an
archive is a file like others.
"""

from __future__ import annotations

import re
import zipfile
from typing import TYPE_CHECKING, BinaryIO, Final

from .errors import FileRejectedError, rejected
from .formats.zip.container import MEGABYTE, ZIP, open_zip
from .formats.zip.inflate import INFLATE_ERRORS, inflated
from .messages import say
from .spec.archive import ArchiveMember

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from .spec.archive import ArchiveLimits

UTF8_FLAG: Final = 0x800
ENCRYPTED_FLAG: Final = 0x1
"""Of an entry (APPNOTE.TXT 4.4.4)."""
NAMELESS: Final = "file"
"""What an entry is called of whose name nothing is left."""
COMPRESSIONS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What every program writes; for the others there is more code to trust than files to gain."""
RATIO_FROM_BYTES: Final = MEGABYTE
"""Whatever is smaller may expand by as much as it likes."""
_OF_A_WORKBOOK: Final = frozenset({"[content_types].xml", "mimetype", "content.xml"})
_DOUBLE_BYTES: Final = re.compile(rb"(?:[\x00-\x7f]|[\x81-\xfe][\x40-\x7e\x80-\xfe])*")
"""A text in GBK, code page 936, as is many a one in other encodings, too."""
_PAIR: Final = re.compile(rb"[\x81-\xfe][\x40-\xfe]")
_GB2312: Final = re.compile(rb"[\xa1-\xfe]{2}")
"""A pair of its oldest part; names of Western languages in code page 437 are hardly ever made of such."""
_COMMON: Final = re.compile(rb"[\xb0-\xd7][\xa1-\xfe]")
"""One of the 3,755 letters that are used most; in code page 437 such a pair begins with a frame's line."""
_SECOND_HALF: Final = re.compile(r"(?<=[^\x00-\x7f])\\(?=\.[^./\\]+$)")
"""A backslash between a letter that is not ASCII and the ending: Japanese and traditional Chinese end letters so."""
_HALF: Final = "\ufffd"


def list_members(path: Path, limits: ArchiveLimits) -> tuple[ArchiveMember, ...] | None:
    """Return the files in an archive, in its order; None if the file is a workbook, or no zip at all.

    Raises:
        FileRejectedError: it is damaged, encrypted, holds nothing, or more than the limits allow.

    """
    with path.open("rb") as file:
        if file.read(len(ZIP)) != ZIP:
            return None
        with open_zip(file) as archive:
            entries = archive.infolist()
    if _is_workbook(entry.filename for entry in entries):
        return None
    files = [(index, entry) for index, entry in enumerate(entries) if not entry.is_dir()]
    _hold_to([entry for _, entry in files], path.stat().st_size, limits)
    return tuple(ArchiveMember(index=index, name=name_of(entry), size_bytes=entry.file_size) for index, entry in files)


def check_members(path: Path) -> None:
    """See that every file of an archive can be taken out of it, without taking any.

    Raises:
        FileRejectedError: one is damaged, or larger than the archive says.

    """
    with path.open("rb") as file, open_zip(file) as archive:
        for entry in archive.infolist():
            if not entry.is_dir():
                for _ in _content(file, archive, entry):
                    pass


def unpack_member(path: Path, index: int, out: Path) -> None:
    """Write the content of one file of an archive, by its number, to a new file.

    Raises:
        FileRejectedError: it is damaged, or larger than the archive says.

    """
    with path.open("rb") as file, open_zip(file) as archive, out.open("xb") as target:
        target.writelines(_content(file, archive, archive.infolist()[index]))


def _content(file: BinaryIO, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    size = 0
    try:
        for piece in inflated(file, archive, entry):
            size += len(piece)
            if size > entry.file_size:
                raise rejected(
                    "file.bomb",
                    say("{name} is larger than the archive says", name=name_of(entry)),
                    hint=say("make the archive anew"),
                )
            yield piece
    except INFLATE_ERRORS as error:
        raise rejected(
            "file.corrupt_container",
            say("{name} cannot be taken out of the archive: {error}", name=name_of(entry), error=error),
            hint=say("make the archive anew"),
        ) from error


def name_of(entry: zipfile.ZipInfo) -> str:
    """Return the path of an entry in its own language, without anything that leads out of the archive."""
    text = entry.filename
    if not entry.flag_bits & UTF8_FLAG:
        raw = text.encode("cp437", "replace")
        found = (_decoded(raw, "utf-8"), _decoded(raw, "gb18030") if _is_chinese(raw) else None)
        text = next((one for one in found if one is not None), _SECOND_HALF.sub(_HALF, text))
    parts = (part for part in text.replace("\\", "/").split("/") if part not in {"", ".", ".."})
    return "/".join(parts) or NAMELESS


def _is_chinese(raw: bytes) -> bool:
    """Say whether a name is in GBK: all of it in GB2312, or a rare letter among common ones, as in names of people."""
    if not _DOUBLE_BYTES.fullmatch(raw):
        return False
    pairs = _PAIR.findall(raw)
    rare = sum(_GB2312.fullmatch(pair) is None for pair in pairs)
    return 2 * rare <= sum(_COMMON.fullmatch(pair) is not None for pair in pairs)


def _decoded(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None


def _is_workbook(names: Iterable[str]) -> bool:
    plain = {name.replace("\\", "/").lstrip("/").lower() for name in names}
    return bool(plain & _OF_A_WORKBOOK) or any(name.endswith(("workbook.bin", "workbook.xml")) for name in plain)


def _hold_to(files: list[zipfile.ZipInfo], size_bytes: int, limits: ArchiveLimits) -> None:
    if not files:
        raise rejected("file.empty", say("the archive has no files in it"), hint=say("make the archive anew"))
    if any(entry.flag_bits & ENCRYPTED_FLAG for entry in files):
        raise rejected(
            "file.encrypted",
            say("the files in the archive are encrypted with a password"),
            hint=say("make the archive anew without a password"),
        )
    if any(entry.compress_type not in COMPRESSIONS for entry in files):
        raise rejected(
            "file.corrupt_container",
            say("the files in the archive are compressed in a way that is not read"),
            hint=say("make the archive anew as a plain zip"),
        )
    if len(files) > limits.members:
        raise _bomb(say("the archive has {files} files", files=len(files)), "members", limits.members)
    total = sum(entry.file_size for entry in files)
    if total > limits.total_bytes:
        raise _bomb(
            say("the files in the archive have {size} MB", size=total // MEGABYTE),
            "total_mb",
            limits.total_bytes // MEGABYTE,
        )
    # Entries that share their bytes are how a small archive holds petabytes.
    if sum(entry.compress_size for entry in files) > size_bytes:
        raise rejected("file.bomb", say("files in the archive lie upon each other"))
    for entry in files:
        if entry.file_size > RATIO_FROM_BYTES and entry.file_size > limits.ratio * entry.compress_size:
            raise _bomb(say("{name} in the archive expands by so much", name=name_of(entry)), "ratio", limits.ratio)


def _bomb(message: str, name: str, limit: int) -> FileRejectedError:
    return rejected(
        "file.bomb",
        say("{message}: more than intake.archive_{name} ({limit})", message=message, name=name, limit=limit),
        hint=say("unpack it, and hand the files in one by one; or raise intake.archive_{name}", name=name),
    )
