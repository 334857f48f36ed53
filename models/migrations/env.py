"""What alembic runs around the migrations: they work in the transaction that `upgrade_schema` was called in."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
