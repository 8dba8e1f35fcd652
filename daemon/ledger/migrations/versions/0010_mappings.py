"""What people have said that the columns and values of files mean, by dataset and titles.

Revision ID: 0010
"""

import sqlalchemy as sa
from alembic import op

from daemon.ledger.migrations.steps import job_table

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    _, schema, prefix = job_table()
    op.create_table(
        f"{prefix}mapping",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("titles_digest", sa.Text, nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
        sa.Column("made_by", sa.Text),
        sa.Column("made_at", sa.Double, nullable=False),
        sa.UniqueConstraint("dataset", "titles_digest"),
        schema=schema,
    )
