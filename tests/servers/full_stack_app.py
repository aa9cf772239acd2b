"""The login and users/me of the full-stack-fastapi-template: SQLModel, PyJWT and pwdlib.

Its token is a JWT that no store knows, so a logout cannot reach the server. An administrator ends
a session by deleting the user.
"""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated

import jwt
import uvicorn
from fastapi import APIRouter, Depends, FastAPI, HTTPException
from fastapi.middleware.cors import CORSMiddleware
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from jwt.exceptions import InvalidTokenError
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher
from pydantic import ValidationError
from sqlmodel import Field, Session, SQLModel, create_engine, select
from sqlmodel.pool import StaticPool

import options

given = options.read()
EMAIL = f"{options.USERNAME}@example.org"
PREFIX = "/api/v1"
ALGORITHM = "HS256"
keys = [options.SECRET]
hasher = PasswordHash((Argon2Hasher(), BcryptHasher()))
engine = create_engine("sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool)


class UserPublic(SQLModel):
    id: uuid.UUID = Field(default_factory=uuid.uuid4, primary_key=True)
    email: str = Field(unique=True, index=True)
    is_active: bool = True


class User(UserPublic, table=True):
    hashed_password: str


class Token(SQLModel):
    access_token: str
    token_type: str = "bearer"


class TokenPayload(SQLModel):
    sub: str | None = None


def database() -> Iterator[Session]:
    with Session(engine) as session:
        yield session


Database = Annotated[Session, Depends(database)]
BearerToken = Annotated[str, Depends(OAuth2PasswordBearer(tokenUrl=f"{PREFIX}/login/access-token"))]


def current_user(session: Database, token: BearerToken) -> User:
    try:
        payload = jwt.decode(token, keys[-1], algorithms=[ALGORITHM])
        data = TokenPayload(**payload)
    except (InvalidTokenError, ValidationError):
        raise HTTPException(403, detail="Could not validate credentials") from None
    user = session.get(User, uuid.UUID(data.sub))
    if not user:
        raise HTTPException(404, detail="User not found")
    if not user.is_active:
        raise HTTPException(400, detail="Inactive user")
    return user


def add_user(session: Session) -> None:
    session.add(User(email=EMAIL, hashed_password=hasher.hash(options.PASSWORD)))
    session.commit()


api = APIRouter(prefix=PREFIX)


@api.post("/login/access-token")
def login(session: Database, form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> Token:
    user = session.exec(select(User).where(User.email == form.username)).first()
    if not user or not hasher.verify(form.password, user.hashed_password):
        raise HTTPException(400, detail="Incorrect email or password")
    if not user.is_active:
        raise HTTPException(400, detail="Inactive user")
    end = datetime.now(UTC) + timedelta(seconds=given.access_seconds)
    claims = {"exp": end, "sub": str(user.id)}
    return Token(access_token=jwt.encode(claims, keys[-1], algorithm=ALGORITHM))


@api.get("/users/me")
def read_me(user: Annotated[User, Depends(current_user)]) -> UserPublic:
    return UserPublic.model_validate(user)


app = FastAPI()
app.add_middleware(
    CORSMiddleware,
    allow_origins=[given.allow_origin],
    allow_methods=["*"],
    allow_headers=["*"],
    max_age=60,
)
app.include_router(api)


@app.get("/_store")
def store(session: Database) -> dict[str, int]:
    """The template's store holds users only."""
    active = [user.is_active for user in session.exec(select(User))]
    return {"live": active.count(True), "ended": active.count(False)}


@app.post("/_store/end")
def end(session: Database) -> None:
    """Deactivates the user, and adds one of the same name, so that the test can log in again."""
    for user in session.exec(select(User)):
        user.is_active = False
        user.email = f"{user.id}@example.org"
        session.add(user)
    session.commit()
    add_user(session)


@app.post("/_store/rekey")
def rekey() -> None:
    keys.append(options.NEW_SECRET)


if __name__ == "__main__":
    SQLModel.metadata.create_all(engine)
    with Session(engine) as first:
        add_user(first)
    uvicorn.run(app, port=given.port, log_level="warning")
