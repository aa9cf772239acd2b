"""The shapes of requests and answers."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from .core.config import Rotation
from .core.errors import Refusal
from .core.passwords import MIN_PASSWORD_CHARS, usable
from .services.issuing import Issued
from .services.own_sessions import OwnSession
from .services.sessions import SignedIn


class RefreshCustody(StrEnum):
    """Where a login puts the refresh token."""

    BODY = "body"
    COOKIE = "cookie"


def _required(value: str | None) -> str:
    if value is None:
        raise PydanticCustomError("missing", "Field required")
    return value


class LogoutBody(BaseModel):
    """Names a session by one of its refresh tokens, or by the ``sid`` of its cookie.

    Without the cookie the session's key ends it as well.
    """

    sid: str | None = None
    session_key: str | None = None
    refresh_token: str | None = Field(default=None, validate_default=True)

    @field_validator("refresh_token")
    @classmethod
    def _names_a_session(cls, value: str | None, info: ValidationInfo) -> str | None:
        return value if info.data.get("sid") is not None else _required(value)


class RefreshBody(LogoutBody):
    """A refresh token, or the ``sid`` and the ``session_key`` of cookie custody."""

    session_key: str | None = Field(default=None, validate_default=True)

    @field_validator("session_key")
    @classmethod
    def _goes_with_the_cookie(cls, value: str | None, info: ValidationInfo) -> str | None:
        in_cookie = info.data.get("refresh_token") is None and info.data.get("sid") is not None
        return _required(value) if in_cookie else value


class TokenAnswer(BaseModel):
    """The answer of RFC 6749 section 5.1, with ``refresh_expires_in`` and ``sid`` added.

    In cookie custody it has no ``refresh_token``; that of a login has a ``session_key`` instead.

    ``idempotent_refresh`` is sent only if true. It tells the client to send ``Idempotency-Key``,
    which a server that does not know this header would refuse in the CORS check.
    """

    access_token: str
    refresh_token: str | None = None
    token_type: str = "bearer"  # noqa: S105 - a scheme
    expires_in: int
    refresh_expires_in: int
    sid: str
    session_key: str | None = None
    idempotent_refresh: Literal[True] | None = None

    @classmethod
    def of(cls, issued: Issued, rotation: Rotation) -> "TokenAnswer":
        return cls(
            idempotent_refresh=True if rotation is Rotation.IDEMPOTENT else None,
            access_token=issued.access_token,
            refresh_token=issued.refresh_token,
            expires_in=issued.expires_in,
            refresh_expires_in=issued.refresh_expires_in,
            sid=issued.sid,
        )

    @classmethod
    def of_cookie(cls, issued: Issued) -> "TokenAnswer":
        """Without the refresh token. A repeated refresh is safe whatever AUTH_ROTATION says."""
        answer = cls.of(issued, Rotation.IDEMPOTENT)
        return answer.model_copy(update={"refresh_token": None, "session_key": issued.session_key})


class ProtectedAnswer(BaseModel):
    message: str
    user: str
    issued_at: datetime


class UserAnswer(BaseModel):
    username: str
    created_at: datetime


class PasswordBody(BaseModel):
    current_password: str
    new_password: Annotated[str, Field(min_length=MIN_PASSWORD_CHARS), AfterValidator(usable)]


class SessionAnswer(BaseModel):
    sid: str
    created_at: datetime
    last_used_at: datetime
    device: str | None
    current: bool

    @classmethod
    def of(cls, session: OwnSession, user: SignedIn) -> "SessionAnswer":
        return cls(
            sid=session.sid,
            created_at=utc(session.created_at),
            last_used_at=utc(session.last_used_at),
            device=session.device,
            current=session.sid == user.sid,
        )


class SessionsAnswer(BaseModel):
    sessions: list[SessionAnswer]
    more: Literal[True] | None = None


class EndedAnswer(BaseModel):
    ended: int


class HealthAnswer(BaseModel):
    status: Literal["ok"] = "ok"


class ErrorAnswer(BaseModel):
    """Any refusal. ``error`` is there if a program must tell it from others of its status."""

    detail: str
    error: str | None = None


class SessionOverAnswer(BaseModel):
    """The end of a session."""

    detail: str
    error: Literal["invalid_grant"]
    reason: Refusal


class InvalidField(BaseModel):
    type: str
    loc: list[str | int]
    msg: str


class InvalidAnswer(BaseModel):
    """A request of another shape. It repeats nothing of what was sent."""

    detail: list[InvalidField]


def utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
