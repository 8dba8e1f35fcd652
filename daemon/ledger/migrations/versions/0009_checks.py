"""Jobs that only check a file: what would become of it, its first rows as they would stand, and one more state.

Revision ID: 0009
"""

import sqlalchemy as sa
from alembic import op

from daemon.ledger.migrations.steps import allow_states, job_table, let_be_alone

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

OLD_STATES = "'queued','running','loaded','partial','rejected','duplicate','dead','cancelled','superseded','dismissed'"
NEW_STATES = f"{OLD_STATES},'checked'"


def upgrade() -> None:
    """Add the columns, the table and the state; a check is not alone with its content."""
    table, schema, prefix = job_table()
    for column in (
        sa.Column("check_only", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("would_be", sa.Text),
        sa.Column("loaded_as", sa.BigInteger),
    ):
        op.add_column(table, column, schema=schema)
    job_id = f"{schema}.{table}.id" if schema else f"{table}.id"
    op.create_table(
        f"{prefix}preview",
        sa.Column(
            "job_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.ForeignKey(job_id, ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("preview", sa.JSON, nullable=False),
        schema=schema,
    )
    let_be_alone("state IN ('queued','running') AND after_job IS NULL AND NOT check_only")
    allow_states(OLD_STATES, NEW_STATES)
