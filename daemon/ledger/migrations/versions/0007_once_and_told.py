"""Contents may be loaded again after others; ends that are owed to a sender; files that were taken; two more states.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OLD_STATES = "'queued','running','loaded','partial','rejected','duplicate','dead','cancelled'"
NEW_STATES = f"{OLD_STATES},'superseded','dismissed'"


def upgrade() -> None:
    """Add the columns, the table and the states; only jobs that have not ended are alone with their content."""
    schema = "headgate" if op.get_bind().dialect.name == "postgresql" else None
    table, prefix = ("job", "") if schema else ("headgate_job", "headgate_")
    repeats = sa.Column("repeats", sa.Text, nullable=False, server_default="once")
    for column in (repeats, sa.Column("owed", sa.Boolean)):
        op.add_column(table, column, schema=schema)
    op.create_table(
        f"{prefix}taken_file",
        sa.Column("origin", sa.Text, primary_key=True),
        sa.Column("origin_stamp", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("job_id", sa.BigInteger, nullable=False),
        schema=schema,
    )
    content = ["dataset", "sha256", "spec_version"]
    op.drop_index(f"{prefix}job_identity", table, schema=schema)
    for name, columns, unique, condition in (
        ("job_identity", content, True, "state IN ('queued','running')"),
        ("job_content", content, False, "state IN ('loaded','partial')"),
        ("job_owed", ["id"], False, "owed"),
    ):
        where = sa.text(condition)
        op.create_index(
            f"{prefix}{name}",
            table,
            columns,
            unique=unique,
            schema=schema,
            postgresql_where=where,
            sqlite_where=where,
        )
    _allow_states(table, schema)


def _allow_states(table: str, schema: str | None) -> None:
    if schema:
        op.drop_constraint("job_state_check", table, schema=schema)
        op.create_check_constraint("job_state_check", table, f"state IN ({NEW_STATES})", schema=schema)
        return
    # SQLite can change a constraint by the text of its table only; to make the table anew would, with foreign keys
    # on, take all events along (https://sqlite.org/lang_altertable.html, "Making Other Kinds Of Table Schema Changes").
    version = op.get_bind().exec_driver_sql("PRAGMA schema_version").scalar_one()
    op.execute("PRAGMA writable_schema = ON")
    change = "UPDATE sqlite_schema SET sql = replace(sql, :old, :new) WHERE type = 'table' AND name = :name"
    op.execute(sa.text(change).bindparams(old=OLD_STATES, new=NEW_STATES, name=table))
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = OFF")
