"""Jobs with leases, their events and error records, the daemons that hold leases, the ledger's identity.

Revision ID: 0001
"""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATES = "'queued','running','loaded','partial','rejected','duplicate','dead','cancelled'"
ROWS = ("read", "inserted", "updated", "unchanged", "duplicate", "rejected", "blank", "footer")
Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables; on SQLite, which has no schemas, their names carry the prefix `headgate_`."""
    schema = "headgate" if op.get_bind().dialect.name == "postgresql" else None
    prefix = "" if schema else "headgate_"
    ledger = op.create_table(f"{prefix}ledger", sa.Column("id", sa.Text, primary_key=True), schema=schema)
    op.bulk_insert(ledger, [{"id": uuid4().hex}])
    op.create_table(
        f"{prefix}daemon",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("spool_id", sa.Text, nullable=False),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.Column("beat_at", sa.Double, nullable=False),
        schema=schema,
    )
    op.create_table(
        f"{prefix}job",
        sa.Column("id", Key, sa.Identity(), primary_key=True),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("spec_version", sa.Integer, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("spool_id", sa.Text),
        sa.Column("spool_key", sa.Text),
        sa.Column("state", sa.Text, sa.CheckConstraint(f"state IN ({STATES})"), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("crashes", sa.Integer, nullable=False),
        sa.Column("lost_leases", sa.Integer, nullable=False),
        sa.Column("run_at", sa.Double, nullable=False),
        sa.Column("lease_token", sa.Text),
        sa.Column("lease_daemon", sa.Text),
        sa.Column("first_job", Key),
        *(sa.Column(f"rows_{name}", sa.BigInteger, nullable=False) for name in ROWS),
        sa.Column("errors_total", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.JSON, nullable=False),
        sa.Column("cpu_seconds", sa.Double),
        sa.Column("peak_rss_bytes", sa.BigInteger),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("started_at", sa.Double),
        sa.Column("finished_at", sa.Double),
        schema=schema,
        sqlite_autoincrement=True,  # a job's number is never given twice
    )
    op.create_index(
        "job_identity" if schema else "headgate_job_identity",
        f"{prefix}job",
        ["dataset", "sha256", "spec_version"],
        unique=True,
        schema=schema,
        postgresql_where=sa.text("state NOT IN ('duplicate','dead','cancelled')"),
        sqlite_where=sa.text("state NOT IN ('duplicate','dead','cancelled')"),
    )
    op.create_index(
        "job_waiting" if schema else "headgate_job_waiting",
        f"{prefix}job",
        ["run_at", "id"],
        schema=schema,
        postgresql_where=sa.text("state = 'queued'"),
        sqlite_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "job_leased" if schema else "headgate_job_leased",
        f"{prefix}job",
        ["lease_daemon"],
        schema=schema,
        postgresql_where=sa.text("state = 'running'"),
        sqlite_where=sa.text("state = 'running'"),
    )
    op.create_index("job_state" if schema else "headgate_job_state", f"{prefix}job", ["state", "id"], schema=schema)
    job_id = f"{schema}.job.id" if schema else "headgate_job.id"
    op.create_table(
        f"{prefix}event",
        sa.Column("id", Key, sa.Identity(), primary_key=True),
        sa.Column("job_id", Key, sa.ForeignKey(job_id, ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("daemon", sa.Text),
        sa.Column("detail", sa.Text),
        schema=schema,
        sqlite_autoincrement=True,
    )
    op.create_table(
        f"{prefix}reject",
        sa.Column("job_id", Key, sa.ForeignKey(job_id, ondelete="CASCADE"), primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("record", sa.JSON, nullable=False),
        schema=schema,
    )


def downgrade() -> None:
    """Refuse: a ledger that forgets its jobs would load their files a second time."""
    message = "the ledger is not downgraded; restore a backup from before the upgrade"
    raise RuntimeError(message)
