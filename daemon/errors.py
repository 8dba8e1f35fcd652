"""Everything the daemon raises, in one tree. The docstring is the default message; retryable or not is a type."""

from __future__ import annotations

from typing import ClassVar

from ingest.messages import Message, said_by


class HeadgateError(Exception):
    """Headgate could not do what was asked."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class RetryableError(HeadgateError):
    """The same attempt may succeed later."""


class DatabaseReplacedError(HeadgateError):
    """The SQLite file was removed or replaced under the process that owns it: it must end and start again."""


class StartupError(HeadgateError):
    """The daemon cannot start; the message says what to change."""


class ExecutorError(HeadgateError):
    """A task could not be run."""


class TaskNotPicklableError(ExecutorError):
    """The function or its arguments cannot be sent to a worker process."""


class QueueFullError(ExecutorError, RetryableError):
    """The pool's queue stayed full for as long as a task may wait."""


class PoolClosedError(ExecutorError, RetryableError):
    """The pool is shutting down."""


class TaskTimeoutError(ExecutorError):
    """The task passed its deadline and its worker was killed."""


class TaskStalledError(TaskTimeoutError):
    """The task passed its deadline with little CPU time: the machine may have stood still."""


class WorkerCrashedError(ExecutorError):
    """The worker process died while it ran the task."""


class WorkerLostError(WorkerCrashedError, RetryableError):
    """The worker process died with the process that forks the workers: not the task's doing."""


class WorkerStartError(ExecutorError):
    """No worker process could be started."""


class ClusterAwayError(ExecutorError, RetryableError):
    """The cluster cannot run the task now: its scheduler does not answer, or no worker fits."""


class TaskFailedError(ExecutorError):
    """The task raised an error that cannot be sent back as it is."""


class LeaseLostError(HeadgateError):
    """Another daemon has taken the job over; this one must not touch it any more."""


class KeyUsedError(HeadgateError):
    """Another submission came under the same idempotency key a moment ago."""


class RowsUnaccountedError(HeadgateError):
    """Some rows of the workbook are neither loaded nor rejected: a defect of Headgate, so nothing was committed."""


class RowsLoadedError(RetryableError):
    """Some of the corrected rows of a job were loaded by another one meanwhile: it has to be read anew without them."""


class DatabaseUnavailableError(RetryableError):
    """The database cannot be reached or had to give up; it may work later."""


class NotConnectedError(DatabaseUnavailableError):
    """No connection to the database can be made."""


class DatabaseSilentError(DatabaseUnavailableError):
    """The database was asked and said nothing, or its connection ended without a word."""


class StorageError(HeadgateError):
    """The storage failed."""

    kind: ClassVar[str] = "failed"
    """What metrics call it."""


class StorageSettingsError(StorageError):
    """The storage's URL, an option or its credentials are not what they should be."""

    kind = "settings"


class StorageExtraMissingError(StorageError):
    """The library for this kind of storage is not installed."""

    kind = "extra_missing"


class StorageRefusedError(StorageError):
    """The storage does not take the credentials, or they do not allow this."""

    kind = "refused"


class StorageNotFoundError(StorageError):
    """There is no such file, folder or bucket."""

    kind = "not_found"


class StorageUnreachableError(StorageError, RetryableError):
    """The storage does not answer; it may later."""

    kind = "unreachable"


class StorageChangedError(StorageError, RetryableError):
    """The file was replaced while it was read."""

    kind = "changed"


class FileTooLargeError(HeadgateError):
    """The file is larger than is taken in."""


class FileLostError(HeadgateError):
    """The file of a job is not in the spool any more."""


class FileNotReadError(RetryableError):
    """The file cannot be read now; the message is the system's."""


class FolderHangsError(RetryableError):
    """The folder does not answer: a call into it has not returned in time."""


class FileUnstableError(RetryableError):
    """The file changed while it was read; it is taken when it has stayed the same for two scans."""


class SpoolFullError(RetryableError):
    """The spool's disk is full; make room, then submit the file again."""


class SpoolUnwritableError(RetryableError):
    """The spool cannot be written; mend its disk or its rights, then submit the file again."""


class SpoolAwayError(RetryableError):
    """The shared spool does not take or give files now; what is in it stays there."""


def first_line(error: BaseException) -> str:
    """Return what a person reads of an error: of a database's own, the beginning; a message stays one."""
    cause = getattr(error, "orig", None) or error
    said = said_by(cause)
    return said if isinstance(said, Message) else (said.strip() or type(cause).__name__).splitlines()[0]
