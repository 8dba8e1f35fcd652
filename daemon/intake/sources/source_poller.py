"""A source to submissions: owns when it is looked at, by which daemon, and which of its files were taken."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ...errors import (
    FileTooLargeError,
    HeadgateError,
    PoolClosedError,
    QueueFullError,
    SpoolFullError,
    SpoolUnwritableError,
    StorageChangedError,
    StorageError,
    StorageNotFoundError,
    StorageUnreachableError,
    TaskTimeoutError,
    first_line,
)
from ...ledger.source_leases import SourceLeases
from ...machine.file_identity import spelt
from .object_taker import ObjectTaker
from .source_state import SourceState

if TYPE_CHECKING:
    from ...database.supervisor import Step
    from ...ledger.queries import Taken
    from ...pipeline.parts import PipelineParts
    from ...storage.store import StoredObject
    from ..submissions import Submissions
    from .settings import Source

logger = logging.getLogger(__name__)

TAKEN_AT_ONCE: Final = 4
BATCH: Final = 200
"""Files that the ledger is asked about at a time."""
LEFT_MAX: Final = 1000
"""Files that wait of which the names are kept: for the log and a number, not for the taking."""
BACKOFF_MAX_SECONDS: Final = 300.0
"""The longest pause after a failure, unless looks are further apart anyway."""
HEAR_SECONDS: Final = 60.0
"""How often a daemon that pauses asks the ledger how others fared: an alert waits for ten minutes of what it tells."""
JITTER: Final = 0.1
"""The part of a pause by which it differs from the next one, so that daemons and sources do not go in step."""


class _ElsewhereError(HeadgateError):
    """Another daemon looks at the source now."""


@dataclass(slots=True, kw_only=True)
class _Look:
    """One look at a source: how many files it has found, and why some of them wait."""

    listed: int = 0
    left: dict[str, str] = field(default_factory=dict)

    def leave(self, path: str, reason: str) -> None:
        if len(self.left) < LEFT_MAX:
            self.left[spelt(path)] = reason


class SourcePoller:
    """Looks at one source now and then, and submits each of its files once per change."""

    def __init__(self, source: Source, parts: PipelineParts, submissions: Submissions) -> None:
        self.source = source
        self._queries, self._database = parts.queries, parts.database
        self._leases = SourceLeases(parts.ledger.context)
        self._lease_seconds = parts.ledger.context.lease_seconds + source.settle_seconds + source.call_seconds
        self._held_at = 0.0
        self._failures = 0
        self._closing = asyncio.Event()
        self._state = SourceState(
            source.name,
            parts.metrics.sources,
            poll_seconds=source.said.poll_seconds,
            step_seconds=source.settle_seconds + source.call_seconds,
        )
        self._taker = ObjectTaker(source, parts, submissions, closing=self._closing, goes_on=self._state.goes_on)

    def close(self) -> None:
        """Begin no more; `run` returns."""
        self._closing.set()

    async def run(self) -> None:
        """Look at the source until closed."""
        try:
            while not self._closing.is_set():
                began = time.monotonic()
                await self._look_and_tell()
                self._state.spent(time.monotonic() - began)
                await self._pause()
        finally:
            self._state.removed()
            with self._waiting():
                await self._leases.release(self.source.origin)

    async def _pause(self) -> None:
        """Wait until the next look is due, or until closed."""
        due = time.monotonic() + self._pause_seconds()
        while not self._closing.is_set() and (left := due - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), min(left, HEAR_SECONDS))
            if left > HEAR_SECONDS and not self._closing.is_set():
                await self._hear()

    def _pause_seconds(self) -> float:
        poll = self.source.said.poll_seconds
        pause = min(max(poll, BACKOFF_MAX_SECONDS), poll * 2.0 ** min(self._failures, 16))
        return pause * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  # spreads load, guards nothing

    async def _look_and_tell(self) -> None:
        look = _Look()
        try:
            await self._look(look)
        except _ElsewhereError:
            self._failures = 0  # asking the ledger costs the storage nothing
            self._state.elsewhere()
            await self._hear()
        except StorageError as error:
            await self._fail(error)
        except TaskTimeoutError as error:
            self.source.storage.close()
            await self._fail(StorageUnreachableError(str(error)))
        except PoolClosedError:
            pass  # the source, or the daemon, is being closed
        except (SpoolFullError, SpoolUnwritableError, QueueFullError) as error:
            self._state.waits(str(error))
        except Exception as error:
            if not isinstance(error, OSError) and not self._database.will_pass(error):
                raise
            self._state.waits(first_line(error))
        else:
            self._failures = 0
            self._state.looked(look.listed, look.left)

    async def _fail(self, error: StorageError) -> None:
        self._failures += 1
        self._state.failed(error.kind, str(error))
        with self._waiting():
            # Those of the daemons that looked before count, too: taking turns does not wear out a storage that fails.
            self._failures = max(self._failures, await self._leases.failed(self.source.origin))

    async def _hear(self) -> None:
        """Tell how the last look ended where another daemon made it."""
        with self._waiting():
            failures = await self._leases.failures_elsewhere(self.source.origin)
            if failures is not None:
                self._state.heard(readable=not failures)

    def _waiting(self) -> Step:
        return self._database.supervisor.waiting(f"source {self.source.name}")

    async def _look(self, look: _Look) -> None:
        if self._taker.hangs:
            raise StorageUnreachableError
        self._held_at = 0.0
        await self._hold()
        pages = self.source.storage.pages(recursive=self.source.said.recursive, skip=self.source.skip)
        while not self._closing.is_set() and (page := await self._taker.call(next, pages, None)) is not None:
            await self._hold()
            await self._take_page(look, page)
        # Kept over the pause: the daemon that has looked looks again, and another one when that has died.
        await self._hold(more_seconds=2 * self.source.said.poll_seconds, read=True)

    async def _hold(self, *, more_seconds: float = 0.0, read: bool = False) -> None:
        """Keep the lease while it is used, asking the ledger now and then; with `read` the look has come to its end."""
        now = time.monotonic()
        if not read and now - self._held_at < self._lease_seconds / 3:
            return
        if not await self._leases.hold(self.source.origin, self._lease_seconds + more_seconds, read=read):
            raise _ElsewhereError
        self._held_at = now

    # -- taking --------------------------------------------------------------------------------------

    async def _take_page(self, look: _Look, page: Sequence[StoredObject]) -> None:
        look.listed += len(page)
        wanted = [file for file in page if self.source.wants(file.path)]
        waiting: list[tuple[StoredObject, bool]] = []
        for start in range(0, len(wanted), BATCH):
            waiting += await self._not_taken_before(look, wanted[start : start + BATCH])
        if not waiting:
            return
        if self.source.settle_seconds:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self.source.settle_seconds)
        rest = iter(waiting)
        ends = await asyncio.gather(
            *(self._take_each(look, rest) for _ in range(min(TAKEN_AT_ONCE, len(waiting)))), return_exceptions=True
        )
        if (error := next(filter(None, ends), None)) is not None:
            raise error

    async def _take_each(self, look: _Look, files: Iterator[tuple[StoredObject, bool]]) -> None:
        for file, again in files:
            if self._closing.is_set():
                return
            await self._hold()
            await self._take(look, file, again=again)

    async def _not_taken_before(self, look: _Look, files: Sequence[StoredObject]) -> list[tuple[StoredObject, bool]]:
        """Put away what was taken before, by an earlier process too, and return the others.

        With each is said whether it was taken by a daemon that is no more, and its bytes with it.
        """
        taken: dict[str, list[Taken]] = {}
        for one in await self._queries.taken([self._taker.origin(file.path) for file in files]):
            taken.setdefault(one.origin, []).insert(0, one)
        left: list[tuple[StoredObject, bool]] = []
        for file in files:
            jobs = taken.get(self._taker.origin(file.path), [])
            same = next((job for job in jobs if job.origin_stamp == file.version), None)
            if same is None or await self._leases.has_lost(same):
                left.append((file, same is not None))
            else:
                await self._put_away(look, file, same.job_id)
        return left

    async def _take(self, look: _Look, file: StoredObject, *, again: bool) -> None:
        limit = self.source.max_file_bytes
        if file.size_bytes > limit:
            look.leave(file.path, f"file.too_large: it has {file.size_bytes} bytes; raise intake.max_file_mb")
            return
        try:
            job = await self._taker.take(file, again=again)
        except StorageUnreachableError:
            raise
        except StorageNotFoundError:
            return
        except (StorageChangedError, FileTooLargeError) as error:
            look.leave(file.path, str(error))
        except StorageError as error:
            self._state.failed_file(error.kind)
            look.leave(file.path, str(error))
        else:
            if job is not None:
                self._state.taken(file.size_bytes)
                await self._put_away(look, file, job.id)

    async def _put_away(self, look: _Look, file: StoredObject, job_id: int) -> None:
        try:
            await self._taker.put_away(file, job_id)
        except StorageUnreachableError:
            raise
        except StorageError as error:
            self._state.failed_file(error.kind)
            look.leave(file.path, str(error))
