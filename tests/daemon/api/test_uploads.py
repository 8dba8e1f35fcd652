"""Bodies on their way into the spool, in whatever pieces they come."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import TYPE_CHECKING, Final

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from aiohttp.test_utils import make_mocked_request

from daemon.api.problems import ProblemError
from daemon.api.uploads import BLOCK_BYTES, Uploads
from daemon.spool.spool import Spool

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.executors.executors import Executors

CONTENT: Final = bytes(range(256)) * 1200
"""More than a block."""
BLOCKS_HELD: Final = 4
"""What `Uploads` promises; aiohttp's own buffer is no larger than half of one."""


class Sender(asyncio.Transport):
    """Sends only while the other side reads."""

    def __init__(self) -> None:
        super().__init__()
        self.may_send = asyncio.Event()
        self.may_send.set()

    def pause_reading(self) -> None:
        self.may_send.clear()

    def resume_reading(self) -> None:
        self.may_send.set()


@pytest.mark.parametrize("piece", [8, 1460, 1 << 17])
async def test_a_body_takes_no_more_memory_in_small_pieces(executors: Executors, tmp_path: Path, piece: int) -> None:
    spool = Spool(tmp_path / "spool", "daemon").open()
    uploads = Uploads(spool=spool, executors=executors, max_file_bytes=1 << 20, max_uploads=1, idle_seconds=60)
    sender, protocol = Sender(), BaseProtocol(asyncio.get_running_loop())
    protocol.connection_made(sender)
    body = StreamReader(protocol, 1 << 16, loop=asyncio.get_running_loop())

    async def send() -> None:
        for start in range(0, len(CONTENT), piece):
            body.feed_data(CONTENT[start : start + piece])
            await asyncio.sleep(0)  # whoever reads comes between two pieces
            await sender.may_send.wait()
        body.feed_eof()

    sending = asyncio.create_task(send())
    tracemalloc.start()
    try:
        request = make_mocked_request("POST", "/", payload=body)
        kept = (await uploads.receive(request)).received
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        sending.cancel()
    assert spool.source(kept.key).read_bytes() == CONTENT
    spool.close()
    assert most < (BLOCKS_HELD + 1) * BLOCK_BYTES


async def refusal(executors: Executors, tmp_path: Path, headers: dict[str, str], body: bytes) -> int | None:
    """Return the status that refuses a body; None if it lies in the spool."""
    spool = Spool(tmp_path / "spool", "daemon").open()
    uploads = Uploads(spool=spool, executors=executors, max_file_bytes=1 << 20, max_uploads=1, idle_seconds=60)
    payload = StreamReader(BaseProtocol(asyncio.get_running_loop()), len(body), loop=asyncio.get_running_loop())
    payload.feed_data(body)
    payload.feed_eof()
    try:
        await uploads.receive(make_mocked_request("POST", "/", headers=headers, payload=payload))
    except ProblemError as error:
        return error.status
    finally:
        spool.close()
    return None


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("Content-Range", "bytes 0-49/100", 400),
        ("Content-Range", "bytes 50-99/100", 400),
        ("Content-Range", "bytes 0-49/*", 400),
        ("Content-Range", "bytes */100", 400),
        ("Content-Range", "bytes 0-99/100", None),
        ("Content-Encoding", "gzip", 415),
        ("Content-Encoding", "identity", None),
        ("Transfer-Encoding", "gzip, chunked", 415),
        ("Transfer-Encoding", "Chunked", None),
        ("Digest", "sha-256=x", None),
    ],
)
async def test_a_body_is_the_file_as_it_is(
    executors: Executors, tmp_path: Path, header: str, value: str, status: int | None
) -> None:
    """A piece of a file ends within a row, or within a number, and would be read as if that were all."""
    assert await refusal(executors, tmp_path, {header: value}, b"a,b\r\n1,2\r\n") == status


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Content-Transfer-Encoding: quoted-printable", 415),
        ("content-transfer-encoding: BASE64", 415),
        ("Content-Encoding: gzip", 415),
        ("Content-Transfer-Encoding: binary", None),
        ("Content-Transfer-Encoding: 8bit;", None),
        ("Content-Encoding: UTF-8", None),
        ("Content-Encoding:", None),
        ("Content-Length: 10", None),
        ("Content-Type: text/csv", None),
    ],
)
async def test_a_part_of_a_form_is_the_file_as_it_is(
    executors: Executors, tmp_path: Path, header: str, status: int | None
) -> None:
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n{header}\r\n\r\n'
    body = head.encode() + b"a,b\r\n1,=3D\r\n--x--\r\n"
    assert await refusal(executors, tmp_path, {"Content-Type": "multipart/form-data; boundary=x"}, body) == status


@pytest.mark.parametrize(("more", "status"), [(0, None), (1, 413), (100, 413), (1 << 20, 413)])
async def test_a_file_in_a_form_is_as_large_as_a_body_may_be(
    executors: Executors, tmp_path: Path, more: int, status: int | None
) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    body = head + bytes((1 << 20) + more) + b"\r\n--x--\r\n"
    assert await refusal(executors, tmp_path, {"Content-Type": "multipart/form-data; boundary=x"}, body) == status
