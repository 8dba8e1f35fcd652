"""Bodies of requests into the spool: owns limits of size, pace and number; knows nothing of jobs or datasets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from aiohttp import ClientError, web
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from ingest.messages import said_by, say

from ..errors import FileTooLargeError, SpoolFullError
from .expectation import let_body_come
from .form_names import BYTES, file_name, text_of
from .parameter_problems import refuse_unknown
from .problems import ProblemError
from .routes import FORM
from .write_behind import WriteBehind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ..executors.executors import Executors
    from ..spool.spool import Spool
    from ..spool.upload import Received

BLOCK_BYTES: Final = 1 << 18
"""What is collected before a thread writes it: a body up to this size costs one trip to a thread."""
PACE_BYTES: Final = 16 << 10
"""What must come within `idle_seconds`; a byte now and then does not hold a place for ever."""
CHUNKS_APART: Final = 1024
"""So many of a block's chunks are put together at its end: each costs memory of its own, and may be a single byte."""
FIELD_BYTES: Final = 1024
PARTS_MAX: Final = 16
FRAMING_BYTES: Final = 64 << 10
"""What a multipart body may have beyond its file."""
_PLAIN: Final = frozenset({"identity", "chunked"})
"""Codings of a request that leave its bytes as they are."""
_ENCODES: Final = frozenset({"content-encoding", "content-transfer-encoding"})
"""Headers of a part of a form that tell of another form of its bytes: old programs send it as a part of a mail."""
_PACKED: Final = frozenset(
    {"base64", "quoted-printable", "uuencode", "x-uuencode", "gzip", "x-gzip", "deflate", "compress", "br", "zstd"}
)
"""Such forms; what else programs write there (`8bit;`, `UTF-8`) changes nothing."""
_RANGE: Final = re.compile(r"bytes 0-(\d{1,15})/(\d{1,15})")
"""Of a file of which all comes in one request, as where its sender has no more than one piece of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """A body that lies in the spool, with the file name and the form fields that came with it."""

    received: Received
    name: str | None = None
    fields: dict[str, str] = field(default_factory=dict)


class Uploads:
    """Receives bodies, raw or multipart, in bounded memory: at most four `BLOCK_BYTES` and aiohttp's buffer each."""

    def __init__(
        self, *, spool: Spool, executors: Executors, max_file_bytes: int, max_uploads: int, idle_seconds: float
    ) -> None:
        self._spool, self._executors = spool, executors
        self._max_file_bytes, self._idle_seconds = max_file_bytes, idle_seconds
        self._places = asyncio.Semaphore(max_uploads)

    async def receive(
        self, request: web.Request, fields: Collection[str] = (), *, field_bytes: int = FIELD_BYTES
    ) -> Uploaded:
        """Take the body of a request into the spool; on any error nothing is left there.

        A form has no fields but those, each once; beside the file they have `field_bytes` at most, each.

        Raises:
            ProblemError: 400, 408, 413, 415, 503 or 507.

        """
        self._look_at_head(request)
        async with self._place():
            self._executors.expect_cpu()
            await let_body_come(request)
            try:
                if request.content_type == FORM:
                    return await self._multipart(request, fields, field_bytes)
                return Uploaded(received=await self._raw(request))
            except FileTooLargeError as error:
                raise self._too_large() from error
            except SpoolFullError as error:
                raise ProblemError(507, said_by(error)) from error
            except MultipartError as error:
                raise ProblemError(400, say("the multipart body is malformed: {error}", error=error)) from error
            except (web.RequestPayloadError, ClientError, ConnectionError) as error:
                raise ProblemError(400, say("the body ended early or is malformed")) from error

    def _look_at_head(self, request: web.Request) -> None:
        for header in ("Content-Encoding", "Transfer-Encoding"):
            if not _codings(request.headers.getall(header, ())) <= _PLAIN:
                raise _encoded(header)
        if not _is_whole(request.headers.get("Content-Range")):
            raise ProblemError(400, say("the body is a part of a file (Content-Range); send the file whole"))
        if request.content_type.startswith("multipart/") and request.content_type != FORM:
            raise ProblemError(415, say("send the workbook as the body, or as multipart/form-data"))
        framing = FRAMING_BYTES if request.content_type == FORM else 0
        if (request.content_length or 0) > self._max_file_bytes + framing:
            raise self._too_large()

    def _too_large(self) -> ProblemError:
        limit = f"{self._max_file_bytes >> 20} MB"
        return ProblemError(
            413, say("at most {limit} are taken", limit=limit), code="file.too_large", hint=say("split the file")
        )

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """Hold one of the places; while all are taken the body stays in the client's hands."""
        try:
            async with asyncio.timeout(self._idle_seconds):
                await self._places.acquire()
        except TimeoutError:
            raise ProblemError(
                503, say("too many uploads are under way; try again"), headers={"Retry-After": "5"}
            ) from None
        try:
            yield
        finally:
            self._places.release()

    async def _blocks(self, request: web.Request) -> AsyncIterator[bytes]:
        """Yield the body in blocks; each must bring `PACE_BYTES` in time, unless the body ends with it."""
        ended = False
        while not ended:
            block, size = list[bytes](), 0
            try:
                while size < BLOCK_BYTES and not ended:
                    goal = size + PACE_BYTES
                    async with asyncio.timeout(self._idle_seconds):
                        while size < min(goal, BLOCK_BYTES) and not ended:
                            chunk = await request.content.readany()
                            ended = not chunk
                            if chunk:
                                size += len(chunk)
                                block.append(chunk)
                                if len(block) > CHUNKS_APART:
                                    block = [b"".join(block)]
            except TimeoutError:
                raise ProblemError(
                    408,
                    say(
                        "less than {bytes} bytes came within {seconds} s",
                        bytes=PACE_BYTES,
                        seconds=f"{self._idle_seconds:g}",
                    ),
                    headers={"Connection": "close"},
                ) from None
            if block:
                yield b"".join(block)  # of a single one it is no copy

    async def _raw(self, request: web.Request) -> Received:
        blocks = self._blocks(request)
        first = await anext(blocks, b"")
        if len(first) < BLOCK_BYTES:
            received: Received = await self._executors.run_io(self._spool.receive, (first,), self._max_file_bytes)
            return received
        async with self._upload(request) as upload:
            await upload.write(first)
            async for block in blocks:
                await upload.write(block)
            return await upload.keep()

    @asynccontextmanager
    async def _upload(self, request: web.Request) -> AsyncIterator[WriteBehind]:
        run_io = self._executors.run_io
        upload = WriteBehind(
            self._executors, await run_io(self._spool.upload, self._max_file_bytes, request.content_length or 0)
        )
        try:
            yield upload
        except BaseException as error:
            failure = await asyncio.shield(upload.discard())
            if isinstance(error, Exception) and isinstance(failure, Exception):
                # A full disk says more than the client, who may have gone in the meantime.
                raise failure from None
            raise

    async def _multipart(self, request: web.Request, fields: Collection[str], field_bytes: int) -> Uploaded:
        """Take the one file of a form; its other fields are short texts."""
        _, options = parse_options_header(request.headers.get("Content-Type", ""))
        if not options.get("boundary"):
            raise ProblemError(400, say("the multipart body names no boundary"))
        async with self._upload(request) as upload:
            form = _Form(options["boundary"], fields, field_bytes)
            total = 0
            async for block in self._blocks(request):
                total += len(block)
                if total > self._max_file_bytes + FRAMING_BYTES + PARTS_MAX * field_bytes:
                    raise self._too_large()
                if content := form.feed(block):
                    await upload.write(content)
            form.end()
            received = await upload.keep()
        return Uploaded(received=received, name=form.name, fields=form.fields)


