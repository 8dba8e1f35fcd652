"""A job may have to wait for another one's end; only jobs that need not are alone with their content.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op

from daemon.ledger.migrations.steps import job_table, let_be_alone

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, and make the index of unfinished contents anew."""
    table, schema, _ = job_table()
    op.add_column(table, sa.Column("after_job", sa.BigInteger), schema=schema)
    let_be_alone("state IN ('queued','running') AND after_job IS NULL")
