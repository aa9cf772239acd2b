"""Rotation in cookie custody, where no script ever holds a refresh token.

A script cannot know which token the browser's jar holds: an answer may be lost before or after the
browser has stored its cookie. So an attempt is not named by its token but by the session and its
key, which the login made and which stays the same for the session's life:

======================================  =========================================================
what arrives                            answer
======================================  =========================================================
the current token, the session's key    spent; its successor
any older token, the session's key      the current token again, and a fresh access token
any token of the family, another key    theft: the family is revoked, logged
no token, a live session's key          the browser did not keep the cookie; nothing is spent
======================================  =========================================================
"""

import hashlib
import hmac

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..core.clock import Clock
from ..core.database import Database
from ..core.errors import Refusal, SessionOverError
from ..core.sealing import seal, unseal
from ..core.security import is_sid, new_refresh_token, refresh_token_hash
from ..models import Family, RefreshToken
from .issuing import Issued, Issuer
from .lookup import Found, find_token, refusal_of_family
from .rotation import end_for_reuse


class CookieRotations:
    def __init__(self, database: Database, issuer: Issuer, clock: Clock) -> None:
        self._database = database
        self._issuer = issuer
        self._clock = clock

    def rotate(self, sid: str, session_key: str, presented: str | None) -> Issued:
        """Answer an attempt. ``presented`` is the value of the session's cookie, if there is one.

        Raises:
            SessionOverError: the cookie buys nothing any more.
            TooManyAttemptsError: the family was refreshed too often lately; nothing was spent.
        """
        digest = refresh_token_hash(presented) if presented is not None else None
        if not is_sid(sid):
            raise SessionOverError(Refusal.UNKNOWN)
        if digest is None:
            raise SessionOverError(self._refusal_without_cookie(sid, session_key))
        with self._database.write() as db:
            outcome = self._decide(db, digest, sid, session_key, self._clock())
        # Raised after the commit, because a refusal for reuse has ended the family.
        if isinstance(outcome, Refusal):
            raise SessionOverError(outcome)
        return outcome

    def _decide(
        self, db: Session, digest: bytes, sid: str, session_key: str, now: int
    ) -> Issued | Refusal:
        # Two passes at most: a lost race leads to the second, which finds the token spent.
        while True:
            found = find_token(db, digest)
            if found is None or found.sid != sid or found.session_key_hash is None:
                return Refusal.UNKNOWN
            refusal = refusal_of_family(found, now)
            if refusal is not None:
                return refusal
            if not hmac.compare_digest(found.session_key_hash, session_key_hash(session_key)):
                return end_for_reuse(db, found, now)
            if found.spent_at is not None:
                return self._answer_spent(db, found, session_key, now)
            if found.expires_at <= now:
                return Refusal.EXPIRED
            self._issuer.count_refresh(db, found.sid, now)
            issued = self._spend(db, found, session_key, now)
            if issued is not None:
                return issued

    def _refusal_without_cookie(self, sid: str, session_key: str) -> Refusal:
        """Say why, but only to who has the session's key."""
        with self._database.read() as db:
            current = find_current_token(db, sid, session_key)
            if current is None:
                return Refusal.UNKNOWN
            now = self._clock()
            # A browser drops an idle session's cookie in the second in which the token expires.
            idle = Refusal.EXPIRED if current.expires_at <= now else Refusal.NO_COOKIE
            return refusal_of_family(current, now) or idle

    def _spend(self, db: Session, found: Found, session_key: str, now: int) -> Issued | None:
        """Spend the current token; None if another request was faster."""
        successor = new_refresh_token()
        spent = db.scalar(
            update(RefreshToken)
            .where(RefreshToken.hash == found.hash, RefreshToken.spent_at.is_(None))
            .values(spent_at=now, successor_hash=refresh_token_hash(successor))
            .returning(RefreshToken.sid)
        )
        if spent is None:
            return None
        db.execute(
            update(Family)
            .where(Family.sid == found.sid)
            .values(sealed_current=seal(successor, session_key, found.sid))
        )
        absolute = found.absolute_expires_at
        expires_at = self._issuer.add_token(db, successor, found.sid, now, absolute)
        return self._issuer.issue(found.user_name, found.sid, successor, now, expires_at, absolute)

    def _answer_spent(
        self, db: Session, found: Found, session_key: str, now: int
    ) -> Issued | Refusal:
        assert found.sealed_current is not None  # noqa: S101 - set with session_key_hash
        current = unseal(found.sealed_current, session_key, found.sid)
        expires_at = db.execute(
            select(RefreshToken.expires_at).where(RefreshToken.hash == refresh_token_hash(current))
        ).scalar_one()
        if expires_at <= now:
            return Refusal.EXPIRED
        self._issuer.count_refresh(db, found.sid, now)
        absolute = found.absolute_expires_at
        return self._issuer.issue(found.user_name, found.sid, current, now, expires_at, absolute)


def find_current_token(db: Session, sid: str, session_key: str) -> Found | None:
    """The current token of the session that this key belongs to."""
    family = db.get(Family, sid)
    if family is None or family.session_key_hash is None or family.sealed_current is None:
        return None
    if not hmac.compare_digest(family.session_key_hash, session_key_hash(session_key)):
        return None
    current = unseal(family.sealed_current, session_key, sid)
    digest = refresh_token_hash(current)
    return None if digest is None else find_token(db, digest)


def session_key_hash(session_key: str) -> bytes:
    # A fast hash is enough, because the key has 256 random bits.
    return hashlib.sha256(session_key.encode()).digest()
