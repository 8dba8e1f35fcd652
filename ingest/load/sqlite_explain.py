"""What SQLite would do for a statement: its program, planned for the tables as they are at this moment."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sqlalchemy.engine import CursorResult
    from sqlalchemy.ext.asyncio import AsyncConnection

_TIMES: Final = count(1)


async def explain(connection: AsyncConnection, statement: str) -> CursorResult[Any]:
    """Return the steps of a statement's program (https://sqlite.org/opcode.html), of which none is run.

    The driver keeps statements by their text, and SQLite sees that one is older than a change of the tables only when
    it runs: an EXPLAIN that was kept tells of tables whose memory is no longer theirs, and may end the process by it.
    No text of this function comes twice, so none is ever one that was kept.

    Raises:
        sqlalchemy.exc.DBAPIError: SQLite cannot plan the statement, or cannot read the database.

    """
    # A plan is made for the tables as this connection has last read them; a statement that runs reads what has changed.
    await connection.exec_driver_sql("SELECT 1 FROM sqlite_master LIMIT 0")
    return await connection.exec_driver_sql(f"EXPLAIN {statement} -- {next(_TIMES)}")
