"""Login, refresh and logout."""

import re
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Form, Header, Request, Response
from starlette.concurrency import run_in_threadpool

from ..core.config import Rotation
from ..core.errors import (
    CookieOverError,
    InvalidKeyError,
    SessionOverError,
    UnsupportedGrantError,
)
from ..core.security import is_sid
from ..dependencies import (
    ClientAddress,
    UseCookieRotations,
    UseGone,
    UseLogins,
    UseRotation,
    UseRotations,
    UseSessions,
)
from ..schemas import LogoutBody, RefreshBody, RefreshCustody, TokenAnswer
from ..services.devices import device_name
from ..services.throttle import Attempt
from ..web.refresh_cookies import (
    delete_cookie,
    read_all_cookies,
    read_cookie,
    require_own_page,
    set_cookie,
)
from ..web.responses import answers

router = APIRouter(tags=["tokens"])

# base64url of 128 bits or more, because a thief could repeat an attempt with a guessed key.
KEY_FORM = re.compile(r"[A-Za-z0-9_-]{22,128}", re.ASCII)


@router.post("/token", response_model_exclude_none=True, responses=answers(401, 403, 422, 429))
async def login(
    request: Request,
    response: Response,
    background: BackgroundTasks,
    logins: UseLogins,
    sessions: UseSessions,
    rotation: UseRotation,
    address: ClientAddress,
    gone: UseGone,
    username: Annotated[str, Form()],
    password: Annotated[str, Form()],
    grant_type: Annotated[str | None, Form()] = None,
    refresh_custody: Annotated[RefreshCustody, Form()] = RefreshCustody.BODY,
    user_agent: Annotated[str | None, Header()] = None,
) -> TokenAnswer:
    """Begin a session. A first-party login with an OAuth-shaped wire format."""
    if grant_type not in {None, "password"}:
        raise UnsupportedGrantError
    in_cookie = refresh_custody is RefreshCustody.COOKIE
    if in_cookie:
        require_own_page(request)
    attempt = Attempt(username, address, user_agent or "")
    issued, account = await logins.enter(
        attempt, password, device=device_name(user_agent), in_cookie=in_cookie, gone=gone
    )
    background.add_task(logins.settle, attempt, account, password)
    if not in_cookie:
        return TokenAnswer.of(issued, rotation)
    for sid, token in read_all_cookies(request).items():
        # The browser has one user at a time. A session that nobody can name would live on.
        # An unknown cookie may be that of another server at this origin.
        if await run_in_threadpool(sessions.close, token, sid):
            delete_cookie(response, sid)
    set_cookie(response, issued.sid, issued.refresh_token, issued.refresh_expires_in)
    return TokenAnswer.of_cookie(issued)


@router.post(
    "/refresh", response_model_exclude_none=True, responses=answers(401, 403, 409, 422, 429)
)
def refresh(
    request: Request,
    response: Response,
    rotations: UseRotations,
    cookie_rotations: UseCookieRotations,
    rotation: UseRotation,
    body: RefreshBody,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> TokenAnswer:
    """Exchange a refresh token for new tokens of the same session."""
    if body.refresh_token is not None:
        if rotation is Rotation.STRICT:
            # Strict rotation ignores the header, like a server that does not know it.
            idempotency_key = None
        if idempotency_key is not None:
            _check_key(idempotency_key)
        return TokenAnswer.of(rotations.rotate(body.refresh_token, idempotency_key), rotation)
    require_own_page(request)
    sid, session_key = str(body.sid), str(body.session_key)
    _check_key(session_key)
    try:
        issued = cookie_rotations.rotate(sid, session_key, read_cookie(request, sid))
    except SessionOverError as over:
        raise CookieOverError(over.refusal, sid) from None
    set_cookie(response, sid, issued.refresh_token, issued.refresh_expires_in)
    return TokenAnswer.of_cookie(issued)


@router.post("/logout", status_code=204, responses=answers(403, 422))
def logout(request: Request, response: Response, sessions: UseSessions, body: LogoutBody) -> None:
    """End a session by any of its refresh tokens."""
    # No access token is needed, because a logout must work with an expired one.
    if body.refresh_token is not None:
        sessions.close(body.refresh_token)
        return
    require_own_page(request)
    sid = str(body.sid)
    token = read_cookie(request, sid)
    if token is not None:
        sessions.close(token, sid)
    elif body.session_key is not None and is_sid(sid):
        sessions.close_without_cookie(sid, body.session_key)
    delete_cookie(response, sid)


def _check_key(key: str) -> None:
    # Refuse before the token is spent, so that the client can repeat with a valid key.
    if not KEY_FORM.fullmatch(key):
        raise InvalidKeyError
