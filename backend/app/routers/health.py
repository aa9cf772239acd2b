"""Whether the server answers."""

from fastapi import APIRouter

from ..schemas import HealthAnswer
from ..web.responses import answers

router = APIRouter(tags=["health"])


@router.get("/health", responses=answers())
async def health() -> HealthAnswer:
    return HealthAnswer()
