"""Which rejected rows were loaded when they came back corrected: in parts, or once more, they are not loaded again.

Revision ID: 0016
"""

import sqlalchemy as sa
from alembic import op

from daemon.ledger.migrations.steps import job_table

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table. A job that goes takes its rows along, as it does its events."""
    jobs, schema, prefix = job_table()
    job = f"{schema}.{jobs}.id" if schema else f"{jobs}.id"
    op.create_table(
        f"{prefix}corrected_row",
        sa.Column(
            "job_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.ForeignKey(job, ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("loaded_by", sa.BigInteger, nullable=False),
        schema=schema,
    )
