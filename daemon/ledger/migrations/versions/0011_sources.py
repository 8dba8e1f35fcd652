"""Which daemon looks at a source of files that several of them share.

Revision ID: 0011
"""

import sqlalchemy as sa
from alembic import op

from daemon.ledger.migrations.steps import job_table

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    _, schema, prefix = job_table()
    op.create_table(
        f"{prefix}source",
        sa.Column("origin", sa.Text, primary_key=True),
        sa.Column("daemon", sa.Text, nullable=False),
        sa.Column("held_until", sa.Double, nullable=False),
        schema=schema,
    )
