"""What was loaded is known for ever, also when its job is kept no longer; the kept files, newest first.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the memory of loaded contents and the indexes by which jobs and files are let go."""
    schema = "headgate" if op.get_bind().dialect.name == "postgresql" else None
    table, prefix = ("job", "") if schema else ("headgate_job", "headgate_")
    op.create_table(
        f"{prefix}loaded_content",
        sa.Column("dataset", sa.Text, primary_key=True),
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("spec_version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("job_id", sa.BigInteger, nullable=False),
        schema=schema,
    )
    job = sa.table(table, sa.column("state"), sa.column("rows_rejected"), sa.column("spool_key"), schema=schema)
    gone = job.c.state.in_(("loaded", "duplicate")) | (
        job.c.state.in_(("partial", "rejected")) & (job.c.rows_rejected == 0)
    )
    op.execute(job.update().where(gone).values(spool_key=None))
    for name, columns, condition in (
        ("job_kept", ["spool_id", "finished_at"], "spool_key IS NOT NULL"),
        ("job_finished", ["finished_at"], "finished_at IS NOT NULL"),
    ):
        where = sa.text(condition)
        op.create_index(f"{prefix}{name}", table, columns, schema=schema, postgresql_where=where, sqlite_where=where)
