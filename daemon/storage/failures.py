"""What went wrong in storage, in few kinds, whichever library says it: owns how each library's errors are read."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Final

from ingest.errors import ERROR_SHOWN
from ingest.messages import say

from ..errors import (
    StorageError,
    StorageNotFoundError,
    StorageRefusedError,
    StorageUnreachableError,
    first_line,
)

_REFUSED: Final = frozenset(
    {
        *("asyncssh.misc.PermissionDenied", "asyncssh.misc.HostKeyNotVerifiable", "asyncssh.sftp.SFTPPermissionDenied"),
        *("botocore.exceptions.NoCredentialsError", "botocore.exceptions.PartialCredentialsError"),
        *("azure.core.exceptions.ClientAuthenticationError", "google.auth.exceptions.GoogleAuthError"),
        *("smbprotocol.exceptions.LogonFailure", "smbprotocol.exceptions.SMBAuthenticationError"),
        *("smbprotocol.exceptions.AccessDenied", "webdav4.client.ForbiddenOperation"),
    }
)
_NOT_FOUND: Final = frozenset(
    {
        *(
            "asyncssh.sftp.SFTPNoSuchFile",
            "asyncssh.sftp.SFTPNoSuchPath",
            "azure.core.exceptions.ResourceNotFoundError",
        ),
        *("smbprotocol.exceptions.BadNetworkName", "webdav4.client.ResourceNotFound"),
    }
)
_UNREACHABLE: Final = frozenset(
    {
        *(
            "botocore.exceptions.HTTPClientError",
            "botocore.exceptions.ConnectionError",
            "aiohttp.client_exceptions.ClientError",
        ),
        *("aiohttp.http_exceptions.HttpProcessingError", "httpx.TransportError", "asyncssh.misc.DisconnectError"),
        *("asyncssh.sftp.SFTPNoConnection", "asyncssh.sftp.SFTPConnectionLost", "asyncssh.misc.ChannelOpenError"),
        *("azure.core.exceptions.ServiceRequestError", "azure.core.exceptions.ServiceResponseError"),
        *("google.auth.exceptions.TransportError", "smbprotocol.exceptions.SMBConnectionClosed"),
        *("smbprotocol.exceptions.SharingViolation", "webdav4.client.ResourceLocked", "webdav4.client.BadGatewayError"),
    }
)
"""Classes of errors by their full name: a library that nobody uses is not imported to ask it."""
_REFUSED_STATUS: Final = frozenset({401, 403})
_NOT_FOUND_STATUS: Final = frozenset({404, 410})
_PASSING_STATUS: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_PASSING_ERRNO: Final = frozenset(
    {
        *(errno.EBUSY, errno.EIO, errno.EREMOTEIO, errno.EAGAIN, errno.ESTALE, errno.ENETDOWN, errno.ENETUNREACH),
        *(errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ETIMEDOUT, errno.ENOTCONN, errno.ENOLINK, errno.EMFILE),
    }
)
_REFUSED_ERRNO: Final = frozenset({errno.EACCES, errno.EPERM})
_NOT_FOUND_ERRNO: Final = frozenset({errno.ENOENT, errno.ENOTDIR})
_REFUSED_NTSTATUS: Final = frozenset({0xC0000022, 0xC000006D})  # access denied, logon failure
_NOT_FOUND_NTSTATUS: Final = frozenset({0xC000000F, 0xC00000CC})  # no such file, bad network name
_PASSING_NTSTATUS: Final = frozenset({0xC0000043, 0xC0000054})  # sharing violation, file lock conflict
"""What an SMB server says, by [MS-ERREF] 2.3.1: its library has one class for all of it."""


def failure_of(error: BaseException, place: str) -> StorageError:
    """Return what a library's error comes to; the message is `reason; remedy`, `place` a URL without secrets."""
    if isinstance(error, StorageError):
        return error
    for cause in _causes(error):
        kind = _kind_of(cause)
        if kind is not None:
            return _told(kind, cause, place)
    return _told(StorageError, error, place)


def _told(kind: type[StorageError], error: BaseException, place: str) -> StorageError:
    about = {"place": place, "error": _words_of(error)[:ERROR_SHOWN]}
    if kind is StorageRefusedError:
        return kind(say("{place} refuses: {error}; correct the credentials, or the rights that they give", **about))
    if kind is StorageNotFoundError:
        return kind(say("{place} is not there: {error}; create it, or correct the URL", **about))
    if kind is StorageUnreachableError:
        return kind(say("{place} cannot be reached: {error}; it is tried again", **about))
    return kind(say("{place} fails: {error}; look into the log of the storage", **about))


def _words_of(error: BaseException) -> str:
    """Return what a library says, without the path: one failure is told once, whichever of many files meets it."""
    words = first_line(error)
    if isinstance(error, OSError) and error.filename is not None:
        words = words.partition(f": {error.filename!r}")[0]
    return words


def _kind_of(error: BaseException) -> type[StorageError] | None:
    if (by_server := _by_ntstatus(error)) is not None:
        return by_server
    names = {f"{one.__module__}.{one.__qualname__}" for one in type(error).__mro__}
    status, number = _status_of(error), error.errno if isinstance(error, OSError) else None
    if names & _REFUSED or number in _REFUSED_ERRNO or isinstance(error, PermissionError) or status in _REFUSED_STATUS:
        # What the transport of a login could not do is no refusal, though its class says so.
        return StorageUnreachableError if "google.auth.exceptions.TransportError" in names else StorageRefusedError
    absent = number in _NOT_FOUND_ERRNO or isinstance(error, (FileNotFoundError, NotADirectoryError))
    if names & _NOT_FOUND or absent or status in _NOT_FOUND_STATUS:
        return StorageNotFoundError
    passing = isinstance(error, (TimeoutError, ConnectionError)) or number in _PASSING_ERRNO
    if names & _UNREACHABLE or passing or status in _PASSING_STATUS or _is_unknown_host(error):
        return StorageUnreachableError
    return None


def _by_ntstatus(error: BaseException) -> type[StorageError] | None:
    status = getattr(error, "ntstatus", None)
    if status in _REFUSED_NTSTATUS:
        return StorageRefusedError
    if status in _NOT_FOUND_NTSTATUS:
        return StorageNotFoundError
    return StorageUnreachableError if status in _PASSING_NTSTATUS else None


def _is_unknown_host(error: BaseException) -> bool:
    return type(error).__module__ == "socket" and type(error).__name__ == "gaierror"


def _status_of(error: BaseException) -> int | None:
    """Return the HTTP status that an error is about, where it knows one."""
    for name in ("status_code", "status", "code"):
        value = getattr(error, name, None)
        if isinstance(value, int) or (isinstance(value, str) and value.isdecimal()):
            return int(value)
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore's
        found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return found if isinstance(found, int) else None
    found = getattr(response, "status_code", None)
    return found if isinstance(found, int) else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came of, the nearest first."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__
