"""Requests that are too large, too slow or ambiguous."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from pwdlib.hashers.argon2 import Argon2Hasher
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.core import passwords
from app.serving import protocol
from app.serving.protocol import BoundedProtocol
from app.web import middleware

from ..support import HEALTH, PATIENCE_SECONDS, REFRESH, World
from .weakened import Attack, Outcome, Weakening, attacks, replace

DEADLINE_SECONDS = 0.3


@contextmanager
def _listening(world: World) -> Iterator[tuple[str, int]]:
    """The server of this process at a socket, so that a weakening reaches it."""
    changes = {"header_seconds": DEADLINE_SECONDS, "body_seconds": DEADLINE_SECONDS}
    settings = world.settings.model_copy(update=changes)
    config = uvicorn.Config(
        world.app,
        http=BoundedProtocol,
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    started = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, "_settings", lambda: settings)
        thread = threading.Thread(target=started.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            started.should_exit = True
            thread.join(PATIENCE_SECONDS)


def _stays_open(request: bytes) -> Attack:
    """Holds a connection with a request that never ends."""

    def attack(world: World) -> bool:
        with _listening(world) as address, socket.create_connection(address) as connection:
            connection.settimeout(10 * DEADLINE_SECONDS)
            connection.sendall(request)
            try:
                connection.recv(1000)
            except TimeoutError:
                return True
            return False

    return attack


def _is_taken(request: bytes) -> Attack:
    """Sends what the server should refuse before the application sees it."""

    def attack(world: World) -> bool:
        with _listening(world) as address, socket.create_connection(address) as connection:
            connection.settimeout(PATIENCE_SECONDS)
            connection.sendall(request)
            return connection.recv(1000).split()[1] == b"200"

    return attack


def _an_oversized_body(world: World) -> bool:
    body = json.dumps({"refresh_token": "x" * 100_000}).encode()
    headers = {"Content-Type": "application/json"}
    return world.client.post("/refresh", content=body, headers=headers).status_code != 413


def _an_oversized_body_in_chunks(world: World) -> bool:
    chunks = iter([b'{"refresh_token": "', b"x" * 100_000, b'"}'])
    headers = {"Content-Type": "application/json"}
    return world.client.post("/refresh", content=chunks, headers=headers).status_code != 413


def _a_long_password_is_hashed(world: World) -> bool:
    hashed: list[int] = []
    verify = Argon2Hasher.verify

    def watch(self: Argon2Hasher, password: Any, hash: Any) -> bool:  # noqa: A002
        hashed.append(len(password))
        return verify(self, password, hash)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(Argon2Hasher, "verify", watch)
        world.login(password="x" * 50_000)
    return 50_000 in hashed


NO_CAP = replace(middleware, "MAX_BODY_BYTES", 10**9)
NO_DEADLINE = replace(BoundedProtocol, "_set_deadline", lambda *_: None)
# uvicorn's own protocol, which has no limits.
NO_CHECK = replace(BoundedProtocol, "on_headers_complete", HttpToolsProtocol.on_headers_complete)
MANY_HEADERS = replace(protocol, "MAX_HEADERS", 10**9)
LARGE_HEADERS = replace(protocol, "MAX_HEAD_BYTES", 10**9)
LONG_PASSWORDS = replace(passwords, "MAX_PASSWORD_BYTES", 10**9)
END = b"Connection: close\r\n\r\n"


@attacks(
    {
        "an oversized body": (_an_oversized_body, NO_CAP),
        "an oversized body in chunks": (_an_oversized_body_in_chunks, NO_CAP),
        "a long password": (_a_long_password_is_hashed, LONG_PASSWORDS),
        "half a header": (_stays_open(HEALTH), NO_DEADLINE),
        "half a body": (_stays_open(REFRESH + b"Content-Length: 9\r\n\r\n{"), NO_DEADLINE),
        "two hosts": (_is_taken(HEALTH + b"Host: y\r\n" + END), NO_CHECK),
        "no host": (_is_taken(b"GET /health HTTP/1.1\r\n" + END), NO_CHECK),
        "many headers": (_is_taken(HEALTH + b"a: b\r\n" * 200 + END), MANY_HEADERS),
        "large headers": (
            _is_taken(HEALTH + b"a: " + b"b" * 40_000 + b"\r\n" + END),
            LARGE_HEADERS,
        ),
    }
)
def test_a_hostile_request_costs_little_and_is_refused(
    outcome: Outcome, attack: Attack, removed: tuple[Weakening, ...], succeeds: bool
) -> None:
    assert outcome(attack, removed) is succeeds
