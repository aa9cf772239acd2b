"""Rotation of refresh tokens, with reuse detection and repeats.

A session is a family of refresh tokens (RFC 9700 section 4.14.2). Only its *current* token is
unspent. A rotation spends the current token and makes its successor current. If a spent token is
used again, two parties hold the family's tokens. The server cannot tell the owner from the thief,
so it ends the family.

One reuse is no theft: a request that repeats the attempt that spent the token. A lost answer to a
rotation is the most common cause of a spurious logout, so a client may name its attempt with an
``Idempotency-Key``:

=====================================  ==========================================================
what arrives                           answer
=====================================  ==========================================================
the current token                      spent, with this key if there is one; a new pair
spent, same key, successor unspent     the same refresh token, a fresh access token, however late
spent, same key, successor spent       409: nothing revoked, nothing issued, logged
spent, another key or none             theft: the family is revoked, logged
=====================================  ==========================================================
"""

import hashlib
import hmac

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..core.clock import Clock
from ..core.database import Database
from ..core.errors import Refusal, SessionOverError, SupersededError
from ..core.events import Event, record
from ..core.sealing import seal, unseal
from ..core.security import new_refresh_token, refresh_token_hash
from ..models import Family, RefreshToken
from .families import EndReason, end_families
from .issuing import Issued, Issuer
from .lookup import Found, find_token, refusal_of_family


class Rotations:
    def __init__(self, database: Database, issuer: Issuer, clock: Clock) -> None:
        self._database = database
        self._issuer = issuer
        self._clock = clock

    def rotate(self, presented: str, key: str | None = None) -> Issued:
        """Exchange the current token of a family for its successor.

        Args:
            presented: the refresh token.
            key: the attempt's Idempotency-Key. Without a key, rotation is strict.

        Raises:
            SessionOverError: the token buys nothing any more.
            SupersededError: a repeated attempt came too late.
            TooManyAttemptsError: the family was refreshed too often lately; nothing was spent.
        """
        digest = refresh_token_hash(presented)
        if digest is None:
            raise SessionOverError(Refusal.UNKNOWN)
        with self._database.write() as db:
            outcome = self._decide(db, digest, presented, key, self._clock())
        # Raised after the commit, because a refusal for reuse has ended the family.
        if isinstance(outcome, Refusal):
            raise SessionOverError(outcome)
        if isinstance(outcome, SupersededError):
            raise outcome
        return outcome

    def _decide(
        self, db: Session, digest: bytes, presented: str, key: str | None, now: int
    ) -> Issued | Refusal | SupersededError:
        # Two passes at most: a lost race leads to the second, which finds the token spent.
        while True:
            found = find_token(db, digest)
            if found is None:
                return Refusal.UNKNOWN
            refusal = refusal_of_family(found, now)
            if refusal is not None:
                return refusal
            if found.session_key_hash is not None:
                # A token of cookie custody has left its cookie.
                return end_for_reuse(db, found, now)
            if found.spent_at is not None:
                return self._answer_spent(db, found, presented, key, now)
            if found.expires_at <= now:
                return Refusal.EXPIRED
            self._issuer.count_refresh(db, found.sid, now)
            issued = self._spend(db, found, presented, key, now)
            if issued is not None:
                return issued

    def _spend(
        self, db: Session, found: Found, presented: str, key: str | None, now: int
    ) -> Issued | None:
        """Spend the current token; None if another request was faster.

        The update's condition lets only one request win. PostgreSQL makes the loser wait for the
        row and then checks the condition again. SQLite runs one writer at a time.
        """
        successor = new_refresh_token()
        spent = db.scalar(
            update(RefreshToken)
            .where(RefreshToken.hash == found.hash, RefreshToken.spent_at.is_(None))
            .values(
                spent_at=now,
                successor_hash=refresh_token_hash(successor),
                key_hash=_key_hash(key),
                sealed_successor=None if key is None else seal(successor, presented, found.sid),
            )
            .returning(RefreshToken.sid)
        )
        if spent is None:
            return None
        # The spent token may be its predecessor's sealed successor. Delete that seal, so that no
        # repeated attempt gets the spent token.
        db.execute(
            update(RefreshToken)
            .where(RefreshToken.successor_hash == found.hash)
            .values(sealed_successor=None)
        )
        absolute = found.absolute_expires_at
        expires_at = self._issuer.add_token(db, successor, found.sid, now, absolute)
        return self._issuer.issue(found.user_name, found.sid, successor, now, expires_at, absolute)

    def _answer_spent(
        self, db: Session, found: Found, presented: str, key: str | None, now: int
    ) -> Issued | Refusal | SupersededError:
        """Answer a spent token: everything but a repeat of the attempt that spent it is theft."""
        if not _is_same_key(found.key_hash, key):
            return end_for_reuse(db, found, now)
        successor = db.execute(
            select(RefreshToken.expires_at, RefreshToken.spent_at).where(
                RefreshToken.hash == found.successor_hash
            )
        ).one()
        if successor.spent_at is not None or found.sealed_successor is None:
            record(Event.REFRESH_REPEATED_LATE, sid=found.sid, account=found.user_name)
            return SupersededError()
        if successor.expires_at <= now:
            return Refusal.EXPIRED
        self._issuer.count_refresh(db, found.sid, now)
        return self._issuer.issue(
            found.user_name,
            found.sid,
            unseal(found.sealed_successor, presented, found.sid),
            now,
            successor.expires_at,
            found.absolute_expires_at,
        )


def end_for_reuse(db: Session, found: Found, now: int) -> Refusal:
    end_families(db, EndReason.REUSE, now, Family.sid == found.sid)
    record(Event.REFRESH_TOKEN_REUSED, sid=found.sid, account=found.user_name)
    return Refusal.REUSE


def _key_hash(key: str | None) -> bytes | None:
    return None if key is None else hashlib.sha256(key.encode()).digest()


def _is_same_key(stored: bytes | None, key: str | None) -> bool:
    """Whether both keys exist and are equal. An attempt without a key cannot be recognised."""
    presented = _key_hash(key)
    return stored is not None and presented is not None and hmac.compare_digest(stored, presented)
