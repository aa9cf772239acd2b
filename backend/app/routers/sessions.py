"""The user's own sessions: list them, end them."""

from typing import Annotated

from fastapi import APIRouter, Query

from ..dependencies import CurrentUser, UseOwnSessions
from ..schemas import EndedAnswer, SessionAnswer, SessionsAnswer
from ..web.responses import answers

router = APIRouter(prefix="/sessions", tags=["sessions"])

MAX_PAGE = 100
MAX_OFFSET = 10_000


@router.get("", response_model_exclude_unset=True, responses=answers(401, 422))
def list_sessions(
    own_sessions: UseOwnSessions,
    user: CurrentUser,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = MAX_PAGE,
    offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
) -> SessionsAnswer:
    """The last used session first. ``more`` is there if the page is not the last one."""
    found = own_sessions.page(user, limit + 1, offset)
    sessions = [SessionAnswer.of(session, user) for session in found[:limit]]
    if len(found) > limit:
        return SessionsAnswer(sessions=sessions, more=True)
    return SessionsAnswer(sessions=sessions)


@router.delete("/{sid}", status_code=204, responses=answers(401, 404, 422))
def end_session(own_sessions: UseOwnSessions, user: CurrentUser, sid: str) -> None:
    own_sessions.end(user, sid)


@router.delete("", responses=answers(401))
def end_other_sessions(own_sessions: UseOwnSessions, user: CurrentUser) -> EndedAnswer:
    """End all sessions except the calling one."""
    return EndedAnswer(ended=own_sessions.end_others(user))
