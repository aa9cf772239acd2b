"""The update of an existing database's tables."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from sqlalchemy import inspect

from app.database import Database

from .conftest import MakeWorld
from .support import make_settings


def _forget_devices(database: Database) -> None:
    """Turn the tables into those of the version before sessions had a device."""
    with database.write() as db:
        db.connection().exec_driver_sql("ALTER TABLE families DROP COLUMN device")


def test_a_database_of_an_earlier_version_is_brought_up_to_date_and_its_sessions_live_on(
    make_world: MakeWorld,
) -> None:
    before = make_world()
    before.add_user("demo")
    session = before.tokens()
    _forget_devices(before.database)
    after = make_world()
    assert after.protected(session["access_token"]).status_code == 200
    assert after.rotated(session["refresh_token"])["sid"] == session["sid"]
    new = after.tokens(device="New")
    devices = {found["sid"]: found["device"] for found in after.sessions(new["access_token"])}
    assert devices == {session["sid"]: None, new["sid"]: "New"}


def test_servers_that_start_together_agree_on_the_tables(database_url: str) -> None:
    url = make_settings(database_url).url

    def start(_: int) -> None:
        with closing(Database(url)) as database:
            database.create_schema()

    start(0)
    with closing(Database(url)) as database:
        _forget_devices(database)
        with ThreadPoolExecutor(8) as pool:
            # list() raises the error of a start that failed.
            list(pool.map(start, range(8)))
        columns = [column["name"] for column in inspect(database.engine).get_columns("families")]
    assert columns.count("device") == 1
