"""Error answers: JSON with a ``detail``. They repeat no input and reveal no internal error."""

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from .config import Rotation
from .database import is_contention

# A 401 carries a challenge (RFC 9110 section 11.6.1). The challenge has no error code if the
# request had no credentials (RFC 6750 section 3.1).
CHALLENGE = {"WWW-Authenticate": "Bearer"}
INVALID_TOKEN_CHALLENGE = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
RETRY_AFTER_SECONDS = 1


def unauthorized(detail: str, *, invalid_token: bool = False) -> HTTPException:
    headers = INVALID_TOKEN_CHALLENGE if invalid_token else CHALLENGE
    return HTTPException(401, detail, headers)


def announcement(rotation: Rotation) -> dict[str, bool]:
    """What every answer of /refresh says, refusals too, where rotation is idempotent.

    A client whose attempts do not arrive asks /refresh without a token. The announcement in that
    refusal tells it that the server still takes its key.
    """
    return {"idempotent_refresh": True} if rotation is Rotation.IDEMPOTENT else {}


def bad_request(error: str, detail: str) -> JSONResponse:
    # RFC 6749 section 5.2. Without an "error", clients take a 400 from /refresh for the end of the
    # session.
    return JSONResponse({"detail": detail, "error": error}, 400)


def install_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(SQLAlchemyError, _database_error)


def internal_error() -> JSONResponse:
    return JSONResponse({"detail": "Internal server error"}, 500)


async def _invalid_request(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    # FastAPI's own answer would repeat the input, which holds passwords and tokens. "ctx" can hold
    # parts of the input too, and "url" only links to the validator's documentation.
    detail = [{name: item[name] for name in ("type", "loc", "msg")} for item in error.errors()]
    body: dict[str, object] = {"detail": detail}
    if request.url.path == "/refresh":
        body |= announcement(request.app.state.services.rotation)
    return JSONResponse(body, 422)


async def _database_error(_request: Request, error: Exception) -> JSONResponse:
    if not is_contention(error):
        raise error
    return JSONResponse(
        {"detail": "The server is busy, please try again"},
        503,
        {"Retry-After": str(RETRY_AFTER_SECONDS)},
    )
