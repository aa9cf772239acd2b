"""The commands' sentences and exit codes. They run in this process, because a new one is slow."""

import io
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app import __main__ as server_command
from app import users as users_command
from app.factory import create_app

from .support import PASSWORD, environment, has_ipv6

Command = Callable[..., tuple[int, str]]
GOOD_SECRET = "kX9#mQ2vLp7!wZr4TbN8sYc1HfJd6GaE"


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    for name, value in environment(tmp_path / "auth.db").items():
        monkeypatch.setenv(name, value)

    def serve(*_: object) -> None:
        # Fail instead of serving: the test would wait for the end of a server that starts.
        pytest.fail("The server started")

    monkeypatch.setattr(server_command, "_serve", serve)

    def call(
        main: Callable[[], int], *arguments: str, stdin: bytes = b"", **variables: str
    ) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["command", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        code = main()
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    # The commands narrow the umask of their process, which is this one. It is restored below.
    mask = os.umask(0)
    os.umask(mask)
    yield call
    os.umask(mask)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_taken_port_is_one_sentence_and_a_failure(
    command: Command, tmp_path: Path, family: socket.AddressFamily
) -> None:
    address = "127.0.0.1" if family == socket.AF_INET or not has_ipv6() else "::1"
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as taken:
        taken.bind((address, 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, output = command(server_command.main, "--port", str(port))
    assert code == 1
    assert output == (
        f"error: Port {port} is already in use; stop the other program "
        "or choose another port with --port.\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"AUTH_ENVIRONMENT": "production"}, "AUTH_SECRET must be set outside development"),
        ({"AUTH_PORT": "x"}, "AUTH_PORT: "),
        ({"AUTH_DATABASE_URL": "sqlite:////dev/null/auth.db"}, "The secret file"),
        ({"AUTH_HOST": "x" * 70}, "'xxx"),
        ({"AUTH_HOST": "0.0.0.0"}, "In development only this machine"),  # noqa: S104
        ({"AUTH_HOST": "no-such-host.invalid"}, "Cannot listen on no-such-host.invalid"),
    ],
)
def test_bad_settings_are_one_sentence_and_a_failure(
    command: Command, variables: dict[str, str], sentence: str
) -> None:
    code, output = command(server_command.main, "--port", "0", **variables)
    assert code == 1
    assert output.startswith(f"error: {sentence}")
    assert output.count("\n") == 1


def test_an_unreachable_database_is_one_sentence_and_a_failure(command: Command) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        code, output = command(
            server_command.main,
            "--port",
            "0",
            AUTH_DATABASE_URL=f"postgresql://me:hunter2@127.0.0.1:{port}/x",
            AUTH_SECRET=GOOD_SECRET,
        )
    assert code == 1
    assert output.startswith("error: The database cannot be opened")
    assert output.count("\n") == 1
    assert "hunter2" not in output


def test_a_password_from_a_pipe_is_taken_exactly(command: Command) -> None:
    password = " spaced +&% pässwörd "
    added = command(users_command.main, "add", "demo", stdin=f"{password}\r\n".encode())
    assert added == (0, "Added user demo.\n")
    assert _login(password) == 200
    assert _login(password.strip()) == 401


def test_a_password_from_the_environment_is_taken(command: Command) -> None:
    assert command(users_command.main, "add", "demo", AUTH_USER_PASSWORD=PASSWORD)[0] == 0
    assert _login(PASSWORD) == 200


def test_adding_a_user_twice_fails_unless_asked_not_to(command: Command) -> None:
    exists = "There is a user demo already.\n"
    assert command(users_command.main, "add", "demo", stdin=PASSWORD.encode())[0] == 0
    again = command(users_command.main, "add", "demo", stdin=b"other password")
    assert again == (1, f"error: {exists}")
    missing = command(users_command.main, "add", "demo", "--if-missing", stdin=b"other password")
    assert missing == (0, exists)
    assert _login(PASSWORD) == 200


def test_disabling_a_user_twice_is_fine(command: Command) -> None:
    command(users_command.main, "add", "demo", stdin=PASSWORD.encode())
    for _ in range(2):
        code, output = command(users_command.main, "disable", "demo")
        assert (code, output) == (0, "Disabled user demo and ended all of their sessions.\n")
    assert _login(PASSWORD) == 401


@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        (("disable", "nobody"), b"", "There is no user nobody"),
        (("add", "demo"), b"", "The password is empty"),
        (("add", "demo"), b"x" * 1025, "The password is longer than 1024 bytes"),
        (("add", "a\nb"), b"x", "The name must have"),
        (("add", ""), b"x", "The name must have"),
    ],
)
def test_a_failing_user_command_says_why(
    command: Command, arguments: tuple[str, ...], stdin: bytes, sentence: str
) -> None:
    code, output = command(users_command.main, *arguments, stdin=stdin)
    assert code == 1
    assert output.startswith(f"error: {sentence}")
    assert output.count("\n") == 1


def _login(password: str) -> int:
    with TestClient(create_app()) as client:
        form = {"username": "demo", "password": password}
        return client.post("/token", data=form).status_code
