"""Brings the tables up to date with Alembic, inside one transaction."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection


def upgrade(connection: Connection) -> None:
    """Apply the missing migrations.

    A version that this server does not know comes from a later server. Migrations only add, so this
    server works with its tables.
    """
    config = Config()
    config.set_main_option("script_location", "app:migrations")
    scripts = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and not _is_older(scripts, current):
        return
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _is_older(scripts: ScriptDirectory, revision: str) -> bool:
    try:
        scripts.get_revision(revision)
    except CommandError:
        return False
    return revision != scripts.get_current_head()
