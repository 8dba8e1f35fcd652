"""A job may have to wait for another one's end; only jobs that need not are alone with their content.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, and make the index of unfinished contents anew."""
    schema = "headgate" if op.get_bind().dialect.name == "postgresql" else None
    table, prefix = ("job", "") if schema else ("headgate_job", "headgate_")
    op.add_column(table, sa.Column("after_job", sa.BigInteger), schema=schema)
    op.drop_index(f"{prefix}job_identity", table, schema=schema)
    where = sa.text("state IN ('queued','running') AND after_job IS NULL")
    op.create_index(
        f"{prefix}job_identity",
        table,
        ["dataset", "sha256", "spec_version"],
        unique=True,
        schema=schema,
        postgresql_where=where,
        sqlite_where=where,
    )
