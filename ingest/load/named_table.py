"""The table of a name: what the database says of it, and what may be meant where there is none."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from ..messages import say
from . import catalogue, sqlite_catalogue
from .facts import split_name
from .loaded import TargetMismatchError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ..spec.dataset import Dataset
    from .facts import TableFacts

SIMILAR: Final = 0.75
"""How alike two names are of which one is taken for a mistyped other (difflib's ratio)."""


def place_of(dataset: Dataset) -> tuple[str | None, str]:
    """Return the schema, if the dataset names one, and the name of its table."""
    return split_name(dataset.load.table)


def read_facts(connection: Connection, schema: str | None, name: str) -> TableFacts | None:
    """Return what the database says of a table; None if there is none."""
    if connection.dialect.name == "sqlite":
        return sqlite_catalogue.read_facts(connection, name)
    return catalogue.read_facts(connection, schema, name)


def ledger_is_meant(dialect: str, schema: str | None, name: str) -> str | None:
    """Return why a table cannot be a target because jobs are kept there; None if they are not."""
    on_sqlite = dialect == "sqlite"
    if schema != catalogue.LEDGER_SCHEMA and not (on_sqlite and name.startswith(sqlite_catalogue.LEDGER_PREFIX)):
        return None
    table = f"{schema}.{name}" if schema else name
    if on_sqlite:
        return say("{table} is where Headgate keeps its jobs; load into a table of another name", table=table)
    return say("{table} is where Headgate keeps its jobs; load into a table of another schema", table=table)


def refuse_unless_meant(connection: Connection, dataset: Dataset) -> None:
    """Refuse to make a missing table that has no place, or unless the dataset says so, or no name is similar.

    One that is made has the columns of fields alone: `load.insert_only` and `load.set` need one that is there.
    Names that differ in their numbers only (`sales_2025`, `sales_2026`) are meant to be two.
    One of the very name has been made by another load since it was missed.

    Raises:
        TargetMismatchError: it may not be made; names the nearest table.

    """
    schema, name = place_of(dataset)
    if connection.dialect.name == "postgresql" and catalogue.new_place(connection, schema) is None:
        raise TargetMismatchError(
            say(
                "there is no table {table} to be seen: no schema that this role may use is in its search_path; write "
                "load.table with its schema (public.{table}), or set search_path",
                table=dataset.load.table,
            )
        )
    table, load = dataset.load.table, dataset.load
    names, near = _similar(connection, schema, name)
    near = [one for one in near if _without_numbers(one) != _without_numbers(name)]
    meant = load.create or (load.create is None and not near)
    if name in names or (meant and not load.given):
        return
    if meant:
        needed = ", ".join(load.given)
        raise TargetMismatchError(
            say("there is no table {table}; make it, with {names}, which no field fills", table=table, names=needed)
        )
    raise TargetMismatchError(
        say(
            "there is no table {table}; did you mean {near}? correct load.table, or write load.create: true to have "
            "it made",
            table=table,
            near=near[0],
        )
        if near
        else say(
            "there is no table {table}; correct load.table, or write load.create: true to have it made", table=table
        )
    )


def find_facts(connection: Connection, table: str) -> TableFacts:
    """Return what the database says of a table that must be there.

    Raises:
        TargetMismatchError: it is not; names the nearest, or it is where jobs are kept.

    """
    schema, name = split_name(table)
    if refusal := ledger_is_meant(connection.dialect.name, schema, name):
        raise TargetMismatchError(refusal)
    facts = read_facts(connection, schema, name)
    if facts is None:
        _, near = _similar(connection, schema, name)
        meant = say("did you mean {value}?", value=near[0]) if near else say("correct its name")
        raise TargetMismatchError(say("there is no table {table}; {meant}", table=table, meant=meant))
    return facts


def _similar(connection: Connection, schema: str | None, name: str) -> tuple[list[str], list[str]]:
    """Return the names of all tables that could be meant, and the nearest, the most similar first.

    Nearer than all is one of the very name in a schema that is not in the search path, as after a migration.
    """
    if connection.dialect.name == "sqlite":
        names, elsewhere = sqlite_catalogue.table_names(connection), []
    else:
        names = catalogue.table_names(connection, schema)
        elsewhere = catalogue.places_elsewhere(connection, name) if schema is None else []
    return names, elsewhere + get_close_matches(name, names, cutoff=SIMILAR)


def _without_numbers(name: str) -> str:
    return "".join(sign for sign in name if not sign.isdigit())
