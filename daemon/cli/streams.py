"""The three streams that a command is started with: owns that they are there, and why standard output fails."""

from __future__ import annotations

import fcntl
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class StandardOutput(io.FileIO):
    """Where a command writes to; whoever wrote may pass an error over, as click does, or tell it as one of its own."""

    trouble: OSError | None = None
    """Why it took nothing more."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write, and remember what goes wrong."""
        try:
            return super().write(data)
        except OSError as error:
            self.trouble = error
            raise

    def end(self) -> str | None:
        """Write what still waits; return what to tell people if some could not be written, None if it was.

        A reader that has gone, as `head` does, has what it wanted: of that the answer is empty.
        """
        try:
            sys.stdout.flush()
        except OSError as error:
            self.trouble = error
        if self.trouble is None:
            return None
        # The interpreter's own end would try again, and tell of it in words and a code of its own.
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
        return "" if isinstance(self.trouble, BrokenPipeError) else self.trouble.strerror or str(self.trouble)


def prepared_output() -> StandardOutput:
    """Open what whoever started us has closed, and let no letter that a terminal lacks end a command.

    A file of ours would else get the number of standard error, and whatever is written there go into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
            fcntl.fcntl(opened, fcntl.F_SETFD, 0)  # what the command starts has it, too
    if sys.stderr is None:
        written = io.BufferedWriter(io.FileIO(2, "w", closefd=False))
        sys.stderr = io.TextIOWrapper(written, encoding="utf-8", errors="backslashreplace")
    before, raw = sys.stdout, StandardOutput(1, "w", closefd=False)
    errors = "strict" if before is None else before.errors
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding="utf-8" if before is None else before.encoding,
        errors="backslashreplace" if errors == "strict" else errors,
        line_buffering=raw.isatty(),
        write_through=getattr(before, "write_through", False),
    )
    return raw
