"""Lists a user's own sessions, and lets the user end them (ASVS 7.5.2)."""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Select

from ..core.clock import Clock
from ..core.config import Settings
from ..core.database import Database
from ..core.errors import NoSuchSessionError
from ..core.events import Event, record
from ..core.security import is_sid
from ..models import Family, RefreshToken
from .families import EndReason, end_families, live_families
from .sessions import SignedIn


class OwnSession(NamedTuple):
    sid: str
    created_at: int
    # The time of the login or of the last refresh. Recording every request would make each of
    # them wait for the database's lock.
    last_used_at: int
    device: str | None


class OwnSessions:
    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        # How long an access token may still be accepted after the refresh token has expired.
        self._tail_seconds = settings.access_token_seconds + settings.leeway_seconds

    def page(self, user: SignedIn, limit: int, offset: int = 0) -> list[OwnSession]:
        """Sessions that have an accepted token, the last used session first."""
        with self._database.read() as db:
            rows = db.execute(
                self._live(user)
                .with_only_columns(
                    Family.sid, Family.created_at, RefreshToken.created_at, Family.device
                )
                .limit(limit)
                .offset(offset)
            )
            return [OwnSession._make(row) for row in rows]

    def end(self, user: SignedIn, sid: str) -> None:
        """End one session.

        Raises:
            NoSuchSessionError: the user has no such live session. The error does not tell whether
                another user has it.
        """
        # Do not look up a text that cannot be a sid, because PostgreSQL fails on a NUL.
        if not is_sid(sid) or not self._end(user, Family.sid == sid):
            raise NoSuchSessionError

    def end_others(self, user: SignedIn) -> int:
        """End every session except the calling one, and return their number."""
        return self._end(user, Family.sid != user.sid)

    def _end(self, user: SignedIn, which: ColumnElement[bool]) -> int:
        with self._database.write() as db:
            live = Family.sid.in_(self._live(user).order_by(None))
            ended = end_families(db, EndReason.REVOKED, self._clock(), live, which)
        for sid in ended:
            record(Event.SESSION_REVOKED, sid=sid, account=user.name)
        return len(ended)

    def _live(self, user: SignedIn) -> Select[str]:
        return live_families(user.name, self._clock(), self._tail_seconds)
