"""Records of xlsb workbooks, written by hand, and read one by one: nothing here is how the readers do it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ERRORS = {0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?", 0x24: "#NUM!", 0x2A: "#N/A"}
ERRORS[0x2B] = "#GETTING_DATA"


def record(number: int, data: bytes = b"") -> bytes:
    """Return a record of a number below 16,384."""
    head = bytes([number]) if number < 128 else bytes([number & 127 | 128, number >> 7])
    size, length = b"", len(data)
    while True:
        size += bytes([length & 127 | (128 if length > 127 else 0)])
        length >>= 7
        if not length:
            return head + size + data


def wide(text: str) -> bytes:
    encoded = text.encode("utf-16-le", "surrogatepass")
    return struct.pack("<I", len(encoded) // 2) + encoded


def row(number: int, spans: int = 0) -> bytes:
    return record(0, struct.pack("<I", number) + bytes(13 + 8 * spans))


def cell(number: int, column: int, value: bytes = b"", style: int = 0) -> bytes:
    return record(number, struct.pack("<II", column, style) + value)


def short(number: int, value: bytes = b"", style: int = 0) -> bytes:
    return record(number, struct.pack("<I", style) + value)


def rk(number: int, *, hundredth: bool = False) -> bytes:
    return struct.pack("<I", (number << 2 | 2 | hundredth) & 0xFFFFFFFF)


def real(number: float) -> bytes:
    return struct.pack("<d", number)


@dataclass(frozen=True)
class Found:
    """One cell that holds anything: a number is a float, and what its style says of it counts."""

    row: int
    column: int
    what: str
    value: str | float
    style: int


@dataclass(frozen=True)
class Read:
    """The cells of records read one after the other, down to the first that is not whole, if any."""

    cells: list[Found]
    whole: bool


def read_by_record(content: bytes, strings: Sequence[str]) -> Read:
    """Read the cells of a sheet's part."""
    cells: list[Found] = []
    try:
        for found in _cells(content, strings):
            cells.append(found)  # noqa: PERF402  # those before a damage count
    except (IndexError, struct.error):
        return Read(cells, whole=False)
    return Read(cells, whole=True)


def _records(content: bytes) -> Iterator[tuple[int, int]]:
    place = 0
    while place < len(content):
        number = content[place]
        place += 1
        if number >= 128:
            number += (content[place] - 1) << 7
            place += 1
        size = 0
        for shift in (0, 7, 14, 21):
            byte = content[place]
            place += 1
            size |= (byte & 127) << shift
            if byte < 128:
                break
        else:
            raise IndexError("a size goes on and on")
        if place + size > len(content):
            raise IndexError("a record is cut")
        yield number, place
        place += size


def _cells(content: bytes, strings: Sequence[str]) -> Iterator[Found]:
    row = column = -1
    for number, start in _records(content):
        if number == 0:
            (row,), column = struct.unpack_from("<I", content, start), -1
            continue
        if 1 <= number <= 11 or number == 62:
            (column,) = struct.unpack_from("<I", content, start)
            place = start + 8
        elif 12 <= number <= 18:
            column += 1
            place = start + 4
        else:
            continue
        found = _value(number, content, place, strings)
        if found is not None:
            yield Found(row, column, *found, struct.unpack_from("<I", content, place - 4)[0] & 0xFFFFFF)


def _value(number: int, content: bytes, place: int, strings: Sequence[str]) -> tuple[str, str | float] | None:
    """Return what the value of a record is, and it; None for a blank."""
    match number:
        case 1 | 12:
            return None
        case 2 | 13:
            (bits,) = struct.unpack_from("<i", content, place)
            whole = float(bits >> 2) if bits & 2 else struct.unpack("<d", bytes(4) + struct.pack("<i", bits & ~3))[0]
            return "number", whole / 100 if bits & 1 else whole
        case 5 | 9 | 16:
            return "number", struct.unpack_from("<d", content, place)[0]
        case 3 | 11 | 14:
            return "error", ERRORS.get(content[place], "#VALUE!")
        case 4 | 10 | 15:
            return "boolean", str(content[place])
        case 7 | 18:
            return "text", strings[struct.unpack_from("<I", content, place)[0]]
    start = place + (number == 62)
    (length,) = struct.unpack_from("<I", content, start)
    if length == 0xFFFFFFFF:
        return "text", ""
    text = content[start + 4 : start + 4 + 2 * length]
    if start + 4 + 2 * length > len(content):
        raise IndexError("a text is cut")
    return "text", text.decode("utf-16-le", "replace")
