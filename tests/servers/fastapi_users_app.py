"""fastapi-users with its database strategy: a login gives one token, a logout deletes it."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin
from fastapi_users.authentication import AuthenticationBackend, BearerTransport
from fastapi_users.authentication.strategy.db import AccessTokenDatabase, DatabaseStrategy
from fastapi_users.schemas import BaseUserCreate
from fastapi_users_db_sqlalchemy import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from fastapi_users_db_sqlalchemy.access_token import (
    SQLAlchemyAccessTokenDatabase,
    SQLAlchemyBaseAccessTokenTableUUID,
)
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import StaticPool

import options

given = options.read()
EMAIL = f"{options.USERNAME}@example.org"


class Base(DeclarativeBase):
    pass


class User(SQLAlchemyBaseUserTableUUID, Base):
    pass


class AccessToken(SQLAlchemyBaseAccessTokenTableUUID, Base):
    pass


engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
sessions = async_sessionmaker(engine, expire_on_commit=False)


async def session() -> AsyncIterator[AsyncSession]:
    async with sessions() as made:
        yield made


Session = Annotated[AsyncSession, Depends(session)]


class UserManager(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
    reset_password_token_secret = options.SECRET
    verification_token_secret = options.SECRET


async def user_manager(db: Session) -> AsyncIterator[UserManager]:
    yield UserManager(SQLAlchemyUserDatabase(db, User))


async def access_tokens(db: Session) -> AsyncIterator[AccessTokenDatabase[AccessToken]]:
    yield SQLAlchemyAccessTokenDatabase(db, AccessToken)


def strategy(
    tokens: Annotated[AccessTokenDatabase[AccessToken], Depends(access_tokens)],
) -> DatabaseStrategy:
    return DatabaseStrategy(tokens, lifetime_seconds=given.access_seconds)


backend = AuthenticationBackend(
    name="database", transport=BearerTransport(tokenUrl="auth/jwt/login"), get_strategy=strategy
)
users = FastAPIUsers[User, uuid.UUID](user_manager, [backend])


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with sessions() as db:
        manager = UserManager(SQLAlchemyUserDatabase(db, User))
        await manager.create(BaseUserCreate(email=EMAIL, password=options.PASSWORD))
    yield


app = FastAPI(lifespan=lifespan)
app.add_middleware(
    CORSMiddleware,
    allow_origins=[given.allow_origin],
    allow_methods=["*"],
    allow_headers=["*"],
    max_age=60,
)
app.include_router(users.get_auth_router(backend), prefix="/auth/jwt")


@app.get("/protected-route")
def protected(user: Annotated[User, Depends(users.current_user(active=True))]) -> dict[str, str]:
    return {"user": user.email}


@app.get("/_store")
async def store(db: Session) -> dict[str, int]:
    live = await db.scalar(select(func.count()).select_from(AccessToken))
    return {"live": live or 0, "ended": 0}


@app.post("/_store/end")
async def end(db: Session) -> None:
    await db.execute(delete(AccessToken))
    await db.commit()


if __name__ == "__main__":
    uvicorn.run(app, port=given.port, log_level="warning")
