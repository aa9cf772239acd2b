"""The client's side of cookie custody."""

from typing import Any

import httpx2

from .support import PASSWORD, World

OWN_PAGE = {"X-Requested-With": "fetch", "Sec-Fetch-Site": "same-origin"}
# The name under which the jar files the cookies of "testserver".
DOMAIN = "testserver.local"
FORM = {"username": "demo", "password": PASSWORD, "refresh_custody": "cookie"}


def log_in(world: World, headers: dict[str, str] = OWN_PAGE) -> dict[str, Any]:
    answer = world.client.post("/token", data=FORM, headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def cookie_name(session: dict[str, Any]) -> str:
    return f"__Host-rt-{session['sid']}"


def cookie_of(world: World, session: dict[str, Any]) -> str | None:
    return world.client.cookies.get(cookie_name(session))


def refresh_cookie(
    world: World, session: dict[str, Any], cookie: str | None = None, key: str | None = None
) -> httpx2.Response:
    """Refresh with the jar's cookie, or with another one that replaces it."""
    if cookie is not None:
        world.client.cookies.clear()
        world.client.cookies.set(cookie_name(session), cookie, domain=DOMAIN)
    body = {"sid": session["sid"], "session_key": key or session["session_key"]}
    return world.client.post("/refresh", json=body, headers=OWN_PAGE)


def log_out(world: World, session: dict[str, Any], key: str | None = None) -> httpx2.Response:
    body = {"sid": session["sid"]} | ({} if key is None else {"session_key": key})
    return world.client.post("/logout", json=body, headers=OWN_PAGE)


def set_cookie_of(answer: httpx2.Response, session: dict[str, Any]) -> str:
    [header] = answer.headers.get_list("set-cookie")
    return str(header).removeprefix(f"{cookie_name(session)}=").split(";")[0]


def over_tls(world: World) -> World:
    """A jar keeps and sends Secure cookies over TLS only."""
    world.client.base_url = httpx2.URL("https://testserver")
    return world