class _Form:
    """Splits a multipart body, block by block, into the bytes of its one file and short fields."""

    def __init__(self, boundary: str, known: Collection[str], field_bytes: int) -> None:
        self._known, self._field_bytes = known, field_bytes
        self._parser = PushMultipartParser(boundary, max_segment_count=PARTS_MAX, header_charset=BYTES, strict=False)
        self._part: MultipartSegment | None = None
        self._of_file = False
        self._text = bytearray()
        self._files = 0
        self.name: str | None = None
        self.fields: dict[str, str] = {}

    def feed(self, block: bytes) -> bytes:
        """Return the file's bytes of the next block."""
        content = bytearray()
        for found in self._parser.parse(block):
            if isinstance(found, MultipartSegment):
                self._begin(found)
            elif found is None:
                self._finish()
            elif self._of_file:
                content += found
            else:
                self._text += found
                if len(self._text) > self._field_bytes:
                    raise ProblemError(413, say("a form field has at most {limit} bytes", limit=self._field_bytes))
        return bytes(content)

    def end(self) -> None:
        """Check that the body was whole and had its one file."""
        self._parser.close()
        if not self._files:
            raise ProblemError(400, say("the form has no file; send the workbook as a part with a filename"))

    def _begin(self, part: MultipartSegment) -> None:
        name = file_name(part)
        self._part, self._of_file = part, name is not None
        self._text.clear()
        if self._of_file:
            for header, value in part.headerlist:
                if header.lower() in _ENCODES and _codings([value]) & _PACKED:
                    raise _encoded(header)
            self._files += 1
            self.name = name
            if self._files > 1:
                raise ProblemError(400, say("the form has several files; send one workbook a request"))
        else:
            refuse_unknown((*self.fields, part.name), self._known, place="form")

    def _finish(self) -> None:
        if self._part is not None and not self._of_file and self._part.name:
            self.fields[self._part.name] = text_of(self._text)


def _codings(values: Iterable[str]) -> set[str]:
    return {coding for value in values for coding in re.split(r"[\s,;]+", value.lower()) if coding}


def _encoded(header: str) -> ProblemError:
    """Refuse bytes that are not those of the file: what a sender has packed would be read as something else."""
    return ProblemError(415, say("send the workbook as it is, without {header}", header=header))


def _is_whole(content_range: str | None) -> bool:
    """Say whether a body is all of its file (RFC 9110, 14.4): a piece may end within a value."""
    if content_range is None:
        return True
    found = _RANGE.fullmatch(content_range.strip().lower())
    return found is not None and int(found[1]) + 1 == int(found[2])
