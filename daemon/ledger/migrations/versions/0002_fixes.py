"""A submission may be the corrected rows of an earlier job.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the job that a job fixes."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    table, schema = ("job", "headgate") if on_postgresql else ("headgate_job", None)
    op.add_column(table, sa.Column("fixes_job", sa.BigInteger), schema=schema)
