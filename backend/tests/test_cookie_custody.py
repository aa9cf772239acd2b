"""Cookie custody: the refresh token lives in a cookie that no script can read."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from app.models import Family, RefreshToken

from .conftest import MakeWorld
from .support import ORIGIN, PASSWORD, World, bearer, new_key, reason

OWN_PAGE = {"X-Requested-With": "fetch", "Sec-Fetch-Site": "same-origin"}
# The name under which the jar files the cookies of "testserver".
DOMAIN = "testserver.local"
FORM = {"username": "demo", "password": PASSWORD, "refresh_custody": "cookie"}


@pytest.fixture
def world(world: World) -> World:
    # A jar keeps and sends Secure cookies over TLS only.
    world.client.base_url = httpx2.URL("https://testserver")
    return world


def _login(world: World, headers: dict[str, str] = OWN_PAGE) -> dict[str, Any]:
    answer = world.client.post("/token", data=FORM, headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _name(session: dict[str, Any]) -> str:
    return f"__Host-rt-{session['sid']}"


def _cookie(world: World, session: dict[str, Any]) -> str | None:
    return world.client.cookies.get(_name(session))


def _refresh(
    world: World, session: dict[str, Any], cookie: str | None = None, key: str | None = None
) -> httpx2.Response:
    """Refresh with the jar's cookie, or with another one that replaces it."""
    if cookie is not None:
        world.client.cookies.clear()
        world.client.cookies.set(_name(session), cookie, domain=DOMAIN)
    body = {"sid": session["sid"], "session_key": key or session["session_key"]}
    return world.client.post("/refresh", json=body, headers=OWN_PAGE)


def _set_cookie(answer: httpx2.Response, session: dict[str, Any]) -> str:
    [header] = answer.headers.get_list("set-cookie")
    return str(header).removeprefix(f"{_name(session)}=").split(";")[0]


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
    assert pair.startswith(f"{_name(body)}=")
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
    session = _login(world)
    cookies = {_cookie(world, session)}
    for generation in range(1, 4):
        answer = _refresh(world, session)
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
        cookies.add(_cookie(world, session))
        assert len(cookies) == generation + 1
        assert world.stored_tokens() == generation + 1


@pytest.mark.parametrize("generations", [1, 2, 5])
def test_any_older_token_with_the_sessions_key_gets_the_current_token_again(
    world: World, generations: int
) -> None:
    session = _login(world)
    oldest = _cookie(world, session)
    assert oldest is not None
    for _ in range(generations):
        assert _refresh(world, session).status_code == 200
    current = _cookie(world, session)
    stored = world.stored_tokens()
    for _ in range(2):
        answer = _refresh(world, session, oldest)
        assert answer.status_code == 200
        assert _set_cookie(answer, session) == current
        assert world.protected(answer.json()["access_token"]).status_code == 200
    assert world.stored_tokens() == stored
    # The current token was not spent by the repeats.
    assert _refresh(world, session, current).status_code == 200


@pytest.mark.parametrize("spent", [True, False])
def test_another_key_is_theft(world: World, spent: bool) -> None:
    session = _login(world)
    first = _cookie(world, session)
    if spent:
        _refresh(world, session)
    answer = _refresh(world, session, first, new_key())
    assert reason(answer) == "reuse"
    assert world.protected(session["access_token"]).status_code == 401
    assert _cookie(world, session) is None
    # The right key brings nothing back.
    assert reason(_refresh(world, session, first)) == "reuse"


def test_a_malformed_key_is_a_400_that_spends_and_ends_nothing(world: World) -> None:
    session = _login(world)
    for key in ("short", "ä" * 22, "x" * 129):
        answer = _refresh(world, session, key=key)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert world.stored_tokens() == 1
    assert _refresh(world, session).status_code == 200


