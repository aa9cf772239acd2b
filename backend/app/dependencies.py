"""The dependencies of the endpoints, one for each thing that an endpoint uses."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from .core.config import Rotation
from .core.database import Database
from .core.errors import NotAuthenticatedError
from .core.passwords import Gone, Passwords
from .core.security import AccessTokens
from .services.accounts import Accounts
from .services.cookie_rotation import CookieRotations
from .services.login import Logins
from .services.own_sessions import OwnSessions
from .services.purge import Purge
from .services.rotation import Rotations
from .services.sessions import Sessions, SignedIn
from .services.throttle import Throttle


@dataclass(frozen=True)
class Services:
    """What one application is made of. `factory` builds it when the application starts."""

    database: Database
    accounts: Accounts
    passwords: Passwords
    sessions: Sessions
    logins: Logins
    throttle: Throttle
    purge: Purge
    rotations: Rotations
    cookie_rotations: CookieRotations
    own_sessions: OwnSessions
    tokens: AccessTokens
    rotation: Rotation


def get_services(request: Request) -> Services:
    found = request.app.state.services
    assert isinstance(found, Services)  # noqa: S101 - the application's lifespan puts it there
    return found


UseServices = Annotated[Services, Depends(get_services)]


def get_accounts(services: UseServices) -> Accounts:
    return services.accounts


def get_passwords(services: UseServices) -> Passwords:
    return services.passwords


def get_sessions(services: UseServices) -> Sessions:
    return services.sessions


def get_logins(services: UseServices) -> Logins:
    return services.logins


def get_throttle(services: UseServices) -> Throttle:
    return services.throttle


def get_client_address(request: Request) -> str:
    """The client's address. Without a socket of the internet there is none."""
    return request.client.host if request.client else ""


def get_gone(request: Request) -> Gone:
    """Waits until the client has gone away. For endpoints that have read the body."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    return gone


def get_rotations(services: UseServices) -> Rotations:
    return services.rotations


def get_cookie_rotations(services: UseServices) -> CookieRotations:
    return services.cookie_rotations


def get_own_sessions(services: UseServices) -> OwnSessions:
    return services.own_sessions


def get_tokens(services: UseServices) -> AccessTokens:
    return services.tokens


def get_rotation(services: UseServices) -> Rotation:
    return services.rotation


UseAccounts = Annotated[Accounts, Depends(get_accounts)]
UsePasswords = Annotated[Passwords, Depends(get_passwords)]
UseLogins = Annotated[Logins, Depends(get_logins)]
UseThrottle = Annotated[Throttle, Depends(get_throttle)]
ClientAddress = Annotated[str, Depends(get_client_address)]
UseGone = Annotated[Gone, Depends(get_gone)]
UseSessions = Annotated[Sessions, Depends(get_sessions)]
UseRotations = Annotated[Rotations, Depends(get_rotations)]
UseCookieRotations = Annotated[CookieRotations, Depends(get_cookie_rotations)]
UseOwnSessions = Annotated[OwnSessions, Depends(get_own_sessions)]
UseTokens = Annotated[AccessTokens, Depends(get_tokens)]
UseRotation = Annotated[Rotation, Depends(get_rotation)]
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


def get_current_user(
    tokens: UseTokens, sessions: UseSessions, credentials: Credentials
) -> SignedIn:
    """The user of the request's access token."""
    if credentials is None:
        raise NotAuthenticatedError
    return sessions.signed_in(tokens.read(credentials.credentials))


CurrentUser = Annotated[SignedIn, Depends(get_current_user)]
