"""Looks up a presented refresh token, with everything that decides its answer."""

from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..core.errors import Refusal
from ..models import Family, RefreshToken, User
from .families import EndReason

# The refusal that a client gets for an ended family.
REFUSALS_OF_ENDS: dict[str | None, Refusal] = {
    EndReason.LOGOUT: Refusal.REVOKED,
    EndReason.REVOKED: Refusal.REVOKED,
    EndReason.REUSE: Refusal.REUSE,
    EndReason.DISABLED: Refusal.DISABLED,
    EndReason.PASSWORD_CHANGED: Refusal.PASSWORD_CHANGED,
}


class Found(NamedTuple):
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
    session_key_hash: bytes | None
    sealed_current: bytes | None
    user_name: str
    disabled: bool


def find_token(db: Session, digest: bytes) -> Found | None:
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
            Family.session_key_hash,
            Family.sealed_current,
            User.name,
            User.disabled,
        )
        .join(Family, Family.sid == RefreshToken.sid)
        .join(User, User.name == Family.user_name)
        .where(RefreshToken.hash == digest)
    ).one_or_none()
    return None if row is None else Found._make(row)


def refusal_of_family(found: Found, now: int) -> Refusal | None:
    if found.ended_at is not None:
        # A later version of the server may have stored a reason that this one does not know.
        return REFUSALS_OF_ENDS.get(found.end_reason, Refusal.REVOKED)
    if found.disabled:
        return Refusal.DISABLED
    if found.absolute_expires_at <= now:
        return Refusal.EXPIRED
    return None
