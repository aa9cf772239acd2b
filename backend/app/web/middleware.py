"""Middleware for every request: access log, safe headers, JSON for crashes, body limit."""

import logging
import time

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..core.config import Environment, Settings
from ..core.events import client_address
from .errors import internal_error

MAX_BODY_BYTES = 64 * 1024
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

access_logger = logging.getLogger("app.access")
error_logger = logging.getLogger("app.errors")


class AccessLog:
    """Logs one line for each request: method, route, status, time.

    Queries and unknown paths are not logged, because a faulty client can put a token into both.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0
        client = scope.get("client")
        client_address.set(client[0] if client else None)

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", "(no route)")
            milliseconds = (time.perf_counter() - started) * 1000
            # A faulty client can send a token as the method, too.
            method = scope["method"] if scope["method"] in METHODS else "-"
            access_logger.info("%s %s %d %.1f ms", method, route, status, milliseconds)


def safe_headers(settings: Settings) -> list[tuple[bytes, bytes]]:
    """What every answer says, those to broken requests and preflights too.

    No cache stores it, no browser guesses its media type, and no other page frames it or loads it
    as if it were its own. Browsers ignore HSTS without TLS, but a development server may later be
    asked over TLS by a test, so it says nothing there.
    """
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    if settings.environment is Environment.PRODUCTION:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


class SafeHeaders:
    """Adds these headers to every answer of the application."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._headers = safe_headers(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self._headers]
            await send(message)

        await self._app(scope, receive, add)


class InternalErrors:
    """Turns a crash into JSON *inside* the CORS middleware.

    Starlette's own handler runs outside the CORS middleware. A browser would hide its 500 from the
    page, and the page could only say "cannot reach the server".
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watch(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception:
            if begun:
                raise
            error_logger.exception("Unhandled error")
            await internal_error()(scope, receive, send)


class BodyLimit:
    """Refuses an oversized body before it is collected in memory. No valid request is so large."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = 0

        async def count() -> Message:
            # Count the received bytes, because a chunked body announces no length.
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES or _announced(scope) > MAX_BODY_BYTES:
                raise HTTPException(413, "The request is too large")
            return message

        await self._app(scope, count, send)


def _announced(scope: Scope) -> int:
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isdecimal() else 0
