"""Who handed a job in and under which idempotency key, who asked for its end, and indexes for pages of filtered jobs.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the indexes; each index ends in the id, by which pages are cut."""
    schema = "headgate" if op.get_bind().dialect.name == "postgresql" else None
    table, prefix = ("job", "") if schema else ("headgate_job", "headgate_")
    for name in ("submitter", "idempotency_key", "cancelled_by"):
        op.add_column(table, sa.Column(name, sa.Text), schema=schema)
    op.create_index(f"{prefix}job_dataset", table, ["dataset", "id"], schema=schema)
    op.create_index(f"{prefix}job_dataset_state", table, ["dataset", "state", "id"], schema=schema)
    for name, columns, unique, condition in (
        ("job_submitter", ["submitter", "id"], False, "submitter IS NOT NULL"),
        ("job_idempotency", ["submitter", "idempotency_key"], True, "idempotency_key IS NOT NULL"),
        ("job_success", ["dataset", "finished_at"], False, "state IN ('loaded','partial')"),
        ("job_first", ["first_job"], False, "first_job IS NOT NULL"),
        ("job_fixes", ["fixes_job"], False, "fixes_job IS NOT NULL"),
    ):
        where = sa.text(condition)
        op.create_index(
            f"{prefix}{name}",
            table,
            columns,
            unique=unique,
            schema=schema,
            postgresql_where=where,
            sqlite_where=where,
        )
