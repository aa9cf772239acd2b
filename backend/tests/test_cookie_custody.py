"""Cookie custody: the refresh token lives in a cookie that no script can read."""

from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from sqlalchemy import select

from app.models import Family, RefreshToken

from .conftest import MakeWorld
from .cookies import (
    FORM,
    OWN_PAGE,
    cookie_name,
    cookie_of,
    log_in,
    over_tls,
    refresh_cookie,
    set_cookie_of,
)
from .support import World, new_key, reason


@pytest.fixture
def world(world: World) -> World:
    return over_tls(world)


def test_a_login_puts_the_refresh_token_into_a_cookie_and_nowhere_else(world: World) -> None:
    answer = world.client.post("/token", data=FORM, headers=OWN_PAGE)
    body = answer.json()
    assert set(body) == {
        "access_token",
        "token_type",
        "expires_in",
        "refresh_expires_in",
        "sid",
        "session_key",
        "idempotent_refresh",
    }
    [header] = answer.headers.get_list("set-cookie")
    pair, *attributes = header.split("; ")
    assert pair.startswith(f"{cookie_name(body)}=")
    assert {attribute.lower() for attribute in attributes} == {
        f"max-age={body['refresh_expires_in']}",
        "path=/",
        "secure",
        "httponly",
        "samesite=strict",
    }
    assert pair.split("=")[1] not in answer.text
    assert world.protected(body["access_token"]).status_code == 200


def test_a_refresh_rotates_the_cookie_and_keeps_the_session_key(world: World) -> None:
    session = log_in(world)
    cookies = {cookie_of(world, session)}
    for generation in range(1, 4):
        answer = refresh_cookie(world, session)
        assert answer.status_code == 200
        body = answer.json()
        assert set(body) == {
            "access_token",
            "token_type",
            "expires_in",
            "refresh_expires_in",
            "sid",
            "idempotent_refresh",
        }
        assert body["sid"] == session["sid"]
        assert world.protected(body["access_token"]).status_code == 200
        cookies.add(cookie_of(world, session))
        assert len(cookies) == generation + 1
        assert world.stored_tokens() == generation + 1


@pytest.mark.parametrize("generations", [1, 2, 5])
def test_any_older_token_with_the_sessions_key_gets_the_current_token_again(
    world: World, generations: int
) -> None:
    session = log_in(world)
    oldest = cookie_of(world, session)
    assert oldest is not None
    for _ in range(generations):
        assert refresh_cookie(world, session).status_code == 200
    current = cookie_of(world, session)
    stored = world.stored_tokens()
    for _ in range(2):
        answer = refresh_cookie(world, session, oldest)
        assert answer.status_code == 200
        assert set_cookie_of(answer, session) == current
        assert world.protected(answer.json()["access_token"]).status_code == 200
    assert world.stored_tokens() == stored
    # The current token was not spent by the repeats.
    assert refresh_cookie(world, session, current).status_code == 200


@pytest.mark.parametrize("spent", [True, False])
def test_another_key_is_theft(world: World, spent: bool) -> None:
    session = log_in(world)
    first = cookie_of(world, session)
    if spent:
        refresh_cookie(world, session)
    answer = refresh_cookie(world, session, first, new_key())
    assert reason(answer) == "reuse"
    assert world.protected(session["access_token"]).status_code == 401
    assert cookie_of(world, session) is None
    # The right key brings nothing back.
    assert reason(refresh_cookie(world, session, first)) == "reuse"


def test_a_malformed_key_is_a_400_that_spends_and_ends_nothing(world: World) -> None:
    session = log_in(world)
    for key in ("short", "ä" * 22, "x" * 129):
        answer = refresh_cookie(world, session, key=key)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert world.stored_tokens() == 1
    assert refresh_cookie(world, session).status_code == 200


def test_50_concurrent_refreshes_have_one_successor(world: World) -> None:
    session = log_in(world)
    cookie = cookie_of(world, session)
    headers = OWN_PAGE | {"Cookie": f"{cookie_name(session)}={cookie}"}
    body = {"sid": session["sid"], "session_key": session["session_key"]}
    world.client.cookies.clear()

    def refresh(_: int) -> httpx2.Response:
        return world.client.post("/refresh", json=body, headers=headers)

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(refresh, range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({set_cookie_of(answer, session) for answer in answers}) == 1
    assert world.stored_tokens() == 2


def test_only_the_named_sessions_cookie_is_read(world: World) -> None:
    # Cookies of the first session are received by the second login, so it needs its own jar.
    first = log_in(world)
    cookie = cookie_of(world, first)
    assert cookie is not None
    world.client.cookies.clear()
    second = log_in(world)
    assert refresh_cookie(world, second).status_code == 200
    # The first session's token under the name of the second one.
    assert reason(refresh_cookie(world, second, cookie)) == "unknown"
    assert refresh_cookie(world, first, cookie).status_code == 200


@pytest.mark.parametrize("sid", ["A" * 22, "", "x", "A" * 500, "\x00" * 22, "ä" * 22])
def test_an_unknown_session_or_a_missing_cookie_is_over(world: World, sid: str) -> None:
    session = log_in(world)
    assert reason(refresh_cookie(world, session | {"sid": sid})) == "unknown"
    world.client.cookies.clear()
    assert reason(refresh_cookie(world, session | {"sid": sid})) == "unknown"


def test_only_who_has_the_sessions_key_learns_that_the_cookie_is_missing(world: World) -> None:
    session = log_in(world)
    cookie = cookie_of(world, session)
    world.client.cookies.clear()
    assert reason(refresh_cookie(world, session)) == "no_cookie"
    assert reason(refresh_cookie(world, session, key=new_key())) == "unknown"
    assert world.stored_tokens() == 1
    # The session lives on, should the cookie come back.
    assert refresh_cookie(world, session, cookie).status_code == 200


def test_a_cookies_token_in_a_body_is_theft(world: World) -> None:
    session = log_in(world)
    cookie = cookie_of(world, session)
    assert cookie is not None
    assert reason(world.refresh(cookie, new_key())) == "reuse"
    assert reason(refresh_cookie(world, session, cookie)) == "reuse"


def test_a_bodys_token_in_a_cookie_is_nothing_and_spends_nothing(world: World) -> None:
    stored = world.tokens()
    session = {"sid": stored["sid"], "session_key": new_key()}
    assert reason(refresh_cookie(world, session, stored["refresh_token"])) == "unknown"
    assert world.refresh(stored["refresh_token"]).status_code == 200


def test_strict_rotation_changes_nothing_here(make_world: MakeWorld) -> None:
    world = make_world(rotation="strict")
    over_tls(world).add_user("demo")
    session = log_in(world)
    assert session["idempotent_refresh"] is True
    first = cookie_of(world, session)
    assert refresh_cookie(world, session).status_code == 200
    assert refresh_cookie(world, session, first).status_code == 200


def test_the_database_holds_neither_the_token_nor_the_session_key(world: World) -> None:
    session = log_in(world)
    first = cookie_of(world, session)
    refresh_cookie(world, session)
    with world.database.read() as db:
        rows = repr(
            [
                *db.execute(select(*Family.__table__.columns)),
                *db.execute(select(*RefreshToken.__table__.columns)),
            ]
        )
    for secret in (first, cookie_of(world, session), session["session_key"]):
        assert secret is not None
        assert secret not in rows
