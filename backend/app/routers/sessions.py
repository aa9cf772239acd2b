"""The user's own sessions: list them, end them."""

from fastapi import APIRouter

from ..dependencies import CurrentUser, UseOwnSessions
from ..schemas import EndedAnswer, SessionAnswer, SessionsAnswer
from ..web.responses import answers

router = APIRouter(prefix="/sessions", tags=["sessions"])


@router.get("", responses=answers(401))
def list_sessions(own_sessions: UseOwnSessions, user: CurrentUser) -> SessionsAnswer:
    """The last used session first."""
    found = own_sessions.all(user)
    return SessionsAnswer(sessions=[SessionAnswer.of(session, user) for session in found])


@router.delete("/{sid}", status_code=204, responses=answers(401, 404, 422))
def end_session(own_sessions: UseOwnSessions, user: CurrentUser, sid: str) -> None:
    own_sessions.end(user, sid)


@router.delete("", responses=answers(401))
def end_other_sessions(own_sessions: UseOwnSessions, user: CurrentUser) -> EndedAnswer:
    """End all sessions except the calling one."""
    return EndedAnswer(ended=own_sessions.end_others(user))
