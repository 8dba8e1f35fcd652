"""Errors of a library that has one class for all that a server says."""

from __future__ import annotations

import pytest
from smbprotocol.exceptions import SMBOSError
from smbprotocol.header import NtStatus

from daemon.errors import StorageError, StorageNotFoundError, StorageRefusedError, StorageUnreachableError
from daemon.storage.failures import failure_of


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (NtStatus.STATUS_ACCESS_DENIED, StorageRefusedError),
        (NtStatus.STATUS_LOGON_FAILURE, StorageRefusedError),
        (NtStatus.STATUS_OBJECT_NAME_NOT_FOUND, StorageNotFoundError),
        (NtStatus.STATUS_OBJECT_PATH_NOT_FOUND, StorageNotFoundError),
        (NtStatus.STATUS_BAD_NETWORK_NAME, StorageNotFoundError),
        (0xC000000F, StorageNotFoundError),
        (NtStatus.STATUS_SHARING_VIOLATION, StorageUnreachableError),
        (0xC0000999, StorageError),
    ],
)
def test_what_an_smb_server_says_is_told_apart(status: int, kind: type[StorageError]) -> None:
    assert type(failure_of(SMBOSError(status, "share"), "smb://host/share")) is kind
