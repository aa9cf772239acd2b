"""Helpers of the tests: a controlled clock, the client's side of the protocol, processes."""

import json
import os
import queue
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.core.config import Settings
from app.core.database import Database
from app.dependencies import Services
from app.models import RefreshToken

BACKEND = Path(__file__).parent.parent
SECRET = secrets.token_urlsafe(32)
PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "another battery, another staple"
ORIGIN = "http://localhost:8080"
# The deadline of each single wait in a test. A test that passes never waits this long.
PATIENCE_SECONDS = 20
# The beginnings of requests that are written to a socket.
HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n"
REFRESH = b"POST /refresh HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def make_settings(database_url: str, **changes: Any) -> Settings:
    """Settings with the cheapest Argon2, because only the tests of Argon2 need its full cost."""
    values: dict[str, Any] = {
        "database_url": database_url,
        "secret": SecretStr(SECRET),
        "argon2_memory_kib": 8,
        "argon2_time_cost": 1,
        "argon2_parallelism": 1,
    }
    return Settings(**(values | changes))


@dataclass
class FakeClock:
    now: int

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: int) -> None:
        self.now += seconds


@dataclass
class World:
    """One server, and the requests that its clients send."""

    app: FastAPI
    client: TestClient
    clock: FakeClock
    settings: Settings
    database: Database = field(init=False)

    def __post_init__(self) -> None:
        self.database = Database(self.settings.url)

    @property
    def services(self) -> Services:
        found = self.app.state.services
        assert isinstance(found, Services)
        return found

    def add_user(self, name: str, password: str = PASSWORD) -> None:
        self.services.accounts.add(name, self.services.passwords.hash(password))

    def login(
        self, username: str = "demo", password: str = PASSWORD, *, device: str = "a test"
    ) -> httpx2.Response:
        form = {"username": username, "password": password}
        return self.client.post("/token", data=form, headers={"User-Agent": device})

    def tokens(self, username: str = "demo", *, device: str = "a test") -> dict[str, Any]:
        answer = self.login(username, device=device)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def refresh(self, token: str, key: str | None = None) -> httpx2.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.client.post("/refresh", json={"refresh_token": token}, headers=headers)

    def rotated(self, token: str, key: str | None = None) -> dict[str, Any]:
        answer = self.refresh(token, key)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def logout(self, token: str) -> httpx2.Response:
        return self.client.post("/logout", json={"refresh_token": token})

    def change_password(
        self, access_token: str, new: str = NEW_PASSWORD, *, current: str = PASSWORD
    ) -> httpx2.Response:
        # json.dumps escapes the strings, because JSON allows strings that UTF-8 cannot encode.
        body = json.dumps({"current_password": current, "new_password": new}).encode()
        headers = bearer(access_token) | {"Content-Type": "application/json"}
        return self.client.post("/password", content=body, headers=headers)

    def sessions(self, access_token: str) -> list[dict[str, Any]]:
        answer = self.client.get("/sessions", headers=bearer(access_token))
        assert answer.status_code == 200, answer.text
        return list(answer.json()["sessions"])

    def end_session(self, access_token: str, sid: str) -> httpx2.Response:
        return self.client.delete(f"/sessions/{sid}", headers=bearer(access_token))

    def end_others(self, access_token: str) -> int:
        answer = self.client.delete("/sessions", headers=bearer(access_token))
        assert answer.status_code == 200, answer.text
        assert set(answer.json()) == {"ended"}
        return int(answer.json()["ended"])

    def protected(self, access_token: str) -> httpx2.Response:
        return self.client.get("/protected-route", headers=bearer(access_token))

    def stored_tokens(self) -> int:
        with self.database.read() as db:
            return db.scalar(select(func.count()).select_from(RefreshToken)) or 0


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def new_key() -> str:
    """An idempotency key as a client makes one: 128 random bits."""
    return secrets.token_urlsafe(16)


def reason(answer: httpx2.Response) -> str:
    """The reason of a terminal answer. Fails if the answer is not terminal."""
    assert answer.status_code == 401, answer.text
    body = answer.json()
    assert body["error"] == "invalid_grant"
    assert isinstance(body["detail"], str)
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    return str(body["reason"])


def environment(database_file: Path, **changes: str) -> dict[str, str]:
    """The variables of a server process, without the developer's own AUTH_ variables."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AUTH_")}
    return inherited | {
        "AUTH_DATABASE_URL": f"sqlite:///{database_file}",
        "AUTH_ARGON2_MEMORY_KIB": "8",
        "AUTH_ARGON2_TIME_COST": "1",
        "AUTH_ARGON2_PARALLELISM": "1",
        **changes,
    }


def run(
    module: str, *arguments: str, env: Mapping[str, str], stdin: bytes = b""
) -> tuple[int, str]:
    """Run a command to its end, and return its exit code and its output."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=BACKEND,
        env=dict(env),
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout.decode()


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@dataclass
class ServerProcess:
    process: subprocess.Popen[str]
    url: str
    output: list[str]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def server(
    env: Mapping[str, str],
    *arguments: str,
    module: str = "app",
    announces: str = "Listening on",
    files: int | None = None,
) -> Iterator[ServerProcess]:
    """A real server on a free port. It is ended when the block ends, also after an error.

    ``files`` limits its file descriptors.
    """
    limited = ["sh", "-c", 'ulimit -n "$0" && exec "$@"', str(files)] if files else []
    process = subprocess.Popen(
        [*limited, sys.executable, "-m", module, "--port", "0", *arguments],
        cwd=BACKEND,
        env=dict(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A group of its own, which the end of the block kills with all workers.
        start_new_session=True,
    )
    output: list[str] = []
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            output.append(line)
            lines.put(line)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        while announces not in (line := lines.get(timeout=PATIENCE_SECONDS)):
            pass
        url = re.search(r"http://[^ \n]+", line)
        assert url is not None, line
        yield ServerProcess(process, url[0], output)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_SECONDS)
        reader.join(PATIENCE_SECONDS)
        assert process.stdout is not None
        process.stdout.close()
