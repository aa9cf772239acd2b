"""The update of an existing database's tables."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from app.core.database import Database
from app.core.passwords import Passwords
from app.core.security import refresh_token_hash
from app.models import Base

from .conftest import MakeWorld
from .support import PASSWORD, make_settings

DATA = Path(__file__).parent / "data"
TOKEN = "A" * 43
SID = "B" * 22


def _make_tables_before_migrations(database: Database) -> None:
    statements = (DATA / f"before_migrations.{database.engine.dialect.name}.sql").read_text()
    with database.write() as db:
        for statement in statements.split(";"):
            if statement.strip():
                db.connection().exec_driver_sql(statement)


def _add_session(database: Database, password_hash: str) -> None:
    now = int(time.time())
    values: dict[str, object] = {"hash": password_hash, "now": now, "later": now + 1000}
    values |= {"sid": SID, "token": refresh_token_hash(TOKEN)}
    with database.write() as db:
        for table, columns in {
            "users (name, password_hash, created_at)": "'demo', :hash, :now",
            "families (sid, user_name, created_at, absolute_expires_at)": (
                ":sid, 'demo', :now, :later"
            ),
            "refresh_tokens (hash, sid, created_at, expires_at)": ":token, :sid, :now, :later",
        }.items():
            db.execute(text(f"INSERT INTO {table} VALUES ({columns})"), values)  # noqa: S608


@pytest.mark.parametrize("missing", [None, "device"])
def test_a_database_of_the_time_before_migrations_is_updated_and_its_sessions_live_on(
    make_world: MakeWorld, database_url: str, missing: str | None
) -> None:
    settings = make_settings(database_url)
    with closing(Database(settings.url)) as database:
        _make_tables_before_migrations(database)
        if missing is not None:
            # The version before sessions had a device.
            with database.write() as db:
                db.connection().exec_driver_sql(f"ALTER TABLE families DROP COLUMN {missing}")
        _add_session(database, Passwords(settings).hash(PASSWORD))
    after = make_world()
    assert after.rotated(TOKEN)["sid"] == SID
    new = after.tokens(device="New")
    devices = {found["sid"]: found["device"] for found in after.sessions(new["access_token"])}
    assert devices == {SID: None, new["sid"]: "New"}


def test_an_updated_database_and_a_new_one_have_the_tables_of_the_models(
    database_url: str,
) -> None:
    with closing(Database(make_settings(database_url).url)) as database:
        for before_migrations in (False, True):
            with database.write() as db:
                for table in (*reversed(Base.metadata.sorted_tables), "alembic_version"):
                    db.connection().exec_driver_sql(f"DROP TABLE IF EXISTS {table}")
            if before_migrations:
                _make_tables_before_migrations(database)
            database.create_schema()
            with database.read() as db:
                context = MigrationContext.configure(db.connection())
                assert compare_metadata(context, Base.metadata) == []


def test_the_tables_of_a_later_version_are_left_alone(database_url: str) -> None:
    with closing(Database(make_settings(database_url).url)) as database:
        database.create_schema()
        with database.write() as db:
            db.connection().exec_driver_sql("UPDATE alembic_version SET version_num = 'later'")
            db.connection().exec_driver_sql("ALTER TABLE users ADD COLUMN later INTEGER")
        database.create_schema()
        columns = {column["name"] for column in inspect(database.engine).get_columns("users")}
    assert "later" in columns


def test_servers_that_start_together_agree_on_the_tables(database_url: str) -> None:
    url = make_settings(database_url).url

    def start(_: int) -> None:
        with closing(Database(url)) as database:
            database.create_schema()

    with closing(Database(url)) as database:
        _make_tables_before_migrations(database)
        with database.write() as db:
            db.connection().exec_driver_sql("ALTER TABLE families DROP COLUMN device")
        with ThreadPoolExecutor(8) as pool:
            # list() raises the error of a start that failed.
            list(pool.map(start, range(8)))
        columns = [column["name"] for column in inspect(database.engine).get_columns("families")]
    assert columns.count("device") == 1
