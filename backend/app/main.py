"""Assembles the application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from . import account_routes, routes
from .accounts import Accounts
from .config import Environment, Rotation, Settings, load_settings
from .database import Database
from .dependencies import Services
from .errors import install_error_handlers
from .middleware import AccessLog, BodyLimit, InternalErrors, SafeHeaders
from .own_sessions import OwnSessions
from .passwords import Passwords
from .sessions import Clock, Sessions, system_clock
from .tokens import AccessTokens

# The headers that a page of another origin may read in an answer.
EXPOSED_HEADERS = ("WWW-Authenticate", "Retry-After", "DPoP-Nonce", "Date")
# Two hours, the maximum that Chromium honours. Until then repeated requests need no preflight.
PREFLIGHT_SECONDS = 7200


def create_app(settings: Settings | None = None, clock: Clock = system_clock) -> FastAPI:
    """Build the application. Without ``settings``, read them from the environment.

    ``clock`` decides when sessions expire. A test passes its own clock to skip weeks.

    Raises:
        ConfigError: if a setting is unusable.
    """
    settings = settings or load_settings()
    tokens = AccessTokens(
        settings.signing_key(),
        settings.previous_keys(),
        issuer=settings.issuer,
        audience=settings.audience,
        leeway=settings.leeway_seconds,
    )
    database = Database(settings.url)
    try:
        database.create_schema()
    except BaseException:
        database.close()
        raise

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        database.close()

    development = settings.environment is Environment.DEVELOPMENT
    app = FastAPI(
        title="yew-jwt-auth reference server",
        lifespan=lifespan,
        # A redirect would send the request, with its tokens, to the address in Location.
        redirect_slashes=False,
        openapi_url="/openapi.json" if development else None,
        # The documentation pages load their scripts from a third party.
        docs_url=None,
        redoc_url=None,
    )
    app.state.services = Services(
        accounts=Accounts(database),
        passwords=Passwords(settings),
        sessions=Sessions(database, tokens, settings, clock),
        own_sessions=OwnSessions(database, settings, clock),
        tokens=tokens,
        rotation=settings.rotation,
    )
    app.include_router(routes.router)
    app.include_router(account_routes.router)
    install_error_handlers(app)
    _install_middleware(app, settings)
    return app


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
        # Tokens travel in headers and bodies, never in cookies.
        allow_credentials=False,
        expose_headers=EXPOSED_HEADERS,
        max_age=PREFLIGHT_SECONDS,
    )
    app.add_middleware(SafeHeaders)
    app.add_middleware(AccessLog)
