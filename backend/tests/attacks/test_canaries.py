"""Looks for tokens and passwords where they must not be: logs, the database, error answers."""

import logging
import traceback
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy
from fastapi import Request
from fastapi.responses import JSONResponse
from pwdlib import PasswordHash
from sqlalchemy import select
from starlette.types import Receive, Scope, Send

from app.core import database, security
from app.models import Base
from app.services import cookie_rotation, login, rotation, sessions, throttle
from app.web import errors, middleware
from app.web.middleware import AccessLog

from ..cookies import cookie_of, log_in, over_tls, refresh_cookie
from ..support import PASSWORD, World, new_key
from .weakened import Attack, Outcome, Weakening, attacks, replace

CANARY = "a-canary-in-the-password"
create_engine = sqlalchemy.create_engine


class _Log(logging.Handler):
    """All that is logged, with the tracebacks."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        # The test's own client logs the addresses that it asks for.
        if not record.name.startswith("httpx"):
            self.text += logging.Formatter("%(message)s").format(record)


def _logged(world: World, *secrets: str, requests: Any) -> bool:
    log = _Log()
    root = logging.getLogger()
    root.addHandler(log)
    level = root.level
    root.setLevel(logging.INFO)
    try:
        requests()
    finally:
        root.removeHandler(log)
        root.setLevel(level)
    return any(secret in log.text for secret in secrets)


def _in_a_query(world: World) -> bool:
    token = world.tokens()["access_token"]
    ask = f"/protected-route?access_token={token}"
    return _logged(world, token, requests=lambda: world.client.get(ask))


def _in_a_path(world: World) -> bool:
    token = world.tokens()["refresh_token"]
    return _logged(world, token, requests=lambda: world.client.get(f"/refresh/{token}"))


def _as_a_method(world: World) -> bool:
    return _logged(world, "CANARY", requests=lambda: world.client.request("CANARY", "/token"))


def _as_a_name(world: World) -> bool:
    """People type passwords into the field for the name."""
    return _logged(world, CANARY, requests=lambda: world.login(CANARY))


def _in_an_error_of_the_database(world: World) -> bool:
    with world.database.write() as db:
        db.connection().exec_driver_sql("ALTER TABLE users RENAME TO elsewhere")
    return _logged(world, CANARY, requests=lambda: world.login(CANARY))


def _dump(world: World) -> bytes:
    """All that the database holds."""
    with world.database.read() as db:
        rows = [row for table in Base.metadata.sorted_tables for row in db.execute(select(table))]
    values = (value for row in rows for value in row)
    return b"\n".join(
        value if isinstance(value, bytes) else str(value).encode() for value in values
    )


def _refresh_token_in_the_dump(world: World) -> bool:
    return world.tokens()["refresh_token"].encode() in _dump(world)


def _successor_in_the_dump(world: World) -> bool:
    successor = world.rotated(world.tokens()["refresh_token"], new_key())
    return successor["refresh_token"].encode() in _dump(world)


def _session_key_in_the_dump(world: World) -> bool:
    return log_in(over_tls(world))["session_key"].encode() in _dump(world)


def _cookie_in_the_dump(world: World) -> bool:
    session = log_in(over_tls(world))
    assert refresh_cookie(world, session).status_code == 200
    return (cookie_of(world, session) or "").encode() in _dump(world)


def _key_of_an_attempt_in_the_dump(world: World) -> bool:
    key = new_key()
    world.rotated(world.tokens()["refresh_token"], key)
    return key.encode() in _dump(world)


def _password_in_the_dump(world: World) -> bool:
    return PASSWORD.encode() in _dump(world)


def _typed_name_in_the_dump(world: World) -> bool:
    world.login(CANARY)
    return CANARY.encode() in _dump(world)


def _in_a_422(world: World) -> bool:
    return CANARY in world.client.post("/refresh", json={"refresh_token": [CANARY]}).text


def _the_cause_in_a_500(world: World) -> bool:
    with world.database.write() as db:
        db.connection().exec_driver_sql("ALTER TABLE refresh_tokens RENAME TO elsewhere")
    return "refresh_tokens" in world.refresh("A" * 43).text


async def _log_everything(self: AccessLog, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        query = scope["query_string"].decode()
        logging.getLogger("app.access").info("%s %s?%s", scope["method"], scope["path"], query)
    await self._app(scope, receive, send)


async def _repeat_the_input(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 422)


def _name_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    record = vars(login)["record"]

    def weaker(what: Any, *, account: str | None = None) -> None:
        record(what, account=account or CANARY)

    monkeypatch.setattr(login, "record", weaker)


def _show_parameters(*arguments: Any, **options: Any) -> Any:
    return create_engine(*arguments, **(options | {"hide_parameters": False}))


def _plain(data: bytes) -> SimpleNamespace:
    """Stands in for SHA-256."""
    return SimpleNamespace(digest=lambda: data)


PLAIN = SimpleNamespace(sha256=_plain)


def _sealed(successor: str, _predecessor: str, _sid: str) -> bytes:
    return successor.encode()


EVERY_PATH = replace(AccessLog, "__call__", _log_everything)
SHOWN_PARAMETERS = replace(database, "create_engine", _show_parameters)


@attacks(
    {
        "in a query": (_in_a_query, EVERY_PATH),
        "in a path": (_in_a_path, EVERY_PATH),
        "as a method": (_as_a_method, replace(middleware, "METHODS", {"CANARY"})),
        "as a name": (_as_a_name, _name_the_account),
        "in an error of the database": (_in_an_error_of_the_database, SHOWN_PARAMETERS),
    }
)
def test_no_log_holds_a_secret(
    outcome: Outcome, attack: Attack, removed: tuple[Weakening, ...], succeeds: bool
) -> None:
    assert outcome(attack, removed) is succeeds


@attacks(
    {
        "a refresh token": (_refresh_token_in_the_dump, replace(security, "hashlib", PLAIN)),
        "a sealed successor": (_successor_in_the_dump, replace(rotation, "seal", _sealed)),
        "a session's key": (
            _session_key_in_the_dump,
            replace(sessions, "session_key_hash", str.encode),
        ),
        "a cookie": (_cookie_in_the_dump, replace(cookie_rotation, "seal", _sealed)),
        "an attempt's key": (
            _key_of_an_attempt_in_the_dump,
            replace(rotation, "_key_hash", lambda key: key and key.encode()),
        ),
        "a password": (
            _password_in_the_dump,
            replace(PasswordHash, "hash", lambda _, password: password),
        ),
        "a typed name": (
            _typed_name_in_the_dump,
            replace(throttle, "key", lambda *parts: "/".join(parts).encode()),
        ),
    }
)
def test_a_dump_of_the_database_holds_nothing_usable(
    outcome: Outcome, attack: Attack, removed: tuple[Weakening, ...], succeeds: bool
) -> None:
    assert outcome(attack, removed) is succeeds


@attacks(
    {
        "the input in a 422": (_in_a_422, replace(errors, "_invalid_request", _repeat_the_input)),
        "the cause in a 500": (
            _the_cause_in_a_500,
            replace(
                middleware,
                "internal_error",
                lambda: JSONResponse({"detail": traceback.format_exc()}, 500),
            ),
        ),
    }
)
def test_no_error_repeats_what_was_sent_or_tells_its_cause(
    outcome: Outcome, attack: Attack, removed: tuple[Weakening, ...], succeeds: bool
) -> None:
    assert outcome(attack, removed) is succeeds
