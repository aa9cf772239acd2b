"""Ends families of refresh tokens, for every reason."""

from enum import StrEnum

from sqlalchemy import ColumnElement, update
from sqlalchemy.orm import Session

from ..models import Family


class EndReason(StrEnum):
    """Why a family was ended. The database stores these values."""

    LOGOUT = "logout"
    REVOKED = "revoked"
    REUSE = "reuse"
    DISABLED = "disabled"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a reason


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
