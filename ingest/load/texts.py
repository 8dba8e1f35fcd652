"""Rows staged as texts, which nothing refuses but an encoding of the database that lacks some of their letters."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from ..messages import say
from ..output.copy_text import NULL, unescaped
from .merge import LINE
from .refusals import Refusal
from .staging import TEXTS, copy, typed_columns

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.ext.asyncio import AsyncConnection

    from .loaded import Spooled
    from .target import Target


class Texts:
    """The table of texts of one load, and how its rows get there."""

    def __init__(self, connection: AsyncConnection, spooled: Spooled, target: Target) -> None:
        self._connection, self._spooled = connection, spooled
        self._columns = tuple(typed_columns(spooled, target))

    async def copy(self, start: int, stop: int) -> None:
        """Copy the rows of the lines `start` to `stop`."""
        if (start, stop) == (1, self._spooled.rows):
            await copy(self._connection, self._spooled.accepted, TEXTS, self._columns)
            return
        numbered = [b"%d\t%b" % (start + place, line) for place, line in enumerate(self._lines(start, stop))]
        await self._send(b"".join(numbered), self._columns)

    async def lacking(self, line: int, at_fault: Callable[[BaseException], bool]) -> tuple[Refusal, dict[str, str]]:
        """Return why a row cannot be copied, and the text that has letters which the encoding lacks."""
        [row] = self._lines(line, line)
        texts = dict(zip(self._spooled.columns, row.decode().rstrip("\n").split("\t"), strict=True))
        bad = [name for name, text in texts.items() if text != NULL and not await self._is_kept(name, text, at_fault)]
        driver: Any = (await self._connection.get_raw_connection()).driver_connection
        refusal = Refusal(
            code="row.db_type",
            message=say(
                "the database's encoding, {encoding}, lacks letters of this value",
                encoding=driver.get_settings().server_encoding,
            ),
            fields=tuple(bad),
            hint=say("write it with letters of that encoding, or move the table to a database with ENCODING 'UTF8'"),
        )
        return refusal, {name: unescaped(texts[name]) for name in bad}

    async def _is_kept(self, name: str, text: str, at_fault: Callable[[BaseException], bool]) -> bool:
        column = self._columns[self._spooled.columns.index(name)]
        try:
            async with self._connection.begin_nested() as savepoint:
                await self._send(f"0\t{text}\n".encode(), (column,))
                await savepoint.rollback()
        except Exception as error:  # raised again unless the text is to blame
            if not at_fault(error):
                raise
            return False
        return True

    def _lines(self, start: int, stop: int) -> list[bytes]:
        with self._spooled.accepted.open("rb") as lines:
            return list(islice(lines, start - 1, stop))

    async def _send(self, numbered: bytes, columns: tuple[str, ...]) -> None:
        driver: Any = (await self._connection.get_raw_connection()).driver_connection
        # By a view of memory: bytes themselves would be taken for a path.
        await driver.copy_to_table(TEXTS, source=memoryview(numbered), columns=(LINE, *columns), format="text")
