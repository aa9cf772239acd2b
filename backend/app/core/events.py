"""Security events: one line of JSON each, for a log collector.

An event names the session, the account and the client's address. It never holds a token, a
password or a name that was only typed: people type passwords into the field for the name.
"""

import json
import logging
from contextvars import ContextVar
from enum import StrEnum

logger = logging.getLogger("app.events")

# The address of the client whose request is being answered. The middleware sets it.
client_address: ContextVar[str | None] = ContextVar("client_address", default=None)


class Event(StrEnum):
    LOGIN = "login"
    LOGIN_FAILED = "login_failed"
    THROTTLED = "throttled"
    LOGOUT = "logout"
    SESSION_REVOKED = "session_revoked"
    REFRESH_TOKEN_REUSED = "refresh_token_reused"  # noqa: S105 - a name
    REFRESH_REPEATED_LATE = "refresh_repeated_late"
    CROSS_SITE_REFUSED = "cross_site_refused"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a name
    PASSWORD_CHANGE_FAILED = "password_change_failed"  # noqa: S105 - a name


MESSAGES = {
    Event.REFRESH_TOKEN_REUSED: "A spent refresh token was used again: the session is revoked",
    Event.REFRESH_REPEATED_LATE: "A refresh was repeated after its successor was spent",
}
WARNINGS = {
    Event.REFRESH_TOKEN_REUSED,
    Event.REFRESH_REPEATED_LATE,
    Event.LOGIN_FAILED,
    Event.THROTTLED,
    Event.CROSS_SITE_REFUSED,
    Event.PASSWORD_CHANGE_FAILED,
}


def record(event: Event, *, sid: str | None = None, account: str | None = None) -> None:
    """Write one event. ``account`` is the name of a user that exists."""
    fields = {
        "event": event.value,
        "message": MESSAGES.get(event),
        "sid": sid,
        "account": account,
        "address": client_address.get(),
    }
    known = {name: value for name, value in fields.items() if value is not None}
    logger.log(logging.WARNING if event in WARNINGS else logging.INFO, json.dumps(known))
