"""What users do with their own account."""

from datetime import UTC, datetime

from fastapi import APIRouter
from pydantic import BaseModel

from .dependencies import User

router = APIRouter()


class UserAnswer(BaseModel):
    username: str
    created_at: datetime


@router.get("/users/me")
async def me(user: User) -> UserAnswer:
    return UserAnswer(username=user.name, created_at=datetime.fromtimestamp(user.created_at, UTC))
