"""An endpoint that needs an access token, as an application has many."""

from fastapi import APIRouter

from ..dependencies import CurrentUser
from ..schemas import ProtectedAnswer, utc
from ..web.responses import answers

router = APIRouter(tags=["protected"])


@router.get("/protected-route", responses=answers(401))
async def read_protected(user: CurrentUser) -> ProtectedAnswer:
    return ProtectedAnswer(
        message=f"Hello, {user.name}! Only somebody who is signed in can read this.",
        user=user.name,
        issued_at=utc(user.issued_at),
    )
