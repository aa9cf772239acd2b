"""Logins whose clients have gone do not make the owner wait. A real server, with real sockets."""

import socket
import time
from contextlib import ExitStack
from pathlib import Path

import httpx2

from .support import PASSWORD, PATIENCE_SECONDS, environment, run, server

ABORTED = 40
FORM = b"username=demo&password=wrong"
LOGIN = (
    b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(FORM), FORM)
)


def test_logins_of_clients_that_are_gone_are_not_hashed(tmp_path: Path) -> None:
    # One hash takes about a tenth of a second, one at a time.
    costs = {"AUTH_ARGON2_MEMORY_KIB": "16384", "AUTH_ARGON2_TIME_COST": "8"}
    env = environment(
        tmp_path / "auth.db",
        **costs,
        AUTH_PASSWORD_CONCURRENCY="1",
        AUTH_PASSWORD_QUEUE=str(ABORTED),
    )
    assert run("app.users", "add", "demo", env=env, stdin=PASSWORD.encode())[0] == 0
    with server(env) as running:
        port = httpx2.URL(running.url).port
        assert port is not None
        with ExitStack() as stack:
            for _ in range(ABORTED):
                connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                connection.sendall(LOGIN)
        form = {"username": "demo", "password": PASSWORD}
        answer = httpx2.post(f"{running.url}/token", data=form, timeout=PATIENCE_SECONDS)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while sum("POST /token" in line for line in running.output) < ABORTED + 1:
            assert time.monotonic() < deadline, "".join(running.output)
            time.sleep(0.05)
    assert answer.status_code == 200
    hashed = sum("POST /token 401" in line for line in running.output)
    dropped = sum("POST /token 503" in line for line in running.output)
    assert hashed + dropped == ABORTED
    assert dropped > ABORTED / 2
