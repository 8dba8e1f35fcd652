"""One entry of a zip file, inflated piece by piece and held to its checksum; knows no limits and no workbooks."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from isal import isal_zlib

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE_BYTES: Final = 1 << 20
INFLATE_ERRORS: Final[tuple[type[Exception], ...]] = (
    zipfile.BadZipFile,
    # Its own type information says that this class is an instance.
    cast("type[Exception]", isal_zlib.IsalError),
    EOFError,
    OSError,
    NotImplementedError,
    ValueError,
    OverflowError,
)
"""What reading a damaged zip file raises."""

_HEADER_BYTES: Final = 30
_NAME_LENGTH: Final = slice(26, 28)
_EXTRA_LENGTH: Final = slice(28, 30)
"""Of a local file header (APPNOTE.TXT 4.3.7)."""


def inflated(file: BinaryIO, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the content of an entry in pieces of at most `PIECE_BYTES`; `file` is the one that the archive is in.

    The standard library opens the entry, which checks its header; ISA-L inflates it in less than half of the time.

    Raises:
        RuntimeError: the entry is encrypted.
        one of INFLATE_ERRORS: it is damaged, or compressed in a way that is not supported.

    """
    with archive.open(entry) as part:
        if entry.compress_type != zipfile.ZIP_DEFLATED:
            while piece := part.read(PIECE_BYTES):
                yield piece
            return
    checksum = 0
    for piece in _deflated(file, entry):
        checksum = isal_zlib.crc32(piece, checksum)
        yield piece
    if checksum != entry.CRC:
        raise zipfile.BadZipFile("its checksum is wrong")


def _deflated(file: BinaryIO, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    stream = isal_zlib.decompressobj(-15)
    file.seek(entry.header_offset)
    header = file.read(_HEADER_BYTES)
    lengths = (int.from_bytes(header[place], "little") for place in (_NAME_LENGTH, _EXTRA_LENGTH))
    position = entry.header_offset + _HEADER_BYTES + sum(lengths)
    left = entry.compress_size
    while not stream.eof:
        compressed = stream.unconsumed_tail
        if not compressed:
            # Others may have read from the file meanwhile.
            file.seek(position)
            compressed = file.read(min(left, PIECE_BYTES))
            left -= len(compressed)
            position += len(compressed)
        piece = stream.decompress(compressed, PIECE_BYTES)
        if piece:
            yield piece
        elif not compressed and not stream.eof:
            raise EOFError("its content is cut off")
