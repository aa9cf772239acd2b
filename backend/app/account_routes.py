"""Endpoints for the user's own account: profile, password, sessions."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, Field
from starlette.concurrency import run_in_threadpool

from .dependencies import Use, User
from .errors import bad_request
from .own_sessions import OwnSession
from .passwords import MIN_PASSWORD_CHARS, usable
from .sessions import SignedIn

router = APIRouter()


class UserAnswer(BaseModel):
    username: str
    created_at: datetime


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
            created_at=_utc(session.created_at),
            last_used_at=_utc(session.last_used_at),
            device=session.device,
            current=session.sid == user.sid,
        )


class SessionsAnswer(BaseModel):
    sessions: list[SessionAnswer]


class EndedAnswer(BaseModel):
    ended: int


class PasswordBody(BaseModel):
    current_password: str
    new_password: Annotated[str, Field(min_length=MIN_PASSWORD_CHARS), AfterValidator(usable)]


@router.get("/users/me")
async def me(user: User) -> UserAnswer:
    return UserAnswer(username=user.name, created_at=_utc(user.created_at))


@router.post("/password", status_code=204, response_model=None)
async def change_password(use: Use, user: User, body: PasswordBody) -> Response | None:
    account = await run_in_threadpool(use.accounts.find, user.name)
    stored_hash = account.password_hash if account else None
    new_hash = await use.passwords.replace(body.current_password, body.new_password, stored_hash)
    if stored_hash is None or new_hash is None:
        # The current password is required although the user is signed in (ASVS 6.2.3). A wrong
        # one is a mistake in a form, so the status is 400. A 401 would mean an expired token: the
        # client would refresh and send the wrong password again. Some clients take a 403 for the
        # end of the session, or for an expired token.
        return bad_request("wrong_password", "The current password is wrong")
    if not await run_in_threadpool(use.accounts.change_password, user, stored_hash, new_hash):
        return _changed_meanwhile()
    return None


@router.get("/sessions")
def list_sessions(use: Use, user: User) -> SessionsAnswer:
    found = use.own_sessions.all(user)
    return SessionsAnswer(sessions=[SessionAnswer.of(session, user) for session in found])


@router.delete("/sessions/{sid}", status_code=204)
def end_session(use: Use, user: User, sid: str) -> None:
    if not use.own_sessions.end(user, sid):
        raise HTTPException(404, "There is no such session")


@router.delete("/sessions")
def end_other_sessions(use: Use, user: User) -> EndedAnswer:
    return EndedAnswer(ended=use.own_sessions.end_others(user))


def _changed_meanwhile() -> JSONResponse:
    # A repeated request gets the reason: a wrong password, or an ended session.
    body = {"detail": "The account has just been changed, please try again", "error": "conflict"}
    return JSONResponse(body, 409)


def _utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
