"""Indexes by which nothing is looked through that grows with the ledger, or with what waits for other daemons.

Revision ID: 0013
"""

import sqlalchemy as sa
from alembic import op

from daemon.ledger.migrations.steps import job_table

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

UNFINISHED = "state IN ('queued','running')"


def upgrade() -> None:
    """Order what waits by spool; add what waits or runs by dataset and by age, and what somebody wants ended."""
    table, schema, prefix = job_table()
    op.drop_index(f"{prefix}job_waiting", table, schema=schema)
    for name, columns, condition in (
        ("job_waiting", ["spool_id", "run_at", "id"], "state = 'queued'"),
        # In words that a claim has not, or the planner would look for its jobs among all of a dataset's.
        ("job_unfinished", ["dataset", "id"], f"{UNFINISHED} AND NOT check_only"),
        ("job_unfinished_since", ["created_at"], UNFINISHED),
        ("job_unwanted", ["id"], f"{UNFINISHED} AND cancelled_by IS NOT NULL"),
    ):
        where = sa.text(condition)
        op.create_index(f"{prefix}{name}", table, columns, schema=schema, postgresql_where=where, sqlite_where=where)
