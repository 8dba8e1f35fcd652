"""One file of a source to a submission, and away from there: each step a short call on an I/O thread."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ingest.errors import FileRejectedError

from ...errors import KeyUsedError
from ...ledger.jobs import Origin
from ...machine.file_identity import spelt
from ..archives import Archives, Within
from .receiving import receive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest.spec.archive import ArchiveMember
    from ingest.spec.dataset import Dataset

    from ...ledger.jobs import Job
    from ...pipeline.parts import PipelineParts
    from ...spool.upload import Received
    from ...storage.filesystem import Storage
    from ...storage.store import StoredObject
    from ..submissions import Submissions
    from .settings import Source


class ObjectTaker:
    """Receives files of one source and enters them.

    `closing` ends a file that is being received; `goes_on` is called after each step that has ended as it should.
    """

    def __init__(
        self,
        source: Source,
        parts: PipelineParts,
        submissions: Submissions,
        *,
        closing: asyncio.Event,
        goes_on: Callable[[], None],
    ) -> None:
        self._source, self._parts, self._submissions = source, parts, submissions
        self._closing, self._goes_on = closing, goes_on
        self._archives = Archives(parts, source.archives)
        self._out, self._lock = 0, threading.Lock()

    @property
    def hangs(self) -> bool:
        """Whether a call that was given up has not returned yet: it still holds its thread."""
        return self._out > 0

    async def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run one step on an I/O thread; raises what it raises, and TaskTimeoutError when it does not return."""
        source = self._source
        found = await self._parts.executors.run_io(
            self._counted, function, *args, timeout=source.call_seconds, lane=f"source {source.name}"
        )
        self._goes_on()
        return found

    def _counted(self, function: Callable[..., Any], *args: Any) -> Any:
        with self._lock:
            self._out += 1
        try:
            return function(*args)
        finally:
            with self._lock:
                self._out -= 1

    def origin(self, path: str) -> str:
        """Return the ledger's name of a file."""
        return spelt(f"{self._source.origin.rstrip('/')}/{path}")

    async def take(self, file: StoredObject, *, again: bool) -> Job | None:
        """Enter a file and return its job, of an archive its last one; None if it was entered a moment ago.

        One that is `again` handed in for a job whose bytes are lost takes that one's place.

        Raises:
            StorageError: it was replaced meanwhile, is there no more, or cannot be read.
            FileTooLargeError, SpoolFullError: it is too large, or there is no room.

        """
        source = self._source
        received = await receive(
            file,
            source.storage,
            self._parts.spool,
            source.max_file_bytes,
            executors=self._parts.executors,
            call=self.call,
            closing=self._closing,
        )
        origin, label = Origin(path=self.origin(file.path), stamp=file.version), spelt(file.path)
        try:
            members = await self._archives.opened(received, label)
            if members is not None:
                return await self._enter_each(received, members, origin, label)
            dataset = self._chosen(file.path)
        except FileRejectedError as error:
            return await self._submissions.refuse(
                received, record=error.record, file=label, source="source", origin=origin
            )
        # The same for every daemon, and after a kill: what comes twice is entered once.
        key = None if again else f"{origin.path} {origin.stamp}"
        try:
            return await self._submissions.enter(
                received,
                dataset=dataset,
                file=label,
                source="source",
                submitter=self._source.name,
                idempotency_key=key,
                origin=origin,
            )
        except KeyUsedError:
            return None

    def _chosen(self, path: str) -> Dataset:
        return self._submissions.choose(self._source.said.dataset, path, f"{self._source.name}/{path}")

    async def _enter_each(
        self, received: Received, members: Sequence[ArchiveMember], origin: Origin, label: str
    ) -> Job | None:
        """Enter the files of an archive, which is remembered, and return the last one's job; None if it has none."""

        def chosen(path: str) -> Dataset:
            self._goes_on()  # with each file in it
            return self._chosen(path)

        jobs = await self._archives.enter_each(
            received,
            members,
            submissions=self._submissions,
            choose=chosen,
            within=Within(
                file=label,
                source="source",
                submitter=self._source.name,
                key=f"{origin.path} {origin.stamp}",
                origin=origin,
            ),
        )
        if not jobs:
            return None
        await self._parts.ledger.took(origin, received.sha256, jobs[-1].id)
        return jobs[-1]

    async def put_away(self, file: StoredObject, job_id: int) -> None:
        """Remove or move a file whose job is in the ledger, if the source says so and it is the same still.

        Raises:
            StorageError: it cannot be removed or moved.

        """
        if self._source.said.after != "keep":
            await self.call(_put_away, self._source.storage, file, self._source.archive, job_id)


def _put_away(storage: Storage, file: StoredObject, archive: Storage | None, job_id: int) -> None:
    now = storage.stat(file.path)
    if now is None or now.version != file.version:
        return  # what lies there now is taken with the next look
    if archive is None:
        storage.delete(file.path)
        return
    for target in _targets(file.path, job_id):
        there = archive.stat(target)
        if there is None:
            storage.move(file.path, archive, target)
            return
        if target != file.path and _is_copy(there, now):
            # Of an earlier look: an object that may not be removed was copied at every look.
            storage.delete(file.path)
            return


def _targets(path: str, job_id: int) -> Iterator[str]:
    """Yield the names for a file that is moved: its own, then with its job's number; an earlier ledger had that too."""
    own = PurePosixPath(path)
    yield path
    yield str(own.with_name(f"{own.stem} ({job_id}){own.suffix}"))
    for number in itertools.count(2):
        yield str(own.with_name(f"{own.stem} ({job_id}.{number}){own.suffix}"))


def _is_copy(there: StoredObject, file: StoredObject) -> bool:
    """Say whether what lies under the number of a file's job can be that file: as large, and not older."""
    return there.size_bytes == file.size_bytes and (there.modified_at or 0.0) >= (file.modified_at or 0.0)
