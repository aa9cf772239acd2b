"""Cookie custody: whose requests are taken, and what they look like."""

import pytest

from .cookies import FORM, OWN_PAGE, log_in, over_tls, refresh_cookie
from .support import ORIGIN, World


@pytest.fixture
def world(world: World) -> World:
    return over_tls(world)


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
    session = log_in(world)
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
    assert refresh_cookie(world, session).status_code == 200


@pytest.mark.parametrize(
    ("host", "origin"),
    [("app.example", "https://app.example"), ("localhost:8080", "http://localhost:8080")],
)
def test_a_browser_without_sec_fetch_site_is_known_by_its_origin(
    world: World, host: str, origin: str
) -> None:
    log_in(world, {"X-Requested-With": "fetch", "Host": host, "Origin": origin})


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
    in_cookie = log_in(world)
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
    assert refresh_cookie(world, in_cookie).status_code == 200


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
    session = log_in(world)
    answer = world.client.post("/refresh", json={"sid": session["sid"]}, headers=OWN_PAGE)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "session_key"]
