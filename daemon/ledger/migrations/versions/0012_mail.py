"""Messages of mailboxes: which were taken, which jobs came of them, and which replies are owed.

Revision ID: 0012
"""

import sqlalchemy as sa
from alembic import op

from daemon.ledger.migrations.steps import job_table

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the two tables."""
    table, schema, prefix = job_table()
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

    def names(other: str) -> str:
        return f"{schema}.{other}.id" if schema else f"{other}.id"

    op.create_table(
        f"{prefix}mail",
        sa.Column("id", key, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("uidvalidity", sa.BigInteger, nullable=False),
        sa.Column("uid", sa.BigInteger, nullable=False),
        sa.Column("message_id", sa.Text),
        sa.Column("reply_id", sa.Text, nullable=False, unique=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("taker", sa.Text),
        sa.Column("replier", sa.Text),
        sa.Column("spool_id", sa.Text),
        sa.Column("mailbox", sa.Text, nullable=False),
        sa.Column("letter", sa.JSON, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("first_try_at", sa.Double),
        sa.Column("reply_at", sa.Double),
        sa.CheckConstraint("state IN ('taking','owed','done')", name=f"{prefix}mail_state_check"),
        sa.UniqueConstraint("account", "folder", "uidvalidity", "uid"),
        schema=schema,
    )
    owed = sa.text("state = 'owed'")
    op.create_index(
        f"{prefix}mail_owed",
        f"{prefix}mail",
        ["spool_id", "reply_at"],
        schema=schema,
        postgresql_where=owed,
        sqlite_where=owed,
    )
    op.create_index(f"{prefix}mail_message", f"{prefix}mail", ["account", "message_id"], schema=schema)
    op.create_table(
        f"{prefix}mail_job",
        sa.Column(
            "mail_id",
            key,
            sa.ForeignKey(names(f"{prefix}mail"), ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column(
            "job_id", key, sa.ForeignKey(names(table), ondelete="CASCADE"), primary_key=True, autoincrement=False
        ),
        schema=schema,
    )
    op.create_index(f"{prefix}mail_job_job", f"{prefix}mail_job", ["job_id"], schema=schema)
