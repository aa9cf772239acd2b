"""Sessions: login, rotation with reuse detection, logout.

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
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from .config import Settings
from .database import Database
from .families import EndReason, end_families
from .models import Family, RefreshToken, User
from .sealing import seal, unseal
from .tokens import AccessTokens, Claims, new_refresh_token, new_sid, refresh_token_hash

logger = logging.getLogger("app.sessions")

# How long an expired family is kept, so that a late client is told "expired".
KEEP_EXPIRED_SECONDS = 7 * 86_400

Clock = Callable[[], int]


def system_clock() -> int:
    return int(time.time())


class Refusal(StrEnum):
    """Why a refresh token is refused. The values are sent as ``reason``."""

    UNKNOWN = "unknown"
    REUSE = "reuse"
    EXPIRED = "expired"
    REVOKED = "revoked"
    DISABLED = "disabled"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a reason


# The refusal that a client gets for an ended family.
REFUSALS_OF_ENDS: dict[str | None, Refusal] = {
    EndReason.LOGOUT: Refusal.REVOKED,
    EndReason.REVOKED: Refusal.REVOKED,
    EndReason.REUSE: Refusal.REUSE,
    EndReason.DISABLED: Refusal.DISABLED,
    EndReason.PASSWORD_CHANGED: Refusal.PASSWORD_CHANGED,
}


class Superseded:
    """A repeated attempt whose successor is spent: no theft, but no token to issue."""


@dataclass(frozen=True, repr=False)
class Issued:
    """The tokens that a login or a refresh issues. Without a repr, which could print them."""

    sid: str
    access_token: str
    refresh_token: str
    expires_in: int
    refresh_expires_in: int


@dataclass(frozen=True)
class SignedIn:
    """The user and the session of an access token.

    ``created_at`` is the user's time of creation, ``issued_at`` that of the token.
    """

    name: str
    sid: str
    created_at: int
    issued_at: int


class _Found(NamedTuple):
    """A presented token, with the columns of its family and user that decide its answer."""

    hash: bytes
    expires_at: int
    spent_at: int | None
    successor_hash: bytes | None
    key_hash: bytes | None
    sealed_successor: bytes | None
    sid: str
    absolute_expires_at: int
    ended_at: int | None
    end_reason: str | None
    user_name: str
    disabled: bool


class Sessions:
    def __init__(
        self,
        database: Database,
        tokens: AccessTokens,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._settings = settings
        self._clock = clock

    def open(
        self,
        name: str,
        verified_hash: str,
        new_hash: str | None = None,
        device: str | None = None,
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
            if new_hash is not None:
                user.password_hash = new_hash
            _purge(db, now)
            sid, token = new_sid(), new_refresh_token()
            absolute = now + self._settings.refresh_absolute_seconds
            db.add(
                Family(
                    sid=sid,
                    user_name=name,
                    created_at=now,
                    absolute_expires_at=absolute,
                    device=device,
                )
            )
            # The family's row must exist before a token refers to it.
            db.flush()
            expires_at = self._add_token(db, token, sid, now, absolute)
            return self._issue(name, sid, token, now, expires_at, absolute)

    def rotate(self, presented: str, key: str | None = None) -> Issued | Refusal | Superseded:
        """Exchange the current token of a family for its successor.

        Args:
            presented: the refresh token.
            key: the attempt's Idempotency-Key. Without a key, rotation is strict.
        """
        digest = refresh_token_hash(presented)
        if digest is None:
            return Refusal.UNKNOWN
        now = self._clock()
        with self._database.write() as db:
            # Two passes at most: a lost race leads to the second, which finds the token spent.
            while True:
                found = _find(db, digest)
                if found is None:
                    return Refusal.UNKNOWN
                refusal = _refusal_of_family(found, now)
                if refusal is not None:
                    return refusal
                if found.spent_at is not None:
                    return self._answer_spent(db, found, presented, key, now)
                if found.expires_at <= now:
                    return Refusal.EXPIRED
                issued = self._spend(db, found, presented, key, now)
                if issued is not None:
                    return issued

    def close(self, presented: str) -> None:
        """End the family of the token, even if the token is spent or expired.

        An unknown token is no error (RFC 7009 section 2.2), because it is unusable anyway.
        """
        digest = refresh_token_hash(presented)
        if digest is None:
            return
        with self._database.write() as db:
            sid = db.scalar(select(RefreshToken.sid).where(RefreshToken.hash == digest))
            if sid is not None:
                end_families(db, EndReason.LOGOUT, self._clock(), Family.sid == sid)

    def signed_in(self, claims: Claims) -> SignedIn | None:
        """The user of an access token; None once its session is over.

        The database is asked at each request, so that a logout takes effect at once and not when
        the token expires (ASVS 7.4.1).
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
                return None
            return SignedIn(user.name, claims.sid, user.created_at, claims.issued_at)

    def _spend(
        self, db: Session, found: _Found, presented: str, key: str | None, now: int
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
        expires_at = self._add_token(db, successor, found.sid, now, absolute)
        return self._issue(found.user_name, found.sid, successor, now, expires_at, absolute)

    def _answer_spent(
        self, db: Session, found: _Found, presented: str, key: str | None, now: int
    ) -> Issued | Refusal | Superseded:
        """Answer a spent token: everything but a repeat of the attempt that spent it is theft."""
        if not _is_same_key(found.key_hash, key):
            return _end_for_reuse(db, found, now)
        successor = db.execute(
            select(RefreshToken.expires_at, RefreshToken.spent_at).where(
                RefreshToken.hash == found.successor_hash
            )
        ).one()
        if successor.spent_at is not None or found.sealed_successor is None:
            logger.warning(
                "A refresh of session %s of user %r was repeated after its successor was spent",
                found.sid,
                found.user_name,
            )
            return Superseded()
        if successor.expires_at <= now:
            return Refusal.EXPIRED
        return self._issue(
            found.user_name,
            found.sid,
            unseal(found.sealed_successor, presented, found.sid),
            now,
            successor.expires_at,
            found.absolute_expires_at,
        )

    def _add_token(self, db: Session, token: str, sid: str, now: int, absolute: int) -> int:
        expires_at = min(now + self._settings.refresh_idle_seconds, absolute)
        digest = refresh_token_hash(token)
        db.add(RefreshToken(hash=digest, sid=sid, created_at=now, expires_at=expires_at))
        return expires_at

    def _issue(
        self, name: str, sid: str, refresh_token: str, now: int, expires_at: int, absolute: int
    ) -> Issued:
        # An access token must not outlive its session.
        access_expires_at = min(now + self._settings.access_token_seconds, absolute)
        return Issued(
            sid=sid,
            access_token=self._tokens.mint(name, sid, now=now, expires_at=access_expires_at),
            refresh_token=refresh_token,
            expires_in=access_expires_at - now,
            refresh_expires_in=expires_at - now,
        )


def _find(db: Session, digest: bytes) -> _Found | None:
    # Select columns and no entities: the ORM would answer the second read of an entity from memory.
    row = db.execute(
        select(
            RefreshToken.hash,
            RefreshToken.expires_at,
            RefreshToken.spent_at,
            RefreshToken.successor_hash,
            RefreshToken.key_hash,
            RefreshToken.sealed_successor,
            Family.sid,
            Family.absolute_expires_at,
            Family.ended_at,
            Family.end_reason,
            User.name,
            User.disabled,
        )
        .join(Family, Family.sid == RefreshToken.sid)
        .join(User, User.name == Family.user_name)
        .where(RefreshToken.hash == digest)
    ).one_or_none()
    return None if row is None else _Found._make(row)


def _refusal_of_family(found: _Found, now: int) -> Refusal | None:
    if found.ended_at is not None:
        # A later version of the server may have stored a reason that this one does not know.
        return REFUSALS_OF_ENDS.get(found.end_reason, Refusal.REVOKED)
    if found.disabled:
        return Refusal.DISABLED
    if found.absolute_expires_at <= now:
        return Refusal.EXPIRED
    return None


def _key_hash(key: str | None) -> bytes | None:
    return None if key is None else hashlib.sha256(key.encode()).digest()


def _is_same_key(stored: bytes | None, key: str | None) -> bool:
    """Whether both keys exist and are equal. An attempt without a key cannot be recognised."""
    presented = _key_hash(key)
    return stored is not None and presented is not None and hmac.compare_digest(stored, presented)


def _end_for_reuse(db: Session, found: _Found, now: int) -> Refusal:
    end_families(db, EndReason.REUSE, now, Family.sid == found.sid)
    logger.warning(
        "A spent refresh token was used again: session %s of user %r is revoked",
        found.sid,
        found.user_name,
    )
    return Refusal.REUSE


def _purge(db: Session, now: int) -> None:
    # Runs at each login, which is rare and slow anyway, so that the server needs no timer.
    db.execute(delete(Family).where(Family.absolute_expires_at <= now - KEEP_EXPIRED_SECONDS))
