"""What a database is asked for while a test runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

if TYPE_CHECKING:
    from daemon.database.database import Database


class Statement(NamedTuple):
    """A statement as it goes to the driver."""

    text: str
    parameters: Any


def asked(database: Database) -> list[Statement]:
    """Return what SQLAlchemy is asked to run from now on; COPY goes past it."""
    found: list[Statement] = []

    def note(_connection: object, _cursor: object, text: str, parameters: object, *_: object) -> None:
        found.append(Statement(text, parameters))

    sa.event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    return found
