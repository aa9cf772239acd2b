"""Rates, counted in the database so that all workers count together."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import case, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ..models import Counter


class Limit(NamedTuple):
    """``burst`` at once, and one more every ``seconds``."""

    burst: int
    seconds: int

    def wait(self, until: int, now: int) -> int:
        """The seconds until one more is allowed; 0 if it is now."""
        return max(0, max(until, now) + self.seconds - self.burst * self.seconds - now)


def key(kind: str, *parts: str) -> bytes:
    """The key of a counter. Its parts may hold anything, half a surrogate pair too."""
    text = "\0".join((kind, *parts))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def read(db: Session, keys: Iterable[bytes]) -> dict[bytes, int]:
    """The counters that are not as if nothing had happened."""
    rows = db.execute(select(Counter.key, Counter.until).where(Counter.key.in_(list(keys))))
    return {row.key: row.until for row in rows}


def add(db: Session, counted: bytes, limit: Limit, now: int) -> None:
    """Count one, also beyond the limit: what is too much is paid back by a longer wait."""
    start = case((Counter.until > now, Counter.until), else_=now)
    _put(db, counted, now + limit.seconds, start + limit.seconds)


def mark(db: Session, counted: bytes, until: int) -> None:
    """Remember the key until then."""
    _put(db, counted, until, until)


def _put(db: Session, counted: bytes, first: int, next_: object) -> None:
    # Both dialects have the same clause, but no common class has it.
    dialect = sqlite if db.connection().dialect.name == "sqlite" else postgresql
    insert = dialect.insert(Counter).values(key=counted, until=first)
    db.execute(insert.on_conflict_do_update(index_elements=[Counter.key], set_={"until": next_}))
