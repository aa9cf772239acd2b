"""Fixtures. If AUTH_TEST_POSTGRES_URL is set, tests with a database run on PostgreSQL as well.

That database is emptied before each test, so it must hold nothing else.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.core.database import Database
from app.factory import create_app

from .documented import Documented
from .support import FakeClock, World, make_settings

POSTGRES_URL = os.environ.pop("AUTH_TEST_POSTGRES_URL", None)
DATABASES = ["sqlite"] if POSTGRES_URL is None else ["sqlite", "postgresql"]


@pytest.fixture(autouse=True)
def _no_inherited_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("AUTH_"):
            monkeypatch.delenv(name)


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'auth.db'}"
    assert POSTGRES_URL is not None
    with closing(Database(make_settings(POSTGRES_URL).url)) as database, database.write() as db:
        # Drop the whole schema and not only our tables, because a test may have renamed one.
        db.connection().exec_driver_sql("DROP SCHEMA public CASCADE")
        db.connection().exec_driver_sql("CREATE SCHEMA public")
    return POSTGRES_URL


MakeWorld = Callable[..., World]


@pytest.fixture
def make_world(database_url: str) -> Iterator[MakeWorld]:
    """Builds a server with changed settings. All servers of one test share its database."""
    worlds: list[World] = []
    guards: list[Documented] = []

    def make(**changes: Any) -> World:
        settings = make_settings(database_url, **changes)
        clock = FakeClock(int(time.time()))
        app = create_app(settings, clock)
        guards.append(Documented(app))
        client = TestClient(guards[-1], raise_server_exceptions=False)
        client.__enter__()
        worlds.append(World(app, client, clock, settings))
        return worlds[-1]

    yield make
    for made in worlds:
        made.database.close()
        made.client.__exit__(None, None, None)
    assert [surprise for guard in guards for surprise in guard.surprises] == []


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    made = make_world()
    made.add_user("demo")
    return made
