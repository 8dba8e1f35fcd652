"""Jobs that only check a file: what would become of it, its first rows as they would stand, and one more state.

Revision ID: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

OLD_STATES = "'queued','running','loaded','partial','rejected','duplicate','dead','cancelled','superseded','dismissed'"
NEW_STATES = f"{OLD_STATES},'checked'"


def upgrade() -> None:
    """Add the columns, the table and the state; a check is not alone with its content."""
    schema = "headgate" if op.get_bind().dialect.name == "postgresql" else None
    table, prefix = ("job", "") if schema else ("headgate_job", "headgate_")
    for column in (
        sa.Column("check_only", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("would_be", sa.Text),
        sa.Column("loaded_as", sa.BigInteger),
    ):
        op.add_column(table, column, schema=schema)
    job_id = f"{schema}.job.id" if schema else "headgate_job.id"
    op.create_table(
        f"{prefix}preview",
        sa.Column(
            "job_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.ForeignKey(job_id, ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("preview", sa.JSON, nullable=False),
        schema=schema,
    )
    op.drop_index(f"{prefix}job_identity", table, schema=schema)
    where = sa.text("state IN ('queued','running') AND after_job IS NULL AND NOT check_only")
    op.create_index(
        f"{prefix}job_identity",
        table,
        ["dataset", "sha256", "spec_version"],
        unique=True,
        schema=schema,
        postgresql_where=where,
        sqlite_where=where,
    )
    _allow_states(table, schema)


def _allow_states(table: str, schema: str | None) -> None:
    if schema:
        op.drop_constraint("job_state_check", table, schema=schema)
        op.create_check_constraint("job_state_check", table, f"state IN ({NEW_STATES})", schema=schema)
        return
    # By the text of the table, for the reasons that 0007 names.
    version = op.get_bind().exec_driver_sql("PRAGMA schema_version").scalar_one()
    op.execute("PRAGMA writable_schema = ON")
    change = "UPDATE sqlite_schema SET sql = replace(sql, :old, :new) WHERE type = 'table' AND name = :name"
    op.execute(sa.text(change).bindparams(old=OLD_STATES, new=NEW_STATES, name=table))
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = OFF")
