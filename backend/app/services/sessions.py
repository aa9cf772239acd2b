"""Sessions: their beginning at a login, their end at a logout, and who is signed in."""

from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..core.clock import Clock
from ..core.config import Settings
from ..core.database import Database
from ..core.errors import InvalidAccessTokenError
from ..core.events import Event, record
from ..core.sealing import seal
from ..core.security import (
    Claims,
    new_refresh_token,
    new_session_key,
    new_sid,
    refresh_token_hash,
)
from ..models import Family, RefreshToken, User
from .cookie_rotation import find_current_token, session_key_hash
from .families import EndReason, end_families, live_families
from .issuing import Issued, Issuer

# The most surplus sessions that one login ends. More exist only after the setting was lowered.
MAX_ENDED = 1000


@dataclass(frozen=True)
class SignedIn:
    """The user and the session of an access token.

    ``created_at`` is the user's time of creation, ``issued_at`` that of the token.
    """

    name: str
    sid: str
    created_at: int
    issued_at: int


class Sessions:
    def __init__(
        self, database: Database, issuer: Issuer, settings: Settings, clock: Clock
    ) -> None:
        self._database = database
        self._issuer = issuer
        self._absolute_seconds = settings.refresh_absolute_seconds
        self._most = settings.sessions_per_user
        self._clock = clock

    def open(
        self,
        name: str,
        verified_hash: str,
        device: str | None = None,
        *,
        in_cookie: bool = False,
    ) -> Issued | None:
        """Begin a session for a user whose password was just verified against ``verified_hash``.

        None if the user was disabled or the password was changed meanwhile. Verifying takes long
        enough for both.
        """
        now = self._clock()
        with self._database.write() as db:
            user = db.scalar(select(User).where(User.name == name).with_for_update())
            if user is None or user.disabled or user.password_hash != verified_hash:
                return None
            surplus = self._end_surplus(db, name, now)
            sid, token = new_sid(), new_refresh_token()
            session_key = new_session_key() if in_cookie else None
            absolute = now + self._absolute_seconds
            db.add(
                Family(
                    sid=sid,
                    user_name=name,
                    created_at=now,
                    absolute_expires_at=absolute,
                    device=device,
                    session_key_hash=session_key and session_key_hash(session_key),
                    sealed_current=session_key and seal(token, session_key, sid),
                )
            )
            # The family's row must exist before a token refers to it.
            db.flush()
            expires_at = self._issuer.add_token(db, token, sid, now, absolute)
            issued = self._issuer.issue(name, sid, token, now, expires_at, absolute)
        for ended in surplus:
            record(Event.SESSION_REVOKED, sid=ended, account=name)
        record(Event.LOGIN, sid=sid, account=name)
        return replace(issued, session_key=session_key)

    def _end_surplus(self, db: Session, name: str, now: int) -> list[str]:
        """End the sessions that were not used for the longest time, if one more is too many."""
        surplus = live_families(name, now).offset(self._most - 1).limit(MAX_ENDED)
        names = list(db.scalars(surplus))
        if not names:
            return []
        return end_families(db, EndReason.REVOKED, now, Family.sid.in_(names))

    def close(self, presented: str, sid: str | None = None) -> bool:
        """End the family of the token, even if the token is spent or expired.

        With ``sid``, end it only if the token is one of that session. An unknown token is no error
        (RFC 7009 section 2.2), because it is unusable anyway.

        Returns:
            Whether the token is one of this server's.
        """
        digest = refresh_token_hash(presented)
        if digest is None:
            return False
        with self._database.write() as db:
            found = db.scalar(select(RefreshToken.sid).where(RefreshToken.hash == digest))
            if found is None or sid not in {None, found}:
                return False
            ended = end_families(db, EndReason.LOGOUT, self._clock(), Family.sid == found)
        if ended:
            record(Event.LOGOUT, sid=found)
        return True

    def close_without_cookie(self, sid: str, session_key: str) -> None:
        """End a session whose cookie the browser did not send, if the key is the session's."""
        with self._database.write() as db:
            if find_current_token(db, sid, session_key) is None:
                return
            ended = end_families(db, EndReason.LOGOUT, self._clock(), Family.sid == sid)
        if ended:
            record(Event.LOGOUT, sid=sid)

    def signed_in(self, claims: Claims) -> SignedIn:
        """The user of an access token.

        The database is asked at each request, so that a logout takes effect at once and not when
        the token expires (ASVS 7.4.1).

        Raises:
            InvalidAccessTokenError: the session is over.
        """
        with self._database.read() as db:
            user = db.scalar(
                select(User)
                .join(Family, Family.user_name == User.name)
                .where(
                    Family.sid == claims.sid,
                    Family.ended_at.is_(None),
                    Family.absolute_expires_at > self._clock(),
                    User.name == claims.subject,
                    User.disabled.is_(False),
                )
            )
            if user is None:
                raise InvalidAccessTokenError
            return SignedIn(user.name, claims.sid, user.created_at, claims.issued_at)