def test_50_concurrent_refreshes_have_one_successor(world: World) -> None:
    session = _login(world)
    cookie = _cookie(world, session)
    headers = OWN_PAGE | {"Cookie": f"{_name(session)}={cookie}"}
    body = {"sid": session["sid"], "session_key": session["session_key"]}
    world.client.cookies.clear()

    def refresh(_: int) -> httpx2.Response:
        return world.client.post("/refresh", json=body, headers=headers)

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(refresh, range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({_set_cookie(answer, session) for answer in answers}) == 1
    assert world.stored_tokens() == 2


def test_only_the_named_sessions_cookie_is_read(world: World) -> None:
    # Cookies of the first session are received by the second login, so it needs its own jar.
    first = _login(world)
    cookie = _cookie(world, first)
    assert cookie is not None
    world.client.cookies.clear()
    second = _login(world)
    assert _refresh(world, second).status_code == 200
    # The first session's token under the name of the second one.
    assert reason(_refresh(world, second, cookie)) == "unknown"
    assert _refresh(world, first, cookie).status_code == 200


@pytest.mark.parametrize("sid", ["A" * 22, "", "x", "A" * 500, "\x00" * 22, "ä" * 22])
def test_an_unknown_session_or_a_missing_cookie_is_over(world: World, sid: str) -> None:
    session = _login(world)
    assert reason(_refresh(world, session | {"sid": sid})) == "unknown"
    world.client.cookies.clear()
    assert reason(_refresh(world, session)) == "unknown"


def test_a_cookies_token_in_a_body_is_theft(world: World) -> None:
    session = _login(world)
    cookie = _cookie(world, session)
    assert cookie is not None
    assert reason(world.refresh(cookie, new_key())) == "reuse"
    assert reason(_refresh(world, session, cookie)) == "reuse"


def test_a_bodys_token_in_a_cookie_is_nothing_and_spends_nothing(world: World) -> None:
    stored = world.tokens()
    session = {"sid": stored["sid"], "session_key": new_key()}
    assert reason(_refresh(world, session, stored["refresh_token"])) == "unknown"
    assert world.refresh(stored["refresh_token"]).status_code == 200


def test_the_session_expires_and_rotation_never_extends_its_absolute_end(
    make_world: MakeWorld,
) -> None:
    world = make_world(refresh_idle_seconds=100, refresh_absolute_seconds=150)
    world.client.base_url = httpx2.URL("https://testserver")
    world.add_user("demo")
    session = _login(world)
    first = _cookie(world, session)
    world.clock.advance(90)
    answer = _refresh(world, session)
    assert answer.json()["refresh_expires_in"] == 60
    assert "Max-Age=60;" in answer.headers["set-cookie"]
    current = _cookie(world, session)
    world.clock.advance(60)
    assert reason(_refresh(world, session, current)) == "expired"
    assert reason(_refresh(world, session, first)) == "expired"


def test_an_idle_session_is_over_for_an_older_token_too(make_world: MakeWorld) -> None:
    world = make_world(refresh_idle_seconds=100, refresh_absolute_seconds=1000)
    world.client.base_url = httpx2.URL("https://testserver")
    world.add_user("demo")
    session = _login(world)
    first = _cookie(world, session)
    assert _refresh(world, session).status_code == 200
    world.clock.advance(100)
    assert reason(_refresh(world, session, first)) == "expired"


@pytest.mark.parametrize("generation", [0, 1])
def test_after_a_logout_the_session_is_over_and_the_cookie_is_gone(
    world: World, generation: int
) -> None:
    session = _login(world)
    cookies = [_cookie(world, session)]
    _refresh(world, session)
    cookies.append(_cookie(world, session))
    world.client.cookies.clear()
    world.client.cookies.set(_name(session), cookies[generation] or "", domain=DOMAIN)
    answer = world.client.post("/logout", json={"sid": session["sid"]}, headers=OWN_PAGE)
    assert (answer.status_code, answer.content) == (204, b"")
    assert _cookie(world, session) is None
    assert world.protected(session["access_token"]).status_code == 401
    for cookie in cookies:
        assert reason(_refresh(world, session, cookie)) == "revoked"


def test_a_logout_without_a_cookie_or_with_anothers_ends_nothing(world: World) -> None:
    session = _login(world)
    cookie = _cookie(world, session)
    assert cookie is not None
    for name in (None, f"__Host-rt-{'A' * 22}"):
        world.client.cookies.clear()
        if name is not None:
            world.client.cookies.set(name, cookie, domain=DOMAIN)
        body = {"sid": session["sid"] if name is None else "A" * 22}
        assert world.client.post("/logout", json=body, headers=OWN_PAGE).status_code == 204
    assert _refresh(world, session, cookie).status_code == 200


def test_a_login_ends_the_sessions_whose_cookies_it_receives(world: World) -> None:
    world.add_user("other")
    first = _login(world)
    second = world.client.post("/token", data=FORM | {"username": "other"}, headers=OWN_PAGE)
    assert second.status_code == 200
    assert _cookie(world, first) is None
    assert _cookie(world, second.json()) is not None
    assert world.protected(first["access_token"]).status_code == 401
    assert world.protected(second.json()["access_token"]).status_code == 200


def test_a_failed_login_ends_nothing(world: World) -> None:
    session = _login(world)
    answer = world.client.post("/token", data=FORM | {"password": "wrong"}, headers=OWN_PAGE)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert _refresh(world, session).status_code == 200


FOREIGN = {
    "no custom header": {"Sec-Fetch-Site": "same-origin"},
    "an empty custom header": {"Sec-Fetch-Site": "same-origin", "X-Requested-With": ""},
    "another site": {"X-Requested-With": "fetch", "Sec-Fetch-Site": "cross-site"},
    "a sibling": {"X-Requested-With": "fetch", "Sec-Fetch-Site": "same-site"},
    "a typed address": {"X-Requested-With": "fetch", "Sec-Fetch-Site": "none"},
    "a lie in Origin": OWN_PAGE | {"Sec-Fetch-Site": "same-site", "Origin": "https://testserver"},
    "no origin": {"X-Requested-With": "fetch"},
    "a foreign origin": {"X-Requested-With": "fetch", "Origin": "https://evil.example"},
    "another port": {"X-Requested-With": "fetch", "Origin": "https://testserver:8443"},
    "without TLS": {"X-Requested-With": "fetch", "Origin": "http://testserver"},
    "an opaque origin": {"X-Requested-With": "fetch", "Origin": "null"},
    "a broken origin": {"X-Requested-With": "fetch", "Origin": "https://[testserver"},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_a_request_that_is_not_the_own_pages_is_refused_and_changes_nothing(
    world: World, headers: dict[str, str]
) -> None:
    session = _login(world)
    named = {"sid": session["sid"], "session_key": session["session_key"]}
    answers = [
        world.client.post("/token", data=FORM, headers=headers),
        world.client.post("/refresh", json=named, headers=headers),
        world.client.post("/logout", json=named, headers=headers),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["error"]) == (403, "cross_site")
        assert "set-cookie" not in answer.headers
    assert world.stored_tokens() == 1
    assert _refresh(world, session).status_code == 200


@pytest.mark.parametrize(
    ("host", "origin"),
    [("app.example", "https://app.example"), ("localhost:8080", "http://localhost:8080")],
)
def test_a_browser_without_sec_fetch_site_is_known_by_its_origin(
    world: World, host: str, origin: str
) -> None:
    _login(world, {"X-Requested-With": "fetch", "Host": host, "Origin": origin})


def test_no_preflight_grants_the_custom_header(world: World) -> None:
    answer = world.client.options(
        "/refresh",
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,x-requested-with",
        },
    )
    assert answer.status_code == 400


@pytest.mark.parametrize("custody", [None, "body"])
def test_storage_custody_never_sets_or_reads_a_cookie(world: World, custody: str | None) -> None:
    in_cookie = _login(world)
    form = {name: value for name, value in FORM.items() if name != "refresh_custody"}
    if custody is not None:
        form["refresh_custody"] = custody
    login = world.client.post("/token", data=form, headers=OWN_PAGE)
    token = login.json()["refresh_token"]
    assert "session_key" not in login.json()
    refreshed = world.client.post("/refresh", json={"refresh_token": token}, headers=OWN_PAGE)
    over = world.client.post("/refresh", json={"refresh_token": token}, headers=OWN_PAGE)
    logout = world.client.post("/logout", json={"refresh_token": token}, headers=OWN_PAGE)
    statuses = [answer.status_code for answer in (login, refreshed, over, logout)]
    assert statuses == [200, 200, 401, 204]
    for answer in (login, refreshed, over, logout):
        assert "set-cookie" not in answer.headers
    assert _refresh(world, in_cookie).status_code == 200


def test_another_custody_is_a_422(world: World) -> None:
    answer = world.client.post("/token", data=FORM | {"refresh_custody": "jar"}, headers=OWN_PAGE)
    assert answer.status_code == 422


@pytest.mark.parametrize("path", ["/refresh", "/logout"])
def test_a_body_that_names_neither_is_a_422_as_before(world: World, path: str) -> None:
    answer = world.client.post(path, json={}, headers=OWN_PAGE)
    assert answer.status_code == 422
    assert answer.json()["detail"] == [
        {"type": "missing", "loc": ["body", "refresh_token"], "msg": "Field required"}
    ]


def test_a_refresh_without_the_session_key_is_a_422(world: World) -> None:
    session = _login(world)
    answer = world.client.post("/refresh", json={"sid": session["sid"]}, headers=OWN_PAGE)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "session_key"]


def test_strict_rotation_changes_nothing_here(make_world: MakeWorld) -> None:
    world = make_world(rotation="strict")
    world.client.base_url = httpx2.URL("https://testserver")
    world.add_user("demo")
    session = _login(world)
    assert session["idempotent_refresh"] is True
    first = _cookie(world, session)
    assert _refresh(world, session).status_code == 200
    assert _refresh(world, session, first).status_code == 200


def test_the_database_holds_neither_the_token_nor_the_session_key(world: World) -> None:
    session = _login(world)
    first = _cookie(world, session)
    _refresh(world, session)
    with world.database.read() as db:
        rows = repr(
            [
                *db.execute(select(*Family.__table__.columns)),
                *db.execute(select(*RefreshToken.__table__.columns)),
            ]
        )
    for secret in (first, _cookie(world, session), session["session_key"]):
        assert secret is not None
        assert secret not in rows


def test_a_list_of_sessions_has_and_ends_sessions_of_both_kinds(world: World) -> None:
    session, other = _login(world), world.tokens()
    listed = {found["sid"] for found in world.sessions(other["access_token"])}
    assert listed == {session["sid"], other["sid"]}
    ended = world.client.delete(
        f"/sessions/{session['sid']}", headers=bearer(other["access_token"])
    )
    assert ended.status_code == 204
    assert reason(_refresh(world, session)) == "revoked"
    assert _cookie(world, session) is None
