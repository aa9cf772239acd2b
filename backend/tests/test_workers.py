"""Other ways to start the server, with several processes: none of them is less safe."""

import functools
import stat
import subprocess
import time
from pathlib import Path

import httpx2
import pytest
from starlette.testclient import TestClient

from app.core.clock import system_clock
from app.core.config import load_settings
from app.factory import build_services, create_app

from .support import PASSWORD, PATIENCE_SECONDS, bearer, environment, make_settings, run, server


def _add_demo(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    services = build_services(load_settings(), system_clock)
    services.accounts.add("demo", services.passwords.hash(PASSWORD))
    services.database.close()


def _wait_until_it_listens(url: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            assert httpx2.get(f"{url}/health", timeout=PATIENCE_SECONDS).status_code == 200
            return
        except httpx2.ConnectError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.parametrize(
    ("module", "arguments", "announces"),
    [
        ("app", ["--workers", "2"], "Listening on"),
        ("uvicorn", ["app.main:app", "--workers", "2"], "running on"),
        (
            "uvicorn",
            ["app.main:app", "--http", "app.serving.protocol:BoundedProtocol"],
            "running on",
        ),
    ],
)
def test_every_start_keeps_queries_out_of_the_log_and_files_for_their_owner(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    arguments: list[str],
    announces: str,
) -> None:
    env = environment(tmp_path / "data" / "auth.db")
    monkeypatch.setattr(subprocess, "Popen", functools.partial(subprocess.Popen, umask=0o022))
    with server(env, *arguments, module=module, announces=announces) as running:
        # The address is printed before the workers serve.
        _wait_until_it_listens(running.url)
        _add_demo(env, monkeypatch)
        form = {"username": "demo", "password": PASSWORD}
        session = httpx2.post(f"{running.url}/token", data=form).json()
        for _ in range(8):
            # New connections, so that each worker answers some.
            answer = httpx2.get(
                f"{running.url}/protected-route?token=canary",
                headers=bearer(session["access_token"]),
            )
            assert answer.status_code == 200
        code = running.stop()
    log = "".join(running.output)
    assert "POST /token 200" in log
    assert log.count("GET /protected-route 200") == 8
    assert '"event": "login"' in log
    assert "canary" not in log
    assert "Traceback" not in log
    if module == "app":
        assert code == 0
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()}
    assert modes == {0o600}


def test_a_bad_setting_is_one_sentence_for_uvicorn_too(tmp_path: Path) -> None:
    env = environment(tmp_path / "auth.db", AUTH_LEEWAY_SECONDS="61")
    code, output = run("uvicorn", "app.main:app", "--port", "0", env=env)
    assert code == 1
    assert output.startswith("error: AUTH_LEEWAY_SECONDS: ")
    assert output.count("\n") == 1


def test_a_worker_starts_while_the_database_is_gone() -> None:
    settings = make_settings("postgresql://nobody@127.0.0.1:1/none")
    with TestClient(create_app(settings, prepared=True)) as client:
        assert client.get("/health").status_code == 200
        answer = client.post("/refresh", json={"refresh_token": "x" * 43})
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
