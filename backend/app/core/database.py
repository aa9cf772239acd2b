"""The database engine, with read and write transactions."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlalchemy import Connection, create_engine, event, func, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from .config import sqlite_path
from .fair_lock import FairLock
from .migrate import upgrade

# How long a request waits for another request's lock before the server answers 503.
LOCK_WAIT_SECONDS = 5
# The number of the PostgreSQL advisory lock that guards changes of the schema.
SCHEMA_LOCK = 0x79657761757468
# PostgreSQL: longer than any statement of this server takes, and shorter than a proxy waits.
STATEMENT_SECONDS = 10
# How long the server may be unreachable before a connection counts as lost.
TCP_USER_TIMEOUT_MS = 10_000
# Primary result codes. Extended codes (SQLITE_BUSY_SNAPSHOT, …) hold them in their low byte.
SQLITE_CONTENTION = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class Database:
    """Opens transactions. Each commits or rolls back at the end of its ``with`` block."""

    def __init__(self, url: URL, *, lock_wait: float = LOCK_WAIT_SECONDS) -> None:
        path = sqlite_path(url)
        if path is not None:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.engine = create_engine(
            url,
            # Otherwise an exception's text would write hashes and names into the log.
            hide_parameters=True,
            pool_timeout=lock_wait,
            pool_size=10,
            pool_pre_ping=path is None,
            connect_args=_connect_args(url, lock_wait),
        )
        if path is not None:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        self._lock_wait = lock_wait
        self._writers = FairLock() if path is not None else None
        self._writer = self.engine.execution_options(write_intent=True)

    def create_schema(self) -> None:
        """Create the tables, or bring those of an earlier version up to date."""
        with self._writer.begin() as connection:
            if connection.dialect.name == "postgresql":
                # Servers that start together change the schema one at a time. SQLite needs no
                # such lock, because it allows one writer at a time.
                connection.execute(select(func.pg_advisory_xact_lock(SCHEMA_LOCK)))
            upgrade(connection)

    @contextmanager
    def read(self) -> Iterator[Session]:
        with Session(self.engine) as session, session.begin():
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        with ExitStack() as stack:
            if self._writers is not None:
                try:
                    stack.enter_context(self._writers.turn(self._lock_wait))
                except TimeoutError:
                    # What an exhausted pool raises, which the requests answer with a 503.
                    raise PoolTimeoutError from None
            session = stack.enter_context(Session(self._writer))
            with session.begin():
                yield session

    def close(self) -> None:
        self.engine.dispose()


def is_contention(error: Exception) -> bool:
    """Whether a repeated request can succeed: after a lock, a lost connection or a full pool."""
    if isinstance(error, PoolTimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        # The attribute is missing from errors that the sqlite3 module itself raises.
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in SQLITE_CONTENTION
    return isinstance(error, OperationalError)


def _connect_args(url: URL, lock_wait: float) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        # sqlite3 turns this into SQLite's busy_timeout.
        return {"timeout": lock_wait}
    return {
        "connect_timeout": LOCK_WAIT_SECONDS,
        # A database that is gone without a word is noticed while the server is idle, and while it
        # waits for an answer.
        "keepalives_idle": 30,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": TCP_USER_TIMEOUT_MS,
        "options": (
            f"-c lock_timeout={int(lock_wait * 1000)}"
            f" -c statement_timeout={STATEMENT_SECONDS * 1000}"
            f" -c idle_in_transaction_session_timeout={STATEMENT_SECONDS * 1000}"
        ),
    }


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # _begin_sqlite begins transactions, so the sqlite3 module must not.
    connection.isolation_level = None
    # In WAL mode a reader never waits for a writer. "synchronous" stays at FULL: with NORMAL a
    # power cut could undo a rotation whose answer the client already has.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # SQLite does not let a deferred transaction that has read wait for the write lock: it fails at
    # once, because what it read may be outdated. So a write transaction locks at its start.
    writes = connection.get_execution_options().get("write_intent", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
