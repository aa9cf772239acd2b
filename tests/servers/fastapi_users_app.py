"""fastapi-users with its database strategy: a login gives one token, a logout deletes it.

With `--cookies` the login puts that token into a cookie alone, and `/auth/refresh` gives access
tokens for it.
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin
from fastapi_users.authentication import (
    AuthenticationBackend,
    BearerTransport,
    CookieTransport,
    JWTStrategy,
)
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


def cookie_strategy(
    tokens: Annotated[AccessTokenDatabase[AccessToken], Depends(access_tokens)],
) -> DatabaseStrategy:
    return DatabaseStrategy(tokens, lifetime_seconds=3600)


def jwt_strategy() -> JWTStrategy:
    return JWTStrategy(options.SECRET, lifetime_seconds=given.access_seconds)


backend = AuthenticationBackend(
    name="database", transport=BearerTransport(tokenUrl="auth/jwt/login"), get_strategy=strategy
)
cookie_backend = AuthenticationBackend(
    name="cookie",
    transport=CookieTransport(cookie_samesite="strict"),
    get_strategy=cookie_strategy,
)
jwt_backend = AuthenticationBackend(
    name="jwt", transport=BearerTransport(tokenUrl="auth/refresh"), get_strategy=jwt_strategy
)
users = FastAPIUsers[User, uuid.UUID](user_manager, [backend, cookie_backend, jwt_backend])
signed_in = users.current_user(
    active=True, get_enabled_backends=lambda: [jwt_backend if given.cookies else backend]
)
has_cookie = users.current_user(active=True, get_enabled_backends=lambda: [cookie_backend])


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
app.include_router(users.get_auth_router(cookie_backend), prefix="/auth/cookie")


@app.post("/auth/refresh")
async def refresh(user: Annotated[User, Depends(has_cookie)]) -> dict[str, str | int]:
    # Its JWT does not say when it was made, so the answer says how long it lives.
    token = await jwt_strategy().write_token(user)
    return {"access_token": token, "expires_in": given.access_seconds}


@app.get("/protected-route")
def protected(user: Annotated[User, Depends(signed_in)]) -> dict[str, str]:
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
