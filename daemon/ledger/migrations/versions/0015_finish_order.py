"""Which load of a dataset was the last is known by a number: clocks are set, and jobs are kept no longer.

Revision ID: 0015
"""

import sqlalchemy as sa
from alembic import op

from daemon.ledger.migrations.steps import job_table

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

LOADED = "state IN ('loaded','partial')"


def upgrade() -> None:
    """Add the number, and let the last load be known by it.

    Only the last one of each dataset gets a number: what follows has higher ones, and in which order those before it
    were loaded nobody asks. Of a dataset whose loads are only remembered it is the youngest job, as before.
    """
    table, schema, prefix = job_table()
    memory = f"{prefix}loaded_content"
    for name in (table, memory):
        column = sa.Column("finish_order", sa.BigInteger, nullable=False, server_default="0")
        op.add_column(name, column, schema=schema)
    where = sa.text(LOADED)
    # While the old index is there, which has the loads in this order.
    names = ("id", "dataset", "state", "finished_at", "finish_order")
    job = sa.table(table, *(sa.column(name) for name in names), schema=schema)
    place = sa.func.row_number().over(partition_by=job.c.dataset, order_by=(job.c.finished_at.desc(), job.c.id.desc()))
    placed = sa.select(job.c.id, place.label("place")).where(where).subquery()
    last = sa.select(placed.c.id).where(placed.c.place == 1)
    op.execute(job.update().where(job.c.id.in_(last)).values(finish_order=1))
    op.drop_index(f"{prefix}job_success", table, schema=schema)
    op.create_index(
        f"{prefix}job_success",
        table,
        ["dataset", "finish_order", "id"],
        schema=schema,
        postgresql_where=where,
        sqlite_where=where,
    )
    op.create_index(f"{prefix}loaded_content_last", memory, ["dataset", "finish_order", "job_id"], schema=schema)
