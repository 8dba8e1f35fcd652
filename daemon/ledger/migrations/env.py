"""Alembic's entry: runs the migrations on the connection that the ledger hands over."""

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.schema import CreateSchema

connection: Connection = context.config.attributes["connection"]
on_postgresql = connection.dialect.name == "postgresql"
if on_postgresql:
    connection.execute(CreateSchema("headgate", if_not_exists=True))
context.configure(
    connection=connection,
    version_table="alembic_version" if on_postgresql else "headgate_alembic_version",
    version_table_schema="headgate" if on_postgresql else None,
    transactional_ddl=False,  # the caller's transaction holds the whole upgrade
)
context.run_migrations()
