"""Login, refresh and logout."""

import re
from typing import Annotated

from fastapi import APIRouter, Form, Header
from starlette.concurrency import run_in_threadpool

from ..core.config import Rotation
from ..core.errors import InvalidKeyError, UnsupportedGrantError, WrongCredentialsError
from ..core.events import Event, record
from ..dependencies import UseAccounts, UsePasswords, UseRotation, UseRotations, UseSessions
from ..schemas import RefreshTokenBody, TokenAnswer
from ..services.devices import device_name
from ..web.responses import answers

router = APIRouter(tags=["tokens"])

# base64url of 128 bits or more, because a thief could repeat an attempt with a guessed key.
IDEMPOTENCY_KEY_FORM = re.compile(r"[A-Za-z0-9_-]{22,128}", re.ASCII)


@router.post("/token", response_model_exclude_none=True, responses=answers(401, 422))
async def login(
    accounts: UseAccounts,
    passwords: UsePasswords,
    sessions: UseSessions,
    rotation: UseRotation,
    username: Annotated[str, Form()],
    password: Annotated[str, Form()],
    grant_type: Annotated[str | None, Form()] = None,
    user_agent: Annotated[str | None, Header()] = None,
) -> TokenAnswer:
    """Begin a session. A first-party login with an OAuth-shaped wire format."""
    if grant_type not in {None, "password"}:
        raise UnsupportedGrantError
    account = await run_in_threadpool(accounts.find, username)
    verdict = await passwords.verify(password, account.password_hash if account else None)
    issued = None
    if account is not None and not account.disabled and verdict.correct:
        issued = await run_in_threadpool(
            sessions.open,
            account.name,
            account.password_hash,
            verdict.new_hash,
            device_name(user_agent),
        )
    if issued is None:
        record(Event.LOGIN_FAILED, account=account.name if account else None)
        raise WrongCredentialsError
    return TokenAnswer.of(issued, rotation)


@router.post("/refresh", response_model_exclude_none=True, responses=answers(401, 409, 422))
def refresh(
    rotations: UseRotations,
    rotation: UseRotation,
    body: RefreshTokenBody,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> TokenAnswer:
    """Exchange a refresh token for new tokens of the same session."""
    if rotation is Rotation.STRICT:
        # Strict rotation ignores the header, like a server that does not know it.
        idempotency_key = None
    if idempotency_key is not None and not IDEMPOTENCY_KEY_FORM.fullmatch(idempotency_key):
        # Refuse before the token is spent, so that the client can repeat with a valid key.
        raise InvalidKeyError
    return TokenAnswer.of(rotations.rotate(body.refresh_token, idempotency_key), rotation)


@router.post("/logout", status_code=204, responses=answers(422))
def logout(sessions: UseSessions, body: RefreshTokenBody) -> None:
    """End a session by any of its refresh tokens."""
    # No access token is needed, because a logout must work with an expired one.
    sessions.close(body.refresh_token)
