"""HTTP/1.1 with the limits that uvicorn has not: deadlines, sizes, a bound on connections.

httptools refuses what makes two servers read one request differently (RFC 9112 section 11.2):
Transfer-Encoding with Content-Length, folded lines, bare line feeds, blanks before a colon.
"""

import asyncio
import socket
from functools import cache
from typing import Any

from starlette.responses import JSONResponse
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ..core.config import Settings, load_settings
from ..web.middleware import safe_headers

# A browser sends about 20 headers. Refresh cookies of several sessions need room.
MAX_HEADERS = 100
MAX_HEAD_BYTES = 32 * 1024
# Requests that wait for the answer to an earlier one. Browsers send none.
MAX_PIPELINED = 16
PHRASES = {400: b"Bad Request", 408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


@cache
def _settings() -> Settings:
    return load_settings()


class BoundedProtocol(HttpToolsProtocol):
    """One connection. It is either waiting for a request, reading one, or answering it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._settings = _settings()
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._bytes_besides_body = 0
        self._reading_head = True
        self._answering = False
        # When the connection began to wait for its client; None while it answers.
        self._waiting_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # Without this, the end of each answer waits 40 ms for the client's delayed acknowledgement.
        # asyncio sets it for sockets that were made with IPPROTO_TCP, which uvicorn's are not.
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family != getattr(socket, "AF_UNIX", None):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)
        self._await_head()
        if len(self.connections) > self._settings.max_connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._set_deadline(None)
        self._forget_stall()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        # Counted before the parser sees it, because the parser keeps an endless header. Trailers,
        # and the lengths and extensions of chunks, count as headers.
        self._bytes_besides_body += len(data)
        if self._reading_head and self._deadline is None:
            self._set_deadline(self._settings.header_seconds)
        super().data_received(data)
        # A body may have come with its headers, so this is checked after the parser has run.
        if self._bytes_besides_body > MAX_HEAD_BYTES:
            self._refuse(431, "The headers are too large")

    def on_header(self, name: bytes, value: bytes) -> None:
        # A trailer is dropped (RFC 9110 section 6.5.1). The application would take it for a header
        # that a proxy in front has not seen.
        if self._reading_head:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        self._bytes_besides_body -= len(body)
        super().on_body(body)

    def on_headers_complete(self) -> None:
        names = [name for name, _ in self.headers]
        if len(names) > MAX_HEADERS:
            raise ValueError("too many headers")
        if self._size_of_headers() > MAX_HEAD_BYTES:
            # They came complete in one read, so data_received() has not seen them unfinished.
            raise ValueError("too large headers")
        if len(self.pipeline) >= MAX_PIPELINED:
            raise ValueError("too many requests at once")
        encodings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
        # HTTP/1.0 has no encodings (RFC 9112 section 6.1).
        allowed = [[]] if self.parser.get_http_version() == "1.0" else [[], [b"chunked"]]
        if names.count(b"host") != 1 or encodings not in allowed:
            # RFC 9112 sections 3.2 and 6.1.
            raise ValueError("ambiguous headers")
        self._reading_head = False
        self._answering = True
        self._waiting_since = self.loop.time()
        self._set_deadline(self._settings.body_seconds)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._reading_head = True
        self._bytes_besides_body = 0
        self._waiting_since = self.loop.time() if self.cycle.response_complete else None
        self._set_deadline(None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete:
            self._answering = False
            self._waiting_since = self.loop.time()

    def pause_writing(self) -> None:
        # The client asks and does not read, so that the answers fill the memory.
        super().pause_writing()
        self._waiting_since = self.loop.time()
        self._stalled = self.loop.call_later(self._settings.body_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._waiting_since = None
        self._forget_stall()

    def timeout_keep_alive_handler(self) -> None:
        # close() would wait for ever for a client that does not read.
        self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        if len(self.headers or ()) > MAX_HEADERS:
            self._refuse(431, "There are too many headers")
        elif self._size_of_headers() > MAX_HEAD_BYTES:
            self._refuse(431, "The headers are too large")
        else:
            self._refuse(400, "The request is not valid HTTP/1.1")

    def _size_of_headers(self) -> int:
        return len(self.url or b"") + sum(len(n) + len(v) for n, v in self.headers or ())

    def _await_head(self) -> None:
        self._waiting_since = self.loop.time()
        self._set_deadline(self._settings.header_seconds)

    def _set_deadline(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        late = self._too_late
        self._deadline = None if seconds is None else self.loop.call_later(seconds, late)

    def _forget_stall(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _too_late(self) -> None:
        if self._bytes_besides_body or not self._reading_head:
            self._refuse(408, "The request took too long")
        else:
            self.transport.abort()

    def _make_room(self) -> None:
        """Drop the connection that has waited the longest for its client.

        A refusal of the newest would let those who hold connections open shut everybody else out.
        """
        waiting = [
            other
            for other in self.connections
            if isinstance(other, BoundedProtocol) and other._waiting_since is not None
        ]
        oldest = min(waiting, key=lambda other: other._waiting_since or 0.0, default=self)
        self.connections.discard(oldest)
        oldest.transport.abort()

    def _refuse(self, status: int, detail: str) -> None:
        """Answer what never becomes a request of the application, and close the connection."""
        if self.transport.is_closing():
            return
        if self._is_unanswered():
            body = JSONResponse({"detail": detail}, status)
            headers = [*body.raw_headers, *safe_headers(self._settings), (b"connection", b"close")]
            head = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
            line = b"HTTP/1.1 %d %s\r\n" % (status, PHRASES[status])
            self.transport.write(line + head + b"\r\n" + bytes(body.body))
        self.transport.close()

    def _is_unanswered(self) -> bool:
        """Whether the next bytes to the client would be read as the answer to what it sends now."""
        if self._reading_head:
            return not self._answering
        return not self.cycle.response_started
