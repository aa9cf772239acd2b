"""A development server answers this machine only, unless it is told otherwise."""

import ipaddress
from collections.abc import Iterable

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ..core.config import Environment, Settings


def is_reachable_as_set(settings: Settings, addresses: Iterable[str]) -> bool:
    """Whether these addresses of the server are allowed in this environment."""
    development = settings.environment is Environment.DEVELOPMENT
    return not development or settings.development_anywhere or all(map(_is_loopback, addresses))


class Reach:
    """Refuses requests that reach a development server at another address than loopback.

    ``python -m app`` does not listen there at all. uvicorn's own options do not tell the
    application where it listens, but each request does.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        server = scope.get("server")
        if scope["type"] == "http" and server and not self._allows(server[0]):
            refusal = {"detail": "A development server answers its own machine only"}
            await JSONResponse(refusal, 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _allows(self, address: str) -> bool:
        return is_reachable_as_set(self._settings, [address])


def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        # A name or the path of a Unix socket: only a test or this machine reaches the server so.
        return True
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback
