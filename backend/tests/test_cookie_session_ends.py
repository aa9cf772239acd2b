"""Cookie custody: what ends a session and takes its cookie away, and what does not."""

import pytest

from .conftest import MakeWorld
from .cookies import (
    DOMAIN,
    FORM,
    OWN_PAGE,
    cookie_name,
    cookie_of,
    log_in,
    log_out,
    over_tls,
    refresh_cookie,
)
from .support import World, bearer, new_key, reason


@pytest.fixture
def world(world: World) -> World:
    return over_tls(world)


def test_a_session_that_is_over_says_why_without_its_cookie(make_world: MakeWorld) -> None:
    world = make_world(refresh_idle_seconds=100, refresh_absolute_seconds=1000)
    over_tls(world).add_user("demo")
    idle = log_in(world)
    world.client.cookies.clear()
    out = log_in(world)
    log_out(world, out)
    world.client.cookies.clear()
    assert reason(refresh_cookie(world, out)) == "revoked"
    world.clock.advance(100)
    assert reason(refresh_cookie(world, idle)) == "expired"


def test_the_session_expires_and_rotation_never_extends_its_absolute_end(
    make_world: MakeWorld,
) -> None:
    world = make_world(refresh_idle_seconds=100, refresh_absolute_seconds=150)
    over_tls(world).add_user("demo")
    session = log_in(world)
    first = cookie_of(world, session)
    world.clock.advance(90)
    answer = refresh_cookie(world, session)
    assert answer.json()["refresh_expires_in"] == 60
    assert "Max-Age=60;" in answer.headers["set-cookie"]
    current = cookie_of(world, session)
    world.clock.advance(60)
    assert reason(refresh_cookie(world, session, current)) == "expired"
    assert reason(refresh_cookie(world, session, first)) == "expired"


def test_an_idle_session_is_over_for_an_older_token_too(make_world: MakeWorld) -> None:
    world = make_world(refresh_idle_seconds=100, refresh_absolute_seconds=1000)
    over_tls(world).add_user("demo")
    session = log_in(world)
    first = cookie_of(world, session)
    assert refresh_cookie(world, session).status_code == 200
    world.clock.advance(100)
    assert reason(refresh_cookie(world, session, first)) == "expired"


def test_a_logout_without_the_cookie_needs_the_sessions_key(world: World) -> None:
    session = log_in(world)
    world.client.cookies.clear()
    for key in (None, new_key()):
        assert log_out(world, session, key).status_code == 204
        assert world.protected(session["access_token"]).status_code == 200
    assert log_out(world, session, session["session_key"]).status_code == 204
    assert world.protected(session["access_token"]).status_code == 401


@pytest.mark.parametrize("generation", [0, 1])
def test_after_a_logout_the_session_is_over_and_the_cookie_is_gone(
    world: World, generation: int
) -> None:
    session = log_in(world)
    cookies = [cookie_of(world, session)]
    refresh_cookie(world, session)
    cookies.append(cookie_of(world, session))
    world.client.cookies.clear()
    world.client.cookies.set(cookie_name(session), cookies[generation] or "", domain=DOMAIN)
    answer = world.client.post("/logout", json={"sid": session["sid"]}, headers=OWN_PAGE)
    assert (answer.status_code, answer.content) == (204, b"")
    assert cookie_of(world, session) is None
    assert world.protected(session["access_token"]).status_code == 401
    for cookie in cookies:
        assert reason(refresh_cookie(world, session, cookie)) == "revoked"


def test_a_logout_without_a_cookie_or_with_anothers_ends_nothing(world: World) -> None:
    session = log_in(world)
    cookie = cookie_of(world, session)
    assert cookie is not None
    for name in (None, f"__Host-rt-{'A' * 22}"):
        world.client.cookies.clear()
        if name is not None:
            world.client.cookies.set(name, cookie, domain=DOMAIN)
        body = {"sid": session["sid"] if name is None else "A" * 22}
        assert world.client.post("/logout", json=body, headers=OWN_PAGE).status_code == 204
    assert refresh_cookie(world, session, cookie).status_code == 200


def test_a_login_ends_the_sessions_whose_cookies_it_receives(world: World) -> None:
    world.add_user("other")
    first = log_in(world)
    second = world.client.post("/token", data=FORM | {"username": "other"}, headers=OWN_PAGE)
    assert second.status_code == 200
    assert cookie_of(world, first) is None
    assert cookie_of(world, second.json()) is not None
    assert world.protected(first["access_token"]).status_code == 401
    assert world.protected(second.json()["access_token"]).status_code == 200


def test_a_login_leaves_the_cookies_of_another_server_at_this_origin(world: World) -> None:
    other = "__Host-rt-" + "B" * 22
    world.client.cookies.set(other, "x" * 43, domain=DOMAIN)
    log_in(world)
    assert world.client.cookies.get(other) == "x" * 43


def test_a_failed_login_ends_nothing(world: World) -> None:
    session = log_in(world)
    answer = world.client.post("/token", data=FORM | {"password": "wrong"}, headers=OWN_PAGE)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert refresh_cookie(world, session).status_code == 200


def test_a_list_of_sessions_has_and_ends_sessions_of_both_kinds(world: World) -> None:
    session, other = log_in(world), world.tokens()
    listed = {found["sid"] for found in world.sessions(other["access_token"])}
    assert listed == {session["sid"], other["sid"]}
    ended = world.client.delete(
        f"/sessions/{session['sid']}", headers=bearer(other["access_token"])
    )
    assert ended.status_code == 204
    assert reason(refresh_cookie(world, session)) == "revoked"
    assert cookie_of(world, session) is None
