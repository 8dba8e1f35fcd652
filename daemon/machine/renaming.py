"""Names of files: a rename that overwrites nothing, in one step, and names that stay; owns how each system is asked."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import sys
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

# renameat2(2) and RENAME_NOREPLACE of Linux; renameatx_np(2) and RENAME_EXCL of macOS. Both take the same arguments.
_CALL, _NO_REPLACE = ("renameatx_np", 4) if sys.platform == "darwin" else ("renameat2", 1)
_UNKNOWN: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
"""What a system or a file system answers that does not know such a rename, as NFS does not."""


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """See that the names in a folder are on its disk: a file that was fsynced may still lose its name."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rename_to_free(name: str, free: str, *, source: int, sink: int) -> None:
    """Rename a file from one open folder into another, under a name that nobody has.

    Where the file system knows no such rename, an empty file takes the name first: who is killed just then leaves it.

    Raises:
        FileExistsError: the name is taken.
        OSError: as of `os.rename`.

    """
    call = _rename()
    if call is not None:
        if not call(source, os.fsencode(name), sink, os.fsencode(free), _NO_REPLACE):
            return
        if (number := ctypes.get_errno()) not in _UNKNOWN:
            raise OSError(number, os.strerror(number), free)
    os.close(os.open(free, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=sink))
    try:
        os.rename(name, free, src_dir_fd=source, dst_dir_fd=sink)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(free, dir_fd=sink)
        raise


@cache
def _rename() -> Callable[..., Any] | None:
    call = getattr(ctypes.CDLL(None, use_errno=True), _CALL, None)
    if call is not None:
        call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return call
