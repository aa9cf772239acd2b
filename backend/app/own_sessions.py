"""Lists a user's own sessions, and lets the user end them (ASVS 7.5.2)."""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, select

from .config import Settings
from .database import Database
from .families import EndReason, end_families
from .models import Family, RefreshToken
from .sessions import Clock, SignedIn
from .tokens import is_sid


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

    def all(self, user: SignedIn) -> list[OwnSession]:
        """Every session that has an accepted token, the last used session first."""
        with self._database.read() as db:
            rows = db.execute(
                self._live(user)
                .with_only_columns(
                    Family.sid, Family.created_at, RefreshToken.created_at, Family.device
                )
                .order_by(RefreshToken.created_at.desc(), Family.created_at.desc(), Family.sid)
            )
            return [OwnSession._make(row) for row in rows]

    def end(self, user: SignedIn, sid: str) -> bool:
        """End one session; False if the user has no such live session.

        The result does not tell whether another user has that session.
        """
        # Do not look up a text that cannot be a sid, because PostgreSQL fails on a NUL.
        return is_sid(sid) and self._end(user, Family.sid == sid) == 1

    def end_others(self, user: SignedIn) -> int:
        """End every session except the calling one, and return their number."""
        return self._end(user, Family.sid != user.sid)

    def _end(self, user: SignedIn, which: ColumnElement[bool]) -> int:
        with self._database.write() as db:
            live = Family.sid.in_(self._live(user))
            return end_families(db, EndReason.REVOKED, self._clock(), live, which)

    def _live(self, user: SignedIn) -> Select[str]:
        now = self._clock()
        return (
            select(Family.sid)
            # Join the current token, which is the family's only unspent one.
            .join(RefreshToken, RefreshToken.sid == Family.sid)
            .where(
                Family.user_name == user.name,
                Family.ended_at.is_(None),
                Family.absolute_expires_at > now,
                RefreshToken.spent_at.is_(None),
                RefreshToken.expires_at > now - self._tail_seconds,
            )
        )
