"""Every error answer: JSON with a ``detail``. They repeat no input and reveal no internal error."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from ..core.config import Rotation
from ..core.database import is_contention
from ..core.errors import (
    BusyError,
    ChangedMeanwhileError,
    ClientGoneError,
    CookieOverError,
    CrossSiteError,
    DomainError,
    InvalidAccessTokenError,
    InvalidKeyError,
    NoSuchSessionError,
    NotAuthenticatedError,
    Refusal,
    RetryLaterError,
    SessionOverError,
    SupersededError,
    TooManyAttemptsError,
    UnsupportedGrantError,
    WrongCredentialsError,
    WrongPasswordError,
)
from .refresh_cookies import delete_cookie

# A 401 carries a challenge (RFC 9110 section 11.6.1). The challenge has no error code if the
# request had no credentials (RFC 6750 section 3.1).
CHALLENGE = {"WWW-Authenticate": "Bearer"}
INVALID_TOKEN_CHALLENGE = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
RETRY_AFTER_SECONDS = 1


@dataclass(frozen=True)
class Answer:
    """What an error looks like on the wire."""

    status: int
    detail: str
    # RFC 6749 section 5.2. Without an "error", clients take a 400 from /refresh for the end of
    # the session.
    error: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


ANSWERS: dict[type[DomainError], Answer] = {
    NotAuthenticatedError: Answer(401, "Not authenticated", headers=CHALLENGE),
    InvalidAccessTokenError: Answer(
        401, "Could not validate credentials", headers=INVALID_TOKEN_CHALLENGE
    ),
    WrongCredentialsError: Answer(401, "Incorrect username or password", headers=CHALLENGE),
    # The current password is required although the user is signed in (ASVS 6.2.3). A wrong one is
    # a mistake in a form, so the status is 400. A 401 would mean an expired token: the client
    # would refresh and send the wrong password again. Some clients take a 403 for the end of the
    # session, or for an expired token.
    WrongPasswordError: Answer(400, "The current password is wrong", "wrong_password"),
    UnsupportedGrantError: Answer(
        400, "Only grant_type=password is supported", "unsupported_grant_type"
    ),
    InvalidKeyError: Answer(
        400, "The key must be base64url of 128 bits or more", "invalid_request"
    ),
    # A 403 is a message to the user, and never the end of the session.
    CrossSiteError: Answer(403, "Only a page of this server's origin may ask this", "cross_site"),
    TooManyAttemptsError: Answer(429, "Too many attempts, please try again later", "slow_down"),
    BusyError: Answer(503, "The server is busy, please try again"),
    ClientGoneError: Answer(503, "The client has gone"),
    NoSuchSessionError: Answer(404, "There is no such session"),
    # A repeated request gets the reason: a wrong password, or an ended session.
    ChangedMeanwhileError: Answer(
        409, "The account has just been changed, please try again", "conflict"
    ),
    # Not invalid_grant, because the session lives: the holder of its current token goes on.
    SupersededError: Answer(
        409, "This refresh token and its successor are both spent", "superseded"
    ),
}

REFUSALS = {
    Refusal.UNKNOWN: "The refresh token is not valid",
    Refusal.NO_COOKIE: "The session's cookie did not come with the request",
    Refusal.REUSE: "The session was ended because a refresh token was used twice",
    Refusal.EXPIRED: "The session has expired",
    Refusal.REVOKED: "The session was ended",
    Refusal.DISABLED: "The account is disabled",
    Refusal.PASSWORD_CHANGED: "The password was changed",
}


def install_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(DomainError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(SQLAlchemyError, _database_error)


def internal_error() -> JSONResponse:
    return JSONResponse({"detail": "Internal server error"}, 500)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    body: dict[str, object]
    if isinstance(error, SessionOverError):
        # invalid_grant is from RFC 6749 section 5.2. The status is 401, because in the contract of
        # the project's README.md a 401 ends the session. RFC 9110 section 15.5.2 then requires a
        # challenge.
        answer = Answer(
            401, REFUSALS[error.refusal], "invalid_grant", headers=INVALID_TOKEN_CHALLENGE
        )
        body = {"reason": error.refusal.value}
    elif isinstance(error, DomainError):
        answer, body = ANSWERS[type(error)], {}
    else:
        raise error
    body = {"detail": answer.detail} | ({"error": answer.error} if answer.error else {}) | body
    response = JSONResponse(body | _announcement(request), answer.status, answer.headers)
    if isinstance(error, RetryLaterError):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, CookieOverError):
        delete_cookie(response, error.sid)
    return response


async def _invalid_request(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    # FastAPI's own answer would repeat the input, which holds passwords and tokens. "ctx" can hold
    # parts of the input too, and "url" only links to the validator's documentation.
    detail = [{name: item[name] for name in ("type", "loc", "msg")} for item in error.errors()]
    return JSONResponse({"detail": detail} | _announcement(request), 422)


async def _database_error(_request: Request, error: Exception) -> JSONResponse:
    if not is_contention(error):
        raise error
    return JSONResponse(
        {"detail": "The server is busy, please try again"},
        503,
        {"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def _announcement(request: Request) -> dict[str, object]:
    """What every refusal of /refresh says where rotation is idempotent.

    A client whose attempts do not arrive asks /refresh without a token. The announcement in that
    refusal tells it that the server still takes its key.
    """
    idempotent = request.app.state.services.rotation is Rotation.IDEMPOTENT
    return {"idempotent_refresh": True} if request.url.path == "/refresh" and idempotent else {}
