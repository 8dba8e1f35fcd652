"""Whose fault each error of PostgreSQL is: every code that its manual lists, as the driver knows them."""

from __future__ import annotations

import sqlite3

import asyncpg
import pytest
from sqlalchemy.exc import OperationalError

from daemon.database.errors import ERROR_CLASSES, meaning
from daemon.database.sqlstates import CLASSES, meaning_of
from daemon.errors import DatabaseUnavailableError

NO_ERRORS = {"00", "01", "02"}
DOCUMENTED = sorted(
    {
        state
        for found in vars(asyncpg.exceptions).values()
        if isinstance(found, type) and isinstance(state := getattr(found, "sqlstate", None), str) and len(state) == 5
    }
)


@pytest.mark.parametrize("state", DOCUMENTED)
def test_every_documented_code_has_a_meaning(state: str) -> None:
    if state[:2] in NO_ERRORS:
        return
    assert state[:2] in CLASSES
    assert meaning_of(state).counted_as in ERROR_CLASSES


RULE = {
    "data": ("22", "23", "44", "P0001"),
    "configuration": ("42", "3F"),
    "transient": ("40", "53", "55", "57", "58", "08", "25006"),
}
"""What each is to mean, in words of this test: classes, and codes on their own."""
INTEGRITY_AT_COMMIT = "40002"
"""Of the class of conflicts, and no conflict: a constraint that the rows do not meet, however often they come."""


@pytest.mark.parametrize("state", DOCUMENTED)
def test_every_documented_code_follows_the_rule(state: str) -> None:
    ruled = [kind for kind, beginnings in RULE.items() if state.startswith(beginnings)]
    if state == INTEGRITY_AT_COMMIT:
        assert meaning_of(state).classification == "data"
    elif ruled:
        assert [meaning_of(state).classification] == ruled


def test_the_rule_reaches_many_codes() -> None:
    of_rule = [state for state in DOCUMENTED if state.startswith(tuple(one for kind in RULE.values() for one in kind))]
    assert len(of_rule) > 150
    assert {"P0001", "25006"} <= set(of_rule)


def test_the_manual_has_many_codes() -> None:
    assert len(DOCUMENTED) > 200


@pytest.mark.parametrize(
    ("states", "classification"),
    [
        (["22001", "22003", "22P02", "23502", "23503", "23505", "23514", "23P01", "44000", "P0001"], "data"),
        (["21000", "27000", "40002", "54000"], "data"),
        (["42601", "42501", "42P01", "42703", "3F000", "0A000", "54011"], "configuration"),
        (["40001", "40P01", "53100", "53300", "55P03", "57014", "57P01", "58030", "08006", "25006"], "transient"),
        (["28P01", "3D000", "57P03", "HV00N"], "transient"),
        (["XX000", "25001"], "other"),
    ],
)
def test_codes_are_somebodys_fault(states: list[str], classification: str) -> None:
    assert {state: meaning_of(state).classification for state in states} == dict.fromkeys(states, classification)


def test_a_code_of_a_trigger_of_its_own_is_the_rows_fault() -> None:
    assert meaning_of("SH001").classification == "data"


@pytest.mark.parametrize("state", ["55000", "28000", "3D000"])
def test_only_a_connection_that_is_refused_is_waited_for(state: str) -> None:
    assert meaning_of(state, severity="FATAL").waits
    refused = meaning_of(state, severity="ERROR")
    assert (refused.classification, refused.waits) == ("configuration", False)


@pytest.mark.parametrize(
    ("state", "classification", "counted_as"),
    [
        ("55000", "data", "data"),
        ("42501", "data", "data"),
        ("28000", "data", "data"),
        ("25006", "data", "data"),
        ("40001", "data", "conflict"),
        ("53100", "transient", "resources"),
        ("57014", "transient", "stopped"),
    ],
)
def test_what_a_trigger_raises_is_a_rows_fault_unless_the_database_lacks_something(
    state: str, classification: str, counted_as: str
) -> None:
    found = meaning_of(state, severity="ERROR", routine="exec_stmt_raise")
    assert (found.classification, found.counted_as) == (classification, counted_as)


def test_the_driver_error_behind_others_decides() -> None:
    outer = RuntimeError("load failed")
    outer.__cause__ = asyncpg.exceptions.CheckViolationError("no")
    assert meaning(outer, sqlite=False).classification == "data"


@pytest.mark.parametrize(
    ("words", "counted_as", "waits"),
    [
        ("database or disk is full", "resources", True),
        ("disk I/O error", "resources", True),
        ("attempt to write a readonly database", "read_only", True),
        ("unable to open database file", "access", True),
        ("database is locked", "locked", False),
    ],
)
def test_what_sqlite_says_decides_whatever_was_made_of_it(words: str, counted_as: str, *, waits: bool) -> None:
    said = OperationalError("INSERT", {}, sqlite3.OperationalError(words))
    passed_on = DatabaseUnavailableError("the database gave up")
    passed_on.__cause__ = said
    for error in (said, passed_on):
        found = meaning(error, sqlite=True)
        assert (found.classification, found.counted_as, found.waits) == ("transient", counted_as, waits)
