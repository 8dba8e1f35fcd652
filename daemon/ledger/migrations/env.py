"""Alembic's entry: runs the migrations on the connection that the ledger hands over."""

from alembic import context
from sqlalchemy import Connection, inspect
from sqlalchemy.schema import CreateSchema

connection: Connection = context.config.attributes["connection"]
on_postgresql = connection.dialect.name == "postgresql"
# IF NOT EXISTS asks for the right to create even where the schema is there.
if on_postgresql and not inspect(connection).has_schema("headgate"):
    connection.execute(CreateSchema("headgate"))
context.configure(
    connection=connection,
    version_table="alembic_version" if on_postgresql else "headgate_alembic_version",
    version_table_schema="headgate" if on_postgresql else None,
    transactional_ddl=False,  # the caller's transaction holds the whole upgrade
)
context.run_migrations()
