"""The client's address behind reverse proxies."""

import logging

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

logger = logging.getLogger("app.proxies")


class ClientAddresses:
    """Takes X-Forwarded-For from the configured proxies, and from nobody else.

    Says once if somebody else sends it: behind a proxy that is not configured all clients have one
    address, and one guesser slows down everybody.
    """

    def __init__(self, app: ASGIApp, trusted: tuple[str, ...]) -> None:
        self._app = app
        self._from_proxies = ProxyHeadersMiddleware(app, list(trusted))  # type: ignore[arg-type]
        self._trusted = trusted
        self._told = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._trusted:
            await self._from_proxies(scope, receive, send)  # type: ignore[arg-type]
            return
        if not self._told and scope["type"] == "http":
            self._told = any(name == b"x-forwarded-for" for name, _ in scope["headers"])
            if self._told:
                logger.warning(
                    "X-Forwarded-For is ignored; behind a proxy set AUTH_TRUSTED_PROXIES to its "
                    "address"
                )
        await self._app(scope, receive, send)
