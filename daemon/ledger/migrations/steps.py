"""What several revisions change of the table of jobs: its states, and which jobs are alone with their content."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def job_table() -> tuple[str, str | None, str]:
    """Return the name of the table, its schema, and what the names of other tables and of indexes begin with."""
    if op.get_bind().dialect.name == "postgresql":
        return "job", "headgate", ""
    return "headgate_job", None, "headgate_"


def allow_states(old: str, new: str) -> None:
    """Let jobs have the states `new`, a list in SQL, in the place of exactly `old`."""
    table, schema, _ = job_table()
    if schema:
        op.drop_constraint("job_state_check", table, schema=schema)
        op.create_check_constraint("job_state_check", table, f"state IN ({new})", schema=schema)
        return
    # SQLite can change a constraint by the text of its table only; to make the table anew would, with foreign keys
    # on, take all events along (https://sqlite.org/lang_altertable.html, "Making Other Kinds Of Table Schema Changes").
    version = op.get_bind().exec_driver_sql("PRAGMA schema_version").scalar_one()
    op.execute("PRAGMA writable_schema = ON")
    change = "UPDATE sqlite_schema SET sql = replace(sql, :old, :new) WHERE type = 'table' AND name = :name"
    op.execute(sa.text(change).bindparams(old=old, new=new, name=table))
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = OFF")


def let_be_alone(condition: str) -> None:
    """Let only one job of each content be as the condition says, in the place of what was so before."""
    table, schema, prefix = job_table()
    where = sa.text(condition)
    op.drop_index(f"{prefix}job_identity", table, schema=schema)
    op.create_index(
        f"{prefix}job_identity",
        table,
        ["dataset", "sha256", "spec_version"],
        unique=True,
        schema=schema,
        postgresql_where=where,
        sqlite_where=where,
    )
