"""What can go wrong, by meaning. `web.errors` alone turns these errors into answers."""

from enum import StrEnum


class DomainError(Exception):
    """A request that the rules refuse."""


class NotAuthenticatedError(DomainError):
    """The request has no credentials."""


class InvalidAccessTokenError(DomainError):
    """The access token is not accepted, or its session is over."""


class WrongCredentialsError(DomainError):
    """Unknown user, wrong password and disabled user alike (ASVS 6.3.8)."""


class WrongPasswordError(DomainError):
    """The current password of a signed-in user is wrong."""


class UnsupportedGrantError(DomainError):
    """``grant_type`` is not ``password``."""


class InvalidKeyError(DomainError):
    """``Idempotency-Key`` has not the form of one."""


class CrossSiteError(DomainError):
    """A request of cookie custody that is not from a page of this origin."""


class RetryLaterError(DomainError):
    """The same request may succeed after some seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class TooManyAttemptsError(RetryLaterError):
    """Too many failures, or too many refreshes, of this caller."""


class BusyError(RetryLaterError):
    """Too much work waits already."""


class ClientGoneError(DomainError):
    """Nobody waits for the answer any more."""


class NoSuchSessionError(DomainError):
    """The user has no live session of this name."""


class ChangedMeanwhileError(DomainError):
    """The session or the password was changed at the same moment; nothing was done."""


class SupersededError(DomainError):
    """A repeated attempt whose successor is spent: no theft, but no token to issue."""


class Refusal(StrEnum):
    """Why a refresh token is refused. The values are sent as ``reason``."""

    UNKNOWN = "unknown"
    REUSE = "reuse"
    EXPIRED = "expired"
    REVOKED = "revoked"
    DISABLED = "disabled"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a reason
    NO_COOKIE = "no_cookie"


class SessionOverError(DomainError):
    """The refresh token buys nothing any more."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


class CookieOverError(SessionOverError):
    """The same for a refresh cookie, which must be deleted."""

    def __init__(self, refusal: Refusal, sid: str) -> None:
        super().__init__(refusal)
        self.sid = sid
