"""Rows that the database left out are counted by themselves; what its tables refused may be handed in again.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the count and the mark, and let marked jobs share their content with later ones."""
    schema = "headgate" if op.get_bind().dialect.name == "postgresql" else None
    table, identity = ("job", "job_identity") if schema else ("headgate_job", "headgate_job_identity")
    op.add_column(table, sa.Column("rows_skipped", sa.BigInteger, nullable=False, server_default="0"), schema=schema)
    mark = sa.Column("table_refused", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column(table, mark, schema=schema)
    op.drop_index(identity, table, schema=schema)
    condition = sa.text("state NOT IN ('duplicate','dead','cancelled') AND NOT table_refused")
    op.create_index(
        identity,
        table,
        ["dataset", "sha256", "spec_version"],
        unique=True,
        schema=schema,
        postgresql_where=condition,
        sqlite_where=condition,
    )
