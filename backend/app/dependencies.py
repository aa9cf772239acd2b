"""The dependencies of the endpoints: the services and the signed-in user."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from .accounts import Accounts
from .config import Rotation
from .errors import unauthorized
from .own_sessions import OwnSessions
from .passwords import Passwords
from .sessions import Sessions, SignedIn
from .tokens import AccessTokens


@dataclass(frozen=True)
class Services:
    """The services that the endpoints use. Each application has its own."""

    accounts: Accounts
    passwords: Passwords
    sessions: Sessions
    own_sessions: OwnSessions
    tokens: AccessTokens
    rotation: Rotation


def services(request: Request) -> Services:
    found = request.app.state.services
    assert isinstance(found, Services)  # noqa: S101 - create_app() puts it there
    return found


Use = Annotated[Services, Depends(services)]
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


def signed_in(use: Use, credentials: Credentials) -> SignedIn:
    """The user of the request's access token. Without a live session the answer is a 401."""
    if credentials is None:
        raise unauthorized("Not authenticated")
    claims = use.tokens.read(credentials.credentials)
    user = use.sessions.signed_in(claims) if claims else None
    if user is None:
        raise unauthorized("Could not validate credentials", invalid_token=True)
    return user


User = Annotated[SignedIn, Depends(signed_in)]
