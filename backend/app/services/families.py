"""Ends families of refresh tokens, for every reason."""

from enum import StrEnum

from sqlalchemy import ColumnElement, Select, select, update
from sqlalchemy.orm import Session

from ..models import Family, RefreshToken


class EndReason(StrEnum):
    """Why a family was ended. The database stores these values."""

    LOGOUT = "logout"
    REVOKED = "revoked"
    REUSE = "reuse"
    DISABLED = "disabled"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a reason


def live_families(user_name: str, now: int, tail_seconds: int = 0) -> Select[str]:
    """The names of a user's families that have not ended, the last used first.

    ``tail_seconds`` is how long a family counts after its refresh token has expired.
    """
    return (
        select(Family.sid)
        # Join the current token, which is the family's only unspent one.
        .join(RefreshToken, RefreshToken.sid == Family.sid)
        .where(
            Family.user_name == user_name,
            Family.ended_at.is_(None),
            Family.absolute_expires_at > now,
            RefreshToken.spent_at.is_(None),
            RefreshToken.expires_at > now - tail_seconds,
        )
        .order_by(RefreshToken.created_at.desc(), Family.created_at.desc(), Family.sid)
    )


def end_families(
    db: Session, reason: EndReason, now: int, *which: ColumnElement[bool]
) -> list[str]:
    """End the selected families that have not ended yet, and return their names.

    An ended family keeps its first reason, because the owner must learn that one.
    """
    ended = db.scalars(
        update(Family)
        .where(Family.ended_at.is_(None), *which)
        .values(ended_at=now, end_reason=reason)
        .returning(Family.sid)
    )
    return list(ended)
