"""Assembles the application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from .core.clock import Clock, system_clock
from .core.config import Environment, Rotation, Settings, load_settings
from .core.database import Database
from .core.passwords import Passwords
from .core.security import AccessTokens
from .dependencies import Services
from .routers import account, health, protected, tokens
from .routers import sessions as own_sessions
from .services.accounts import Accounts
from .services.cookie_rotation import CookieRotations
from .services.issuing import Issuer
from .services.login import Logins
from .services.own_sessions import OwnSessions
from .services.purge import Purge
from .services.rotation import Rotations
from .services.sessions import Sessions
from .services.throttle import Throttle
from .web.errors import install_error_handlers
from .web.middleware import AccessLog, BodyLimit, InternalErrors, SafeHeaders
from .web.proxies import ClientAddresses
from .web.reach import Reach

# The headers that a page of another origin may read in an answer.
EXPOSED_HEADERS = ("WWW-Authenticate", "Retry-After", "DPoP-Nonce", "Date")
# Two hours, the maximum that Chromium honours. Until then repeated requests need no preflight.
PREFLIGHT_SECONDS = 7200


def create_app(
    settings: Settings | None = None, clock: Clock = system_clock, *, prepared: bool = False
) -> FastAPI:
    """Build the application. Without ``settings``, read them from the environment.

    The database is opened when the application starts, not here. If it is ``prepared``, its tables
    are up to date, and the application starts without it.

    Raises:
        ConfigError: if a setting is unusable.
    """
    chosen = settings or load_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.services = services = build_services(chosen, clock, prepared=prepared)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(services.purge.run)
            yield
            tasks.cancel_scope.cancel()
        services.database.close()

    development = chosen.environment is Environment.DEVELOPMENT
    app = FastAPI(
        title="yew-jwt-auth reference server",
        description="Errors are JSON with a `detail`. An unknown path is a 404.",
        lifespan=lifespan,
        # A redirect would send the request, with its tokens, to the address in Location.
        redirect_slashes=False,
        openapi_url="/openapi.json" if development else None,
        # The documentation pages load their scripts from a third party.
        docs_url=None,
        redoc_url=None,
    )
    for module in (tokens, protected, account, own_sessions, health):
        app.include_router(module.router)
    install_error_handlers(app)
    _install_middleware(app, chosen)
    return app


def build_services(settings: Settings, clock: Clock, *, prepared: bool = False) -> Services:
    """Open the database, bring its tables up to date, and connect the parts.

    The tables of a ``prepared`` database are up to date, so it is not opened yet.

    Raises:
        ConfigError: if the kept secret is unusable.
        SQLAlchemyError, OSError: if the database cannot be opened.
    """
    access_tokens = AccessTokens(
        settings.signing_key(),
        settings.previous_keys(),
        issuer=settings.issuer,
        audience=settings.audience,
        leeway=settings.leeway_seconds,
        clock=clock,
    )
    database = Database(settings.url)
    if not prepared:
        try:
            database.create_schema()
        except BaseException:
            database.close()
            raise
    issuer = Issuer(access_tokens, settings)
    accounts, passwords = Accounts(database, clock), Passwords(settings)
    sessions = Sessions(database, issuer, settings, clock)
    throttle = Throttle(database, clock)
    return Services(
        database=database,
        accounts=accounts,
        passwords=passwords,
        sessions=sessions,
        logins=Logins(accounts, passwords, sessions, throttle),
        throttle=throttle,
        purge=Purge(database, clock),
        rotations=Rotations(database, issuer, clock),
        cookie_rotations=CookieRotations(database, issuer, clock),
        own_sessions=OwnSessions(database, settings, clock),
        tokens=access_tokens,
        rotation=settings.rotation,
    )


def _install_middleware(app: FastAPI, settings: Settings) -> None:
    request_headers = ["authorization", "content-type"]
    if settings.rotation is Rotation.IDEMPOTENT:
        request_headers.append("idempotency-key")
    # The middleware that is added last is the outermost.
    app.add_middleware(BodyLimit)
    app.add_middleware(InternalErrors)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=("GET", "POST", "DELETE"),
        allow_headers=request_headers,
        # A page of another origin has no use for cookies: cookie custody is for the own origin.
        allow_credentials=False,
        expose_headers=EXPOSED_HEADERS,
        max_age=PREFLIGHT_SECONDS,
    )
    app.add_middleware(Reach, settings=settings)
    app.add_middleware(SafeHeaders, settings=settings)
    app.add_middleware(AccessLog)
    app.add_middleware(ClientAddresses, trusted=settings.trusted_proxies)
