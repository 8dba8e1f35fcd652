"""How many looks at a source have failed in a row, whichever daemons made them; none is known of before one has ended.

Revision ID: 0014
"""

import sqlalchemy as sa
from alembic import op

from daemon.ledger.migrations.steps import job_table

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the count."""
    _, schema, prefix = job_table()
    op.add_column(f"{prefix}source", sa.Column("failures", sa.Integer), schema=schema)
