"""Rows that the database left out by a trigger, a rule or a view are counted by themselves.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the count."""
    schema = "headgate" if op.get_bind().dialect.name == "postgresql" else None
    column = sa.Column("rows_skipped", sa.BigInteger, nullable=False, server_default="0")
    op.add_column("job" if schema else "headgate_job", column, schema=schema)
