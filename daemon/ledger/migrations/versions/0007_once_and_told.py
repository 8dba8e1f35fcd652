"""Contents may be loaded again after others; ends that are owed to a sender; files that were taken; two more states.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

from daemon.ledger.migrations.steps import allow_states, job_table, let_be_alone

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OLD_STATES = "'queued','running','loaded','partial','rejected','duplicate','dead','cancelled'"
NEW_STATES = f"{OLD_STATES},'superseded','dismissed'"


def upgrade() -> None:
    """Add the columns, the table and the states; only jobs that have not ended are alone with their content."""
    table, schema, prefix = job_table()
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
    let_be_alone("state IN ('queued','running')")
    for name, columns, condition in (
        ("job_content", ["dataset", "sha256", "spec_version"], "state IN ('loaded','partial')"),
        ("job_owed", ["id"], "owed"),
    ):
        where = sa.text(condition)
        op.create_index(f"{prefix}{name}", table, columns, schema=schema, postgresql_where=where, sqlite_where=where)
    allow_states(OLD_STATES, NEW_STATES)
