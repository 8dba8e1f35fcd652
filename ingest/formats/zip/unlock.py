"""Workbooks encrypted with the password that Excel tries by itself: their plain copy; knows no formats and no cells."""

from __future__ import annotations

import errno
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...errors import is_of_the_machine, rejected
from ...messages import say

if TYPE_CHECKING:
    from collections.abc import Iterator

_PASSWORD: Final = "VelvetSweatshop"  # noqa: S105  # public, [MS-OFFCRYPTO] 2.3: of workbooks only protected from changes
_OLE: Final = bytes.fromhex("d0cf11e0a1b11ae1")


@contextmanager
def unlocked(path: Path) -> Iterator[Path]:
    """Yield a plain copy of an encrypted workbook, which is gone afterwards.

    Raises:
        FileRejectedError: `file.encrypted`: it takes a password that somebody has chosen.
        OSError: there is no room for the copy.

    """
    # Takes 50 ms to import, and few workbooks need it.
    import msoffcrypto  # noqa: PLC0415

    with _temporary_folder() as folder:
        plain = Path(folder) / path.name
        try:
            with path.open("rb") as source, plain.open("wb") as target:
                workbook = msoffcrypto.OfficeFile(source)
                workbook.load_key(password=_PASSWORD)
                workbook.decrypt(target)
        except Exception as error:
            if is_of_the_machine(error):
                raise
            # The library has no exception of its own for most damages, nor for a cipher that it does not know.
            raise rejected("file.encrypted", say("the workbook is encrypted with a password")) from error
        yield plain


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="headgate-")
    except FileNotFoundError as error:
        # So Python says that it could write a few bytes nowhere.
        raise OSError(errno.ENOSPC, "no temporary folder has room: make some, or set TMPDIR") from error


def is_ole(path: Path) -> bool:
    """Say whether the file is an OLE container, the only kind that Excel encrypts as a whole."""
    with path.open("rb") as file:
        return file.read(len(_OLE)) == _OLE
