"""The security events: one JSON object each, without secrets."""

import json
import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest

from app.core.logs import Lines, configure_logging

from .support import NEW_PASSWORD, PASSWORD, World, new_key

Events = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def events(caplog: pytest.LogCaptureFixture) -> Events:
    caplog.set_level(logging.INFO, "app.events")

    def read() -> list[dict[str, Any]]:
        return [json.loads(r.getMessage()) for r in caplog.records if r.name == "app.events"]

    return read


def test_each_security_event_names_the_session_the_account_and_the_address(
    world: World, events: Events
) -> None:
    world.login(password="wrong")
    session = world.tokens()
    other = world.tokens()
    world.end_session(session["access_token"], other["sid"])
    world.change_password(session["access_token"], current="wrong")
    world.logout(session["refresh_token"])
    third = world.tokens()
    world.change_password(third["access_token"])
    seen = [(event["event"], event.get("sid")) for event in events()]
    assert seen == [
        ("login_failed", None),
        ("login", session["sid"]),
        ("login", other["sid"]),
        ("session_revoked", other["sid"]),
        ("password_change_failed", session["sid"]),
        ("logout", session["sid"]),
        ("login", third["sid"]),
        ("password_changed", third["sid"]),
    ]
    assert {event["address"] for event in events()} == {"testclient"}
    assert {event.get("account") for event in events() if event["event"] != "logout"} == {"demo"}


def test_reuse_and_a_late_repeat_are_events(world: World, events: Events) -> None:
    first, key = world.tokens(), new_key()
    second = world.rotated(first["refresh_token"], key)
    world.rotated(second["refresh_token"], new_key())
    world.refresh(first["refresh_token"], key)
    world.refresh(first["refresh_token"], new_key())
    names = [event["event"] for event in events() if event["event"] != "login"]
    assert names == ["refresh_repeated_late", "refresh_token_reused"]


def test_a_name_that_nobody_has_is_not_logged_because_it_may_be_a_password(
    world: World, events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    world.login(username=PASSWORD, password=NEW_PASSWORD)
    assert [event["event"] for event in events()] == ["login_failed"]
    assert PASSWORD not in caplog.text
    assert NEW_PASSWORD not in caplog.text


def test_an_event_is_a_line_of_json_with_its_time() -> None:
    record = logging.LogRecord(
        "app.events", logging.INFO, "", 0, '{"event": "login", "sid": "x"}', None, None
    )
    line = json.loads(Lines().format(record))
    assert list(line) == ["time", "event", "sid"]


def test_uvicorns_access_log_is_off_because_it_has_queries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    access = logging.getLogger("uvicorn.access")
    monkeypatch.setattr(access, "handlers", [logging.StreamHandler(sys.stdout)])
    monkeypatch.setattr(access, "propagate", True)
    configure_logging()
    assert not access.hasHandlers()
