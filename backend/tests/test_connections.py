"""What strangers do with connections: half-open ones, too many, broken requests. Raw sockets."""

import json
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from .support import HEALTH, PATIENCE_SECONDS, REFRESH, ServerProcess, environment, server

LIMIT = 20
HEADERS = (
    "cache-control: no-store",
    "x-content-type-options: nosniff",
    "referrer-policy: no-referrer",
    "cross-origin-resource-policy: same-origin",
    "content-type: application/json",
    "connection: close",
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    env = environment(
        tmp_path_factory.mktemp("connections") / "auth.db",
        AUTH_HEADER_SECONDS="1",
        AUTH_BODY_SECONDS="1",
        AUTH_MAX_CONNECTIONS=str(LIMIT),
    )
    with server(env) as started:
        yield started


@pytest.fixture
def address(running: ServerProcess) -> tuple[str, int]:
    port = httpx2.URL(running.url).port
    assert port is not None
    return "127.0.0.1", port


def _ask(address: tuple[str, int], request: bytes) -> str:
    """Everything that the server says until it closes the connection."""
    with socket.create_connection(address, PATIENCE_SECONDS) as connection:
        connection.sendall(request)
        said = b""
        while chunk := connection.recv(65_536):
            said += chunk
    return said.decode()


def _status(answer: str) -> int:
    assert answer.startswith("HTTP/1.1 ")
    return int(answer.split()[1])


CHUNKED = REFRESH + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("request_", [HEALTH, REFRESH + b"Content-Length: 9\r\n\r\n{"])
def test_an_unfinished_request_is_a_408_after_its_deadline(
    address: tuple[str, int], request_: bytes
) -> None:
    answer = _ask(address, request_)
    assert _status(answer) == 408
    assert all(header in answer for header in HEADERS)


@pytest.mark.parametrize("sent", [b"", b"\r\n"])
def test_a_connection_without_a_request_is_closed_after_the_deadline(
    address: tuple[str, int], sent: bytes
) -> None:
    assert _ask(address, sent)[:12] in {"", "HTTP/1.1 408"}


def test_a_slow_trickle_does_not_move_the_deadline(address: tuple[str, int]) -> None:
    with socket.create_connection(address, PATIENCE_SECONDS) as connection:
        started = time.monotonic()
        connection.settimeout(0.2)
        connection.sendall(HEALTH)
        said = b""
        while not said:
            assert time.monotonic() - started < PATIENCE_SECONDS
            try:
                connection.sendall(b"a: b\r\n")
                said = connection.recv(65_536)
            except TimeoutError:
                continue
    assert said.startswith(b"HTTP/1.1 408")


def test_a_blank_line_does_not_keep_an_idle_connection_for_ever(address: tuple[str, int]) -> None:
    with socket.create_connection(address, PATIENCE_SECONDS) as connection:
        connection.sendall(HEALTH + b"\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        connection.sendall(b"\r\n")
        while connection.recv(65_536):
            pass


def test_connections_beyond_the_bound_replace_the_one_that_waits_longest(
    running: ServerProcess, address: tuple[str, int]
) -> None:
    half = REFRESH + b"Content-Length: 9\r\n\r\n{"
    with ExitStack() as stack:
        for number in range(3 * LIMIT):
            held = stack.enter_context(socket.create_connection(address, PATIENCE_SECONDS))
            held.sendall(half if number % 2 else HEALTH)
        # The newest connection is served at once, whatever the others hold.
        assert httpx2.get(f"{running.url}/health").json() == {"status": "ok"}


def test_a_crowd_does_not_take_all_file_descriptors(tmp_path: Path) -> None:
    env = environment(tmp_path / "auth.db", AUTH_MAX_CONNECTIONS=str(LIMIT))
    with server(env, files=400) as crowded, ExitStack() as stack:
        # All of them come at once, while the server does something else.
        crowded.process.send_signal(signal.SIGSTOP)
        for _ in range(1000):
            held = stack.enter_context(socket.socket())
            held.setblocking(False)
            held.connect_ex(("127.0.0.1", httpx2.URL(crowded.url).port))
        crowded.process.send_signal(signal.SIGCONT)
        _wait_until_it_answers(crowded.url)
    assert "out of system resource" not in "".join(crowded.output)


def _wait_until_it_answers(url: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            assert httpx2.get(f"{url}/health", timeout=PATIENCE_SECONDS).status_code == 200
            return
        except httpx2.TransportError:
            # The crowd took its place.
            assert time.monotonic() < deadline


def test_a_client_that_asks_and_does_not_read_is_cut_off(address: tuple[str, int]) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(PATIENCE_SECONDS)
        connection.connect(address)
        with pytest.raises(ConnectionError):
            _ask_and_not_read(connection)


def _ask_and_not_read(connection: socket.socket) -> None:
    # The answers soon are more than the buffers of both sides hold. Few requests at a time, because
    # many of them are refused for another reason.
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.02)


def test_too_many_requests_at_once_are_cut_off(address: tuple[str, int]) -> None:
    answers = _ask(address, (HEALTH + b"\r\n") * 1000)
    assert answers.count("HTTP/1.1 200") < 100


def test_some_requests_at_once_are_answered_in_order(address: tuple[str, int]) -> None:
    last = b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answers = _ask(address, (HEALTH + b"\r\n") * 5 + last)
    assert re.findall(r"HTTP/1.1 (\d+)", answers) == ["200"] * 5 + ["404"]


AMBIGUOUS = {
    "both lengths": REFRESH + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": REFRESH + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a signed length": REFRESH + b"Content-Length: +2\r\n\r\n{}",
    "an unknown encoding": REFRESH + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "two encodings": REFRESH
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a folded line": HEALTH + b"X: a\r\n b\r\n\r\n",
    "a folded line with a tab": HEALTH + b"X: a\r\n\tb\r\n\r\n",
    "a bare line feed": b"GET /health HTTP/1.1\nHost: x\n\n",
    "a blank before the colon": HEALTH + b"X : a\r\n\r\n",
    "an encoding in HTTP/1.0": REFRESH.replace(b"1.1", b"1.0")
    + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "two hosts": HEALTH + b"Host: y\r\n\r\n",
    "no host": b"GET /health HTTP/1.1\r\n\r\n",
    "no HTTP": b"\x16\x03\x01 hello\r\n\r\n",
}


@pytest.mark.parametrize("request_", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_a_request_that_two_servers_could_read_differently_is_a_400(
    address: tuple[str, int], request_: bytes
) -> None:
    answer = _ask(address, request_)
    assert _status(answer) == 400
    assert all(header in answer for header in HEADERS)
    assert json.loads(answer.split("\r\n\r\n", 1)[1]) == {
        "detail": "The request is not valid HTTP/1.1"
    }


@pytest.mark.parametrize(
    "request_",
    [
        HEALTH + b"a: b\r\n" * 4000 + b"\r\n",
        HEALTH + b"a: b\r\n" * 101 + b"\r\n",
        HEALTH + b"a: " + b"b" * 40_000,
        CHUNKED + b"2\r\n{}\r\n0\r\na: " + b"b" * 40_000,
        CHUNKED + b"2;" + b"b" * 40_000,
        b"GET /" + b"a" * 40_000,
    ],
)
def test_too_many_or_too_large_headers_are_a_431(address: tuple[str, int], request_: bytes) -> None:
    answer = _ask(address, request_)
    assert _status(answer) == 431
    assert all(header in answer for header in HEADERS)


def test_a_trailer_is_not_a_header(address: tuple[str, int]) -> None:
    body = b'14\r\n{"refresh_token":""}\r\n0\r\n'
    # As a header this malformed key would be a 400.
    assert _status(_ask(address, CHUNKED + body + b"Idempotency-Key: !\r\n\r\n")) == 401


def test_a_body_may_be_larger_than_headers(address: tuple[str, int]) -> None:
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    answer = _ask(address, CHUNKED + 3 * chunk + b"2\r\n{}\r\n0\r\n\r\n")
    assert _status(answer) == 422


def test_as_many_headers_as_browsers_send_are_fine(address: tuple[str, int]) -> None:
    request = HEALTH + b"a: b\r\n" * 90 + b"Connection: close\r\n\r\n"
    assert _status(_ask(address, request)) == 200


def test_an_upgrade_is_not_offered(address: tuple[str, int]) -> None:
    request = HEALTH + b"Connection: upgrade, close\r\nUpgrade: websocket\r\n\r\n"
    assert " 101 " not in _ask(address, request)


def test_an_answer_costs_one_round_trip(address: tuple[str, int]) -> None:
    # If a part of an answer waited for the acknowledgement of another, the client would delay that
    # for 40 ms each time, so 50 answers would take 2 s at least.
    fastest = PATIENCE_SECONDS * 1.0
    request = HEALTH + b"\r\n"
    with socket.create_connection(address, PATIENCE_SECONDS) as connection:
        for _ in range(5):
            started = time.monotonic()
            for _ in range(10):
                connection.sendall(request)
                said = b""
                while not re.search(rb"\r\n\r\n\{.*\}$", said):
                    said += connection.recv(65_536)
            fastest = min(fastest, time.monotonic() - started)
    assert fastest < 10 * 0.04
