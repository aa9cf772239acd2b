"""Alembic's entry: uses the server's own connection, else one from the settings."""

from contextlib import closing

from alembic import context
from sqlalchemy import Connection

from app.core.config import load_settings
from app.core.database import Database
from app.models import Base


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    # The command line: ``alembic upgrade head``, ``alembic check``.
    with closing(Database(load_settings().url)) as database, database.write() as db:
        run(db.connection())
