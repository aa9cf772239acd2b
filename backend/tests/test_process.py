"""The server as an operator runs it: real processes, real sockets, restarts."""

import signal
import socket
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from app.__main__ import KEEP_ALIVE_SECONDS
from app.core.clock import system_clock
from app.core.database import Database
from app.core.passwords import Passwords
from app.services.accounts import Accounts

from .support import (
    PASSWORD,
    PATIENCE_SECONDS,
    bearer,
    environment,
    has_ipv6,
    make_settings,
    run,
    server,
)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path / "auth.db")


def _add_demo(env: dict[str, str]) -> None:
    """Add the demo user without a process for the command, which has its own test."""
    settings = make_settings(env["AUTH_DATABASE_URL"])
    with closing(Database(settings.url)) as database:
        database.create_schema()
        Accounts(database, system_clock).add("demo", Passwords(settings).hash(PASSWORD))


def _login(url: str, password: str = PASSWORD) -> httpx2.Response:
    return httpx2.post(f"{url}/token", data={"username": "demo", "password": password})


def test_sessions_and_spent_tokens_survive_a_crash(env: dict[str, str]) -> None:
    _add_demo(env)
    with server(env) as first:
        session = _login(first.url).json()
        token = session["refresh_token"]
        rotated = httpx2.post(f"{first.url}/refresh", json={"refresh_token": token}).json()
        first.stop(signal.SIGKILL)
    with server(env) as second:
        for access_token in (session["access_token"], rotated["access_token"]):
            answer = httpx2.get(f"{second.url}/protected-route", headers=bearer(access_token))
            assert answer.status_code == 200
        # The server still knows that the token was spent before the crash.
        reused = httpx2.post(f"{second.url}/refresh", json={"refresh_token": token})
        assert reused.json()["reason"] == "reuse"
        answer = httpx2.get(f"{second.url}/protected-route", headers=bearer(access_token))
        assert answer.status_code == 401


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_cleanly_and_at_once_with_open_connections(
    env: dict[str, str], how: signal.Signals
) -> None:
    assert PATIENCE_SECONDS < KEEP_ALIVE_SECONDS
    with server(env) as running, httpx2.Client() as client:
        assert client.get(f"{running.url}/health").status_code == 200
        port = httpx2.URL(running.url).port
        assert port is not None
        with socket.create_connection(("localhost", port)):
            # stop() fails after PATIENCE_SECONDS, a fraction of KEEP_ALIVE_SECONDS.
            assert running.stop(how) == 0
    assert "Traceback" not in "".join(running.output)


def test_it_answers_on_both_addresses_of_localhost_and_logs_no_token(env: dict[str, str]) -> None:
    _add_demo(env)
    with server(env) as running:
        port = httpx2.URL(running.url).port
        hosts = ["localhost", "127.0.0.1"]
        if has_ipv6():
            hosts.append("[::1]")
        for host in hosts:
            assert httpx2.get(f"http://{host}:{port}/health").json() == {"status": "ok"}
        session = _login(running.url).json()
        httpx2.get(f"{running.url}/protected-route?token={session['access_token']}")
        running.stop()
    log = "".join(running.output)
    assert "POST /token 200" in log
    assert "GET /protected-route 401" in log
    assert session["access_token"] not in log
    assert session["refresh_token"] not in log


def test_the_users_command_works_while_the_server_runs(env: dict[str, str]) -> None:
    added = run("app.users", "add", "demo", env=env, stdin=PASSWORD.encode())
    assert added == (0, "Added user demo.\n")
    with server(env) as running:
        session = _login(running.url).json()
        assert run("app.users", "disable", "demo", env=env)[0] == 0
        access = bearer(session["access_token"])
        answer = httpx2.get(f"{running.url}/protected-route", headers=access)
        assert answer.status_code == 401
        assert _login(running.url).status_code == 401
