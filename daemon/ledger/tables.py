"""The ledger's tables as the code of this version sees them; how they came to be is in migrations/."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from .jobs import RowCounts

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

    from .jobs import State

SCHEMA = "headgate"
"""PostgreSQL schema; SQLite has none, so there the same name is a prefix."""

Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""SQLite numbers rows by itself only in a column that is declared INTEGER."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The thirteen tables of the ledger for one dialect."""

    ledger: sa.Table
    daemon: sa.Table
    job: sa.Table
    event: sa.Table
    reject: sa.Table
    preview: sa.Table
    loaded_content: sa.Table
    taken_file: sa.Table
    corrected_row: sa.Table
    mapping: sa.Table
    source: sa.Table
    mail: sa.Table
    mail_job: sa.Table


def build_tables(dialect: str) -> Tables:
    """Return the tables for "postgresql" (schema `headgate`) or "sqlite" (prefix `headgate_`)."""
    schema = SCHEMA if dialect == "postgresql" else None
    prefix = "" if schema else f"{SCHEMA}_"
    metadata = sa.MetaData(schema=schema)
    return Tables(
        ledger=sa.Table(f"{prefix}ledger", metadata, sa.Column("id", sa.Text, primary_key=True)),
        daemon=_daemon(prefix, metadata),
        job=_job(prefix, metadata),
        event=_event(prefix, metadata),
        reject=sa.Table(
            f"{prefix}reject",
            metadata,
            sa.Column("job_id", Key, primary_key=True, autoincrement=False),
            sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("record", sa.JSON, nullable=False),
        ),
        preview=sa.Table(
            f"{prefix}preview",
            metadata,
            sa.Column("job_id", Key, primary_key=True, autoincrement=False),
            sa.Column("preview", sa.JSON, nullable=False),
        ),
        loaded_content=sa.Table(
            f"{prefix}loaded_content",
            metadata,
            sa.Column("dataset", sa.Text, primary_key=True),
            sa.Column("sha256", sa.Text, primary_key=True),
            sa.Column("spec_version", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("job_id", sa.BigInteger, nullable=False),
            sa.Column("finish_order", sa.BigInteger, nullable=False, server_default="0"),
        ),
        taken_file=sa.Table(
            f"{prefix}taken_file",
            metadata,
            sa.Column("origin", sa.Text, primary_key=True),
            sa.Column("origin_stamp", sa.Text, nullable=False),
            sa.Column("sha256", sa.Text, nullable=False),
            sa.Column("job_id", sa.BigInteger, nullable=False),
        ),
        corrected_row=_corrected_row(prefix, metadata),
        mapping=_mapping(prefix, metadata),
        source=sa.Table(
            f"{prefix}source",
            metadata,
            sa.Column("origin", sa.Text, primary_key=True),
            sa.Column("daemon", sa.Text, nullable=False),
            sa.Column("held_until", sa.Double, nullable=False),
            sa.Column("failures", sa.Integer),
        ),
        mail=_mail(prefix, metadata),
        mail_job=sa.Table(
            f"{prefix}mail_job",
            metadata,
            sa.Column("mail_id", Key, primary_key=True, autoincrement=False),
            sa.Column("job_id", Key, primary_key=True, autoincrement=False),
        ),
    )


def _daemon(prefix: str, metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        f"{prefix}daemon",
        metadata,
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("spool_id", sa.Text, nullable=False),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.Column("beat_at", sa.Double, nullable=False),
    )


def _event(prefix: str, metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        f"{prefix}event",
        metadata,
        sa.Column("id", Key, primary_key=True),
        sa.Column("job_id", Key, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("daemon", sa.Text),
        sa.Column("detail", sa.Text),
    )


def _corrected_row(prefix: str, metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        f"{prefix}corrected_row",
        metadata,
        sa.Column("job_id", Key, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("loaded_by", sa.BigInteger, nullable=False),
    )


def _mapping(prefix: str, metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        f"{prefix}mapping",
        metadata,
        sa.Column("id", Key, primary_key=True),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("titles_digest", sa.Text, nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
        sa.Column("made_by", sa.Text),
        sa.Column("made_at", sa.Double, nullable=False),
    )


def _mail(prefix: str, metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        f"{prefix}mail",
        metadata,
        sa.Column("id", Key, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("uidvalidity", sa.BigInteger, nullable=False),
        sa.Column("uid", sa.BigInteger, nullable=False),
        sa.Column("message_id", sa.Text),
        sa.Column("reply_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("taker", sa.Text),
        sa.Column("replier", sa.Text),
        sa.Column("spool_id", sa.Text),
        sa.Column("mailbox", sa.Text, nullable=False),
        sa.Column("letter", sa.JSON, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("tries", sa.Integer, nullable=False, default=0),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("first_try_at", sa.Double),
        sa.Column("reply_at", sa.Double),
    )


def _job(prefix: str, metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        f"{prefix}job",
        metadata,
        sa.Column("id", Key, primary_key=True),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("spec_version", sa.Integer, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("spool_id", sa.Text),
        sa.Column("spool_key", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("attempt", sa.Integer, nullable=False, default=0),
        sa.Column("crashes", sa.Integer, nullable=False, default=0),
        sa.Column("lost_leases", sa.Integer, nullable=False, default=0),
        sa.Column("run_at", sa.Double, nullable=False),
        sa.Column("lease_token", sa.Text),
        sa.Column("lease_daemon", sa.Text),
        sa.Column("first_job", Key),
        sa.Column("fixes_job", sa.BigInteger),
        sa.Column("submitter", sa.Text),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("cancelled_by", sa.Text),
        sa.Column("origin", sa.Text),
        sa.Column("origin_stamp", sa.Text),
        sa.Column("owed", sa.Boolean),
        sa.Column("repeats", sa.Text, nullable=False, default="once"),
        sa.Column("after_job", sa.BigInteger),
        sa.Column("check_only", sa.Boolean, nullable=False, default=False),
        sa.Column("would_be", sa.Text),
        sa.Column("loaded_as", sa.BigInteger),
        *(sa.Column(f"rows_{name}", sa.BigInteger, nullable=False, default=0) for name in RowCounts.__slots__),
        sa.Column("table_refused", sa.Boolean, nullable=False, default=False),
        sa.Column("errors_total", sa.BigInteger, nullable=False, default=0),
        sa.Column("seconds", sa.JSON, nullable=False, default=dict),
        sa.Column("cpu_seconds", sa.Double),
        sa.Column("peak_rss_bytes", sa.BigInteger),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("started_at", sa.Double),
        sa.Column("finished_at", sa.Double),
        # Its place among the loads of its dataset, 0 before its end: times are of a clock, which may be set.
        sa.Column("finish_order", sa.BigInteger, nullable=False, server_default="0"),
    )


def insert_into(table: sa.Table, dialect: str) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that can say what becomes of rows that are there already.

    Each database has its own, and only that is imported: PostgreSQL's comes with all that SQLAlchemy knows of its types
    and drivers.
    """
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as insert_postgresql  # noqa: PLC0415

        return insert_postgresql(table)
    from sqlalchemy.dialects.sqlite import insert as insert_sqlite  # noqa: PLC0415

    return insert_sqlite(table)


def ledger_clock(dialect: str) -> sa.ColumnElement[float]:
    """Return the one clock of all daemons on a ledger, its database's, in seconds since the epoch."""
    if dialect == "postgresql":
        return sa.cast(sa.extract("epoch", sa.func.clock_timestamp()), sa.Double)
    return sa.literal_column("((julianday('now') - 2440587.5) * 86400.0)", sa.Double)


def in_state(job: sa.FromClause, *states: State) -> sa.ColumnElement[bool]:
    """Return the condition for jobs in one of the states, in literals as the indexes of such jobs have it.

    A plan that is made for any state neither knows those indexes nor how few jobs some states have.
    """
    named: list[sa.ColumnElement[str]] = [sa.literal_column(f"'{state}'") for state in states]
    found: sa.ColumnElement[bool] = job.c.state == named[0] if len(named) == 1 else job.c.state.in_(named)
    return found


def unfinished(job: sa.FromClause) -> sa.ColumnElement[bool]:
    """Return the condition for jobs that wait or run."""
    return in_state(job, "queued", "running")


def succeeded(job: sa.FromClause) -> sa.ColumnElement[bool]:
    """Return the condition for jobs that have loaded rows."""
    return in_state(job, "loaded", "partial")
