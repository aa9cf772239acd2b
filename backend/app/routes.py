"""The endpoints for login, refresh and logout, and a protected one.

``sessions`` decides. This module reads the requests and writes the answers.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Header, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from .config import Rotation
from .dependencies import Use, User
from .devices import device_name
from .errors import INVALID_TOKEN_CHALLENGE, announcement, bad_request, unauthorized
from .sessions import Issued, Refusal, Superseded

router = APIRouter()

# base64url of 128 bits or more, because a thief could repeat an attempt with a guessed key.
IDEMPOTENCY_KEY_FORM = re.compile(r"[A-Za-z0-9_-]{22,128}", re.ASCII)

REFUSALS = {
    Refusal.UNKNOWN: "The refresh token is not valid",
    Refusal.REUSE: "The session was ended because a refresh token was used twice",
    Refusal.EXPIRED: "The session has expired",
    Refusal.REVOKED: "The session was ended",
    Refusal.DISABLED: "The account is disabled",
    Refusal.PASSWORD_CHANGED: "The password was changed",
}


class RefreshTokenBody(BaseModel):
    refresh_token: str


class TokenAnswer(BaseModel):
    """The answer of RFC 6749 section 5.1, with ``refresh_expires_in`` and ``sid`` added.

    ``idempotent_refresh`` is sent only if true. It tells the client to send ``Idempotency-Key``,
    which a server that does not know this header would refuse in the CORS check.
    """

    access_token: str
    refresh_token: str
    token_type: str = "bearer"  # noqa: S105 - a scheme
    expires_in: int
    refresh_expires_in: int
    sid: str
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


class ProtectedAnswer(BaseModel):
    message: str
    user: str
    issued_at: datetime


@router.post("/token", response_model=TokenAnswer, response_model_exclude_none=True)
async def login(
    use: Use,
    username: Annotated[str, Form()],
    password: Annotated[str, Form()],
    grant_type: Annotated[str | None, Form()] = None,
    user_agent: Annotated[str | None, Header()] = None,
) -> TokenAnswer | Response:
    if grant_type not in {None, "password"}:
        return bad_request("unsupported_grant_type", "Only grant_type=password is supported")
    account = await run_in_threadpool(use.accounts.find, username)
    verdict = await use.passwords.verify(password, account.password_hash if account else None)
    issued = None
    if account is not None and not account.disabled and verdict.correct:
        issued = await run_in_threadpool(
            use.sessions.open,
            account.name,
            account.password_hash,
            verdict.new_hash,
            device_name(user_agent),
        )
    if issued is None:
        # The same answer for an unknown user, a wrong password and a disabled user (ASVS 6.3.8).
        raise unauthorized("Incorrect username or password")
    return TokenAnswer.of(issued, use.rotation)


@router.post("/refresh", response_model=TokenAnswer, response_model_exclude_none=True)
def refresh(
    use: Use,
    body: RefreshTokenBody,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> TokenAnswer | Response:
    if use.rotation is Rotation.STRICT:
        # Strict rotation ignores the header, like a server that does not know it.
        idempotency_key = None
    if idempotency_key is not None and not IDEMPOTENCY_KEY_FORM.fullmatch(idempotency_key):
        # Refuse before the token is spent, so that the client can repeat with a valid key.
        return bad_request(
            "invalid_request", "Idempotency-Key must be base64url of 128 bits or more"
        )
    outcome = use.sessions.rotate(body.refresh_token, idempotency_key)
    match outcome:
        case Refusal():
            return _refused(outcome, use.rotation)
        case Superseded():
            return _superseded(use.rotation)
        case Issued():
            return TokenAnswer.of(outcome, use.rotation)


@router.post("/logout", status_code=204)
def logout(use: Use, body: RefreshTokenBody) -> None:
    # No access token is needed, because a logout must work with an expired one.
    use.sessions.close(body.refresh_token)


@router.get("/protected-route")
async def protected(user: User) -> ProtectedAnswer:
    return ProtectedAnswer(
        message=f"Hello, {user.name}! Only somebody who is signed in can read this.",
        user=user.name,
        issued_at=datetime.fromtimestamp(user.issued_at, UTC),
    )


@router.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


def _refused(refusal: Refusal, rotation: Rotation) -> JSONResponse:
    # invalid_grant is from RFC 6749 section 5.2. The status is 401, because in the contract of the
    # project's README.md a 401 ends the session. RFC 9110 section 15.5.2 then requires a challenge.
    body = {"detail": REFUSALS[refusal], "error": "invalid_grant", "reason": refusal.value}
    return JSONResponse(body | announcement(rotation), 401, INVALID_TOKEN_CHALLENGE)


def _superseded(rotation: Rotation) -> JSONResponse:
    # Not invalid_grant, because the session lives: the holder of its current token goes on.
    body = {
        "detail": "This refresh token and its successor are both spent",
        "error": "superseded",
    }
    return JSONResponse(body | announcement(rotation), 409)
