"""How a family of refresh tokens ends, whoever ends it."""

from enum import StrEnum

from sqlalchemy import ColumnElement, update
from sqlalchemy.orm import Session

from .models import Family


class EndReason(StrEnum):
    """Why a family was ended, as stored."""

    LOGOUT = "logout"
    REVOKED = "revoked"
    REUSE = "reuse"
    DISABLED = "disabled"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a reason


def end_families(db: Session, reason: EndReason, now: int, *which: ColumnElement[bool]) -> int:
    """End those of these families that have not ended, and say how many they were.

    The first reason stays: it is the one that the owner has to hear about.
    """
    ended = db.scalars(
        update(Family)
        .where(Family.ended_at.is_(None), *which)
        .values(ended_at=now, end_reason=reason)
        .returning(Family.sid)
    )
    return len(ended.all())
