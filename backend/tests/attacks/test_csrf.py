"""Requests that other pages make the user's browser send, in cookie custody."""

import json
from urllib.parse import urlencode

import pytest
from fastapi import Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.routing import email  # type: ignore[attr-defined]
from starlette.datastructures import Headers
from starlette.responses import Response

from app.routers import tokens
from app.web import refresh_cookies

from ..cookies import FORM, cookie_name, over_tls
from ..support import World
from .browser import Browser, Page
from .weakened import Attack, Outcome, Weakening, attacks, replace

FORM_TYPE = "application/x-www-form-urlencoded"
JSON = {"Content-Type": "application/json"}
HEADER = {"X-Requested-With": "fetch"}
LOGIN_HEADERS = HEADER | {"Content-Type": FORM_TYPE}
ATTACKERS = FORM | {"username": "attacker"}


class _AllJson(email.message.Message):
    """Takes every media type for JSON."""

    def get_content_maintype(self) -> str:
        return "application"

    def get_content_subtype(self) -> str:
        return "json"


class _Email:
    """Stands in for the package ``email``, whose message FastAPI reads a media type with."""

    class message:  # noqa: N801 - a module's name
        Message = _AllJson


def _any_header(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every request had the header of its own."""
    _pretend(monkeypatch, "x-requested-with", "fetch")


def _any_site(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every request came from the own page."""
    _pretend(monkeypatch, "sec-fetch-site", "same-origin")


def _pretend(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    # The check in place may be weakened already.
    check = vars(tokens)["require_own_page"]

    def weaker(request: Request) -> None:
        others = [header for header in request.scope["headers"] if header[0] != name.encode()]
        headers = [*others, (name.encode(), value.encode())]
        check(Request({**request.scope, "headers": headers}))

    monkeypatch.setattr(tokens, "require_own_page", weaker)


def _grant(_: CORSMiddleware, request_headers: Headers) -> Response:
    return Response("OK", 200)


def _cookie_for_all_sites(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(refresh_cookies.ATTRIBUTES, "samesite", "none")


ANY_ORIGIN = replace(refresh_cookies, "_has_own_origin", lambda _: True)
ANY_PREFLIGHT = replace(CORSMiddleware, "preflight_response", _grant)


def _any_media_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastapi.routing.email", _Email)


def _browser(world: World, *, modern: bool = True) -> Browser:
    world.add_user("attacker")
    return Browser(over_tls(world), sends_fetch_metadata=modern)


def _log_in(browser: Browser) -> str:
    """The user logs in. The attacker knows the name of the session, but not its key."""
    answer = browser.script(Page.OWN, "/token", urlencode(FORM), LOGIN_HEADERS)
    assert answer is not None
    assert answer.status_code == 200
    return str(answer.json()["sid"])


def _is_signed_in(browser: Browser, sid: str) -> bool:
    # A new login lists itself, so a second entry is the browser's session.
    return browser.cookies[cookie_name({"sid": sid})].value != "" and bool(
        browser.world.sessions(browser.world.tokens()["access_token"])[1:]
    )


def _login_csrf(page: Page, *, modern: bool = True) -> Attack:
    """The user is to work in the attacker's account without noticing."""

    def attack(world: World) -> bool:
        browser = _browser(world, modern=modern)
        browser.form(page, "/token", urlencode(ATTACKERS), FORM_TYPE)
        return bool(browser.cookies)

    return attack


def _login_csrf_by_script(page: Page) -> Attack:
    def attack(world: World) -> bool:
        browser = _browser(world)
        browser.script(page, "/token", urlencode(ATTACKERS), LOGIN_HEADERS)
        return bool(browser.cookies)

    return attack


def _login_csrf_ends_the_session(world: World) -> bool:
    """A login ends the sessions whose cookies it receives."""
    browser = _browser(world)
    sid = _log_in(browser)
    browser.form(Page.SIBLING, "/token", urlencode(ATTACKERS), FORM_TYPE)
    return not _is_signed_in(browser, sid)


def _logout_by_form(page: Page) -> Attack:
    """A form of plain text whose name and value make JSON together."""

    def attack(world: World) -> bool:
        browser = _browser(world)
        sid = _log_in(browser)
        body = json.dumps({"sid": sid, "padding": "="})
        browser.form(page, "/logout", body, "text/plain")
        return not _is_signed_in(browser, sid)

    return attack


def _logout_by_script(page: Page) -> Attack:
    def attack(world: World) -> bool:
        browser = _browser(world)
        sid = _log_in(browser)
        browser.script(page, "/logout", json.dumps({"sid": sid}), HEADER | JSON)
        return not _is_signed_in(browser, sid)

    return attack


def _a_cookie_for_a_foreign_page(world: World) -> bool:
    """Whether a foreign page's request carries the session."""
    browser = _browser(world)
    sid = _log_in(browser)
    return cookie_name({"sid": sid}) in browser._cookies_for(Page.FOREIGN)


@attacks(
    {
        "a login by a foreign form": (_login_csrf(Page.FOREIGN), _any_header, _any_site),
        "a login by a sibling's form": (_login_csrf(Page.SIBLING), _any_header, _any_site),
        "a login by markup in the own page": (_login_csrf(Page.OWN), _any_header),
        "a login by a foreign form in an old browser": (
            _login_csrf(Page.FOREIGN, modern=False),
            _any_header,
            ANY_ORIGIN,
        ),
        "a login by a foreign script": (
            _login_csrf_by_script(Page.FOREIGN),
            _any_site,
            ANY_PREFLIGHT,
        ),
        "a login by a sibling's script": (
            _login_csrf_by_script(Page.SIBLING),
            _any_site,
            ANY_PREFLIGHT,
        ),
        "a session ended by a sibling's login": (
            _login_csrf_ends_the_session,
            _any_header,
            _any_site,
        ),
        "a logout by a foreign form": (
            _logout_by_form(Page.FOREIGN),
            _any_header,
            _any_site,
            _any_media_type,
        ),
        "a logout by a sibling's form": (
            _logout_by_form(Page.SIBLING),
            _any_header,
            _any_site,
            _any_media_type,
        ),
        "a logout by a sibling's script": (
            _logout_by_script(Page.SIBLING),
            _any_site,
            ANY_PREFLIGHT,
        ),
        "a cookie for a foreign page": (_a_cookie_for_a_foreign_page, _cookie_for_all_sites),
    }
)
def test_no_other_page_begins_or_ends_a_session(
    outcome: Outcome, attack: Attack, removed: tuple[Weakening, ...], succeeds: bool
) -> None:
    assert outcome(attack, removed) is succeeds
