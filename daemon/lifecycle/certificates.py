"""Certificate files as they change: owns when they are looked at and how long the one in use holds; knows no server."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

Stamps = tuple[tuple[int, int] | None, ...]

LOOK_SECONDS: Final = 1.0
"""How often files are looked at."""
_VERSION, _UTC_TIME = 0xA0, 0x17


class Validity(NamedTuple):
    """From when until when a certificate holds, as seconds since 1970."""

    begins_at: float
    ends_at: float


def stamps_of(files: Iterable[Path]) -> Stamps:
    """Return what changes when a file is written or replaced. Blocking."""
    found: list[tuple[int, int] | None] = []
    for file in files:
        try:
            stat = file.stat()
        except OSError:
            found.append(None)
        else:
            found.append((stat.st_ino, stat.st_mtime_ns))
    return tuple(found)


def validity_of(pem: str) -> Validity:
    """Return how long the first certificate of a PEM text holds.

    Raises:
        ValueError: there is no certificate in it.

    """
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    if begin not in pem:
        raise ValueError("there is no certificate in it")
    first = begin + pem.partition(begin)[2].partition(end)[0] + end
    return _validity(ssl.PEM_cert_to_DER_cert(first))


def _validity(certificate: bytes) -> Validity:
    """Walk to the validity of an X.509 certificate in DER, RFC 5280 section 4.1."""
    [(_, signed)] = _children(certificate)
    tbs = _children(_children(signed)[0][1])
    after_version = tbs[1:] if tbs[0][0] == _VERSION else tbs
    begin, end = _children(after_version[3][1])  # after serial number, algorithm and issuer
    return Validity(_moment(*begin), _moment(*end))


def _moment(kind: int, written: bytes) -> float:
    text = written.decode("ascii")
    # Years of two digits, RFC 5280 section 4.1.2.5.1: from 50 on they are of the last century.
    if kind == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _children(content: bytes) -> list[tuple[int, bytes]]:
    """Return the tag and content of each element of a DER sequence's content."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at + 1 < len(content):
        tag, length, at = content[at], content[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(content[at : at + size], "big"), at + size
        found.append((tag, content[at : at + length]))
        at += length
    return found
