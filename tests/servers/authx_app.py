"""AuthX: the refresh token in `Authorization`, or with `--cookies` in a cookie.

The application keeps the block list.
"""

from datetime import timedelta
from typing import Annotated

import uvicorn
from authx import AuthX, AuthXConfig, TokenPayload
from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from pydantic import BaseModel

import options

given = options.read()
app = FastAPI()
app.add_middleware(
    CORSMiddleware,
    allow_origins=[given.allow_origin],
    allow_methods=["*"],
    allow_headers=["*"],
    max_age=60,
)
auth = AuthX(
    config=AuthXConfig(
        JWT_SECRET_KEY=options.SECRET,
        JWT_TOKEN_LOCATION=["headers", "cookies"] if given.cookies else ["headers"],
        JWT_COOKIE_SAMESITE="strict",
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(seconds=given.access_seconds),
    )
)
auth.handle_errors(app)

issued: set[str] = set()
blocked: set[str] = set()


@auth.set_callback_token_blocklist
def is_blocked(token: str) -> bool:
    return token in blocked


class Login(BaseModel):
    username: str
    password: str


@app.post("/login")
def login(data: Login, response: Response) -> dict[str, str]:
    if (data.username, data.password) != (options.USERNAME, options.PASSWORD):
        raise HTTPException(401, detail="Invalid credentials")
    access, refresh = (
        auth.create_access_token(uid=data.username),
        auth.create_refresh_token(uid=data.username),
    )
    issued.update((access, refresh))
    if given.cookies:
        auth.set_refresh_cookies(refresh, response)
        return {"access_token": access, "token_type": "bearer"}
    return {"access_token": access, "refresh_token": refresh, "token_type": "bearer"}


@app.post("/refresh")
def refresh(
    payload: Annotated[TokenPayload, Depends(auth.refresh_token_required)],
) -> dict[str, str]:
    access = auth.create_access_token(uid=payload.sub)
    issued.add(access)
    return {"access_token": access, "token_type": "bearer"}


@app.post("/logout", dependencies=[Depends(auth.access_token_required)])
def logout(
    authorization: Annotated[str, Header()], request: Request, response: Response
) -> dict[str, str]:
    blocked.add(authorization.removeprefix("Bearer "))
    if given.cookies:
        blocked.add(request.cookies[auth.config.JWT_REFRESH_COOKIE_NAME])
        auth.unset_refresh_cookies(response)
    return {"message": "Logged out"}


@app.get("/protected-route")
def protected(
    payload: Annotated[TokenPayload, Depends(auth.access_token_required)],
) -> dict[str, str]:
    return {"user": payload.sub}


@app.get("/_store")
def store() -> dict[str, int]:
    return {"live": len(issued - blocked), "ended": len(blocked)}


@app.post("/_store/end")
def end() -> None:
    blocked.update(issued)


@app.post("/_store/rekey")
def rekey() -> None:
    auth.config.JWT_SECRET_KEY = options.NEW_SECRET


if __name__ == "__main__":
    uvicorn.run(app, port=given.port, log_level="warning")
