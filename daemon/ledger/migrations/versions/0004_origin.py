"""Which file of a watched folder a job is, so that a restart neither hashes it again nor forgets to move it.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the file's path and its stamp (inode, size, time of change)."""
    schema = "headgate" if op.get_bind().dialect.name == "postgresql" else None
    table, prefix = ("job", "") if schema else ("headgate_job", "headgate_")
    for name in ("origin", "origin_stamp"):
        op.add_column(table, sa.Column(name, sa.Text), schema=schema)
    where = sa.text("origin IS NOT NULL")
    op.create_index(f"{prefix}job_origin", table, ["origin"], schema=schema, postgresql_where=where, sqlite_where=where)
