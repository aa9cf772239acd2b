"""Waiting for the database: fair on SQLite, bounded on PostgreSQL."""

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.core import database as module
from app.core.database import Database, is_contention
from app.core.fair_lock import FairLock

from .support import make_settings


def test_the_lock_is_given_in_the_order_of_arrival() -> None:
    lock = FairLock()
    order: list[int] = []
    arrived = threading.Semaphore(0)

    def wait(number: int) -> None:
        arrived.release()
        with lock.turn(20):
            order.append(number)

    with ThreadPoolExecutor(20) as pool, lock.turn(20):
        for number in range(20):
            pool.submit(wait, number)
            arrived.acquire()
            while len(lock._waiting) <= number:
                time.sleep(0.001)
    assert order == list(range(20))


def test_one_who_has_just_released_the_lock_does_not_overtake() -> None:
    lock = FairLock()
    turns = {"greedy": 0, "modest": 0}
    stop = threading.Event()

    def take(name: str) -> None:
        while not stop.is_set():
            with lock.turn(20):
                turns[name] += 1
                time.sleep(0.001)

    with ThreadPoolExecutor(2) as pool:
        for name in turns:
            pool.submit(take, name)
        while sum(turns.values()) < 100:
            time.sleep(0.01)
        stop.set()
    assert abs(turns["greedy"] - turns["modest"]) < 20


def test_who_waits_too_long_gives_up_and_blocks_nobody() -> None:
    lock = FairLock()
    with lock.turn(20), pytest.raises(TimeoutError), lock.turn(0.01):
        pass
    with lock.turn(0):
        pass


def test_a_writer_that_waits_too_long_is_a_503(tmp_path: Path) -> None:
    url = make_settings(f"sqlite:///{tmp_path / 'auth.db'}").url
    with (
        closing(Database(url, lock_wait=0.05)) as database,
        database.write(),
        pytest.raises(PoolTimeoutError) as error,
        database.write(),
    ):
        pass
    assert is_contention(error.value)


def test_a_hanging_statement_of_postgresql_ends(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not database_url.startswith("postgresql"):
        pytest.skip("SQLite has no server that could hang")
    monkeypatch.setattr(module, "STATEMENT_SECONDS", 1)
    with closing(Database(make_settings(database_url).url)) as database:
        started = time.monotonic()
        with pytest.raises(OperationalError) as error, database.read() as db:
            db.connection().exec_driver_sql("SELECT pg_sleep(60)")
        assert time.monotonic() - started < 20
        assert is_contention(error.value)
        with database.read() as db:
            settings = {
                name: db.connection().exec_driver_sql(f"SHOW {name}").scalar()
                for name in ("lock_timeout", "idle_in_transaction_session_timeout")
            }
    assert settings == {"lock_timeout": "5s", "idle_in_transaction_session_timeout": "1s"}


def test_sqlite_is_durable_and_checks_references(tmp_path: object) -> None:
    database = Database(make_settings(f"sqlite:///{tmp_path}/auth.db").url)
    with database.read() as db:
        connection = db.connection()
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }
    database.close()
    assert pragmas == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "synchronous": 2,
        "busy_timeout": 5000,
    }


def test_a_write_transaction_locks_from_its_start(tmp_path: object) -> None:
    path = f"{tmp_path}/auth.db"
    database = Database(make_settings(f"sqlite:///{path}").url)
    other = sqlite3.connect(path, timeout=0, isolation_level=None)
    with database.write() as db:
        db.connection()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    other.close()
    database.close()
