"""fastapi-jwt-auth, by the fork that is maintained: a deny list, `DELETE /logout`.

A refresh keeps the refresh token. With `--cookies` that token is in a cookie.
"""

from datetime import timedelta
from typing import Annotated

import uvicorn
from another_fastapi_jwt_auth import AuthJWT
from another_fastapi_jwt_auth.exceptions import AuthJWTException
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
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

Auth = Annotated[AuthJWT, Depends()]
issued: set[str] = set()
denied: set[str] = set()


class Settings(BaseModel):
    authjwt_secret_key: str = options.SECRET
    authjwt_access_token_expires: timedelta = timedelta(seconds=given.access_seconds)
    authjwt_token_location: set[str] = {"headers", "cookies"} if given.cookies else {"headers"}
    authjwt_cookie_samesite: str = "strict"
    authjwt_denylist_enabled: bool = True
    authjwt_denylist_token_checks: set[str] = {"access", "refresh"}


@AuthJWT.load_config
def settings() -> Settings:
    return Settings()


@AuthJWT.token_in_denylist_loader
def is_denied(token: dict) -> bool:
    return token["jti"] in denied


@app.exception_handler(AuthJWTException)
def refuse(_request: Request, error: AuthJWTException) -> JSONResponse:
    return JSONResponse(status_code=error.status_code, content={"detail": error.message})


class Login(BaseModel):
    username: str
    password: str


@app.post("/login")
def login(data: Login, auth: Auth) -> dict[str, str]:
    if (data.username, data.password) != (options.USERNAME, options.PASSWORD):
        raise HTTPException(401, detail="Bad username or password")
    tokens = {
        "access_token": auth.create_access_token(subject=data.username),
        "refresh_token": auth.create_refresh_token(subject=data.username),
    }
    issued.update(auth.get_jti(token) for token in tokens.values())
    if given.cookies:
        auth.set_refresh_cookies(tokens.pop("refresh_token"))
    return tokens


@app.post("/refresh")
def refresh(auth: Auth) -> dict[str, str]:
    auth.jwt_refresh_token_required()
    access = auth.create_access_token(subject=auth.get_jwt_subject())
    issued.add(auth.get_jti(access))
    return {"access_token": access}


@app.delete("/logout")
def logout(auth: Auth) -> dict[str, str]:
    auth.jwt_required()
    denied.add(auth.get_raw_jwt()["jti"])
    if given.cookies:
        auth.jwt_refresh_token_required("cookies")
        denied.add(auth.get_raw_jwt()["jti"])
        auth.unset_refresh_cookies()
    return {"detail": "Logged out"}


@app.get("/protected-route")
def protected(auth: Auth) -> dict[str, str]:
    auth.jwt_required()
    return {"user": auth.get_jwt_subject()}


@app.get("/_store")
def store() -> dict[str, int]:
    return {"live": len(issued - denied), "ended": len(denied)}


@app.post("/_store/end")
def end() -> None:
    denied.update(issued)


@app.post("/_store/rekey")
def rekey() -> None:
    AuthJWT.load_config(lambda: Settings(authjwt_secret_key=options.NEW_SECRET))


if __name__ == "__main__":
    uvicorn.run(app, port=given.port, log_level="warning")
