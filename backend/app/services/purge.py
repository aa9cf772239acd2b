"""Deletes what nobody asks for any more, in portions and outside of requests."""

import logging
from collections.abc import Callable

import anyio
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from ..core.clock import Clock
from ..core.database import Database
from ..models import Counter, Family, RefreshToken
from . import counters
from .counters import Limit, key

logger = logging.getLogger("app.purge")

# How long an expired family is kept, so that a late client is told "expired".
KEEP_EXPIRED_SECONDS = 7 * 86_400
# One portion holds the write lock for some milliseconds. Between portions others get their turn.
PORTION = 500
PAUSE_SECONDS = 0.05
# A server that has just started has more urgent work.
FIRST_SECONDS = 60
# One worker purges in this time, whichever comes first.
EVERY = Limit(burst=1, seconds=600)
TURN = key("purge")


class Purge:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def run(self) -> None:
        """Purge again and again, until it is cancelled."""
        await anyio.sleep(FIRST_SECONDS)
        while True:
            try:
                more = await run_in_threadpool(self.take_turn)
                while more:
                    more = await run_in_threadpool(self.delete_portion)
                    await anyio.sleep(PAUSE_SECONDS)
            except SQLAlchemyError as error:
                # The database is busy or gone. The requests say so; the purge tries again.
                logger.warning("The purge was put off: %s", type(error).__name__)
            await anyio.sleep(EVERY.seconds)

    def take_turn(self) -> bool:
        """Whether no other worker has purged lately."""
        now = self._clock()
        with self._database.write() as db:
            if EVERY.wait(counters.read(db, [TURN]).get(TURN, now), now):
                return False
            counters.add(db, TURN, EVERY, now)
            return True

    def delete_portion(self) -> bool:
        """Delete some rows, and say whether there may be more."""
        with self._database.write() as db:
            return any(step(db, self._clock()) for step in STEPS)


def _tokens(db: Session, now: int) -> bool:
    # The tokens first: the deletion of a family would take all of its tokens at once with it.
    old = (
        select(RefreshToken.hash)
        .join(Family, Family.sid == RefreshToken.sid)
        .where(Family.absolute_expires_at <= now - KEEP_EXPIRED_SECONDS)
        .limit(PORTION)
    )
    deleted = db.scalars(
        delete(RefreshToken).where(RefreshToken.hash.in_(old)).returning(RefreshToken.hash)
    )
    return len(deleted.all()) > 0


def _families(db: Session, now: int) -> bool:
    old = (
        select(Family.sid)
        .where(Family.absolute_expires_at <= now - KEEP_EXPIRED_SECONDS)
        .limit(PORTION)
    )
    deleted = db.scalars(delete(Family).where(Family.sid.in_(old)).returning(Family.sid))
    return len(deleted.all()) > 0


def _counters(db: Session, now: int) -> bool:
    old = select(Counter.key).where(Counter.until <= now).limit(PORTION)
    deleted = db.scalars(delete(Counter).where(Counter.key.in_(old)).returning(Counter.key))
    return len(deleted.all()) > 0


STEPS: tuple[Callable[[Session, int], bool], ...] = (_tokens, _families, _counters)
