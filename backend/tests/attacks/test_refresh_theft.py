"""A thief with a refresh token: before the owner, after the owner, and after the session's end."""

import re

from app.core import security
from app.routers import tokens
from app.services import accounts, cookie_rotation, issuing, rotation, sessions
from app.services.lookup import Found, find_token

from ..cookies import cookie_of, log_in, over_tls, refresh_cookie
from ..support import World, new_key
from .weakened import Attack, Outcome, Weakening, attacks, replace


class _AllEqual:
    """Stands in for the module ``hmac``."""

    def compare_digest(self, _one: bytes, _other: bytes) -> bool:
        return True


def _found_without_custody(db: object, digest: bytes) -> Found | None:
    found = find_token(db, digest)  # type: ignore[arg-type]
    return found and found._replace(session_key_hash=None)


ANY_KEY_REPEATS = replace(rotation, "_is_same_key", lambda *_: True)
REUSE_ENDS_NOTHING = replace(rotation, "end_families", lambda *_: [])
ANY_SESSION_KEY = replace(cookie_rotation, "hmac", _AllEqual())
ANY_KEY_FORM = replace(tokens, "KEY_FORM", re.compile(".*"))
CUSTODY_FORGOTTEN = replace(rotation, "find_token", _found_without_custody)
ENDED_IS_ALIVE = replace(rotation, "refusal_of_family", lambda *_: None)
NO_END_AT_A_NEW_PASSWORD = replace(accounts, "end_families", lambda *_: [])
NO_END_AT_A_LOGOUT = replace(sessions, "end_families", lambda *_: [])


def _refreshes(world: World, token: str, key: str | None = None) -> bool:
    return world.refresh(token, key).status_code == 200


def _a_spent_token_with_the_thiefs_key(world: World) -> bool:
    stolen = world.tokens()["refresh_token"]
    world.rotated(stolen, new_key())
    return _refreshes(world, stolen, new_key())


def _a_spent_token_with_a_guessed_key(world: World) -> bool:
    stolen = world.tokens()["refresh_token"]
    if not _refreshes(world, stolen, "1"):
        # The server refuses such a key, so the owner takes another.
        world.rotated(stolen, new_key())
    return _refreshes(world, stolen, "1")


def _to_be_first_and_stay(world: World) -> bool:
    stolen = world.tokens()["refresh_token"]
    thiefs = world.rotated(stolen)
    # The owner's next refresh shows the theft.
    assert not _refreshes(world, stolen)
    return _refreshes(world, thiefs["refresh_token"])


def _to_keep_the_access_token(world: World) -> bool:
    stolen = world.tokens()["refresh_token"]
    thiefs = world.rotated(stolen)
    world.refresh(stolen)
    return world.protected(thiefs["access_token"]).status_code == 200


def _after_the_logout(world: World) -> bool:
    stolen = world.tokens()["refresh_token"]
    world.logout(stolen)
    return _refreshes(world, stolen)


def _after_a_new_password(world: World) -> bool:
    session = world.tokens()
    assert world.change_password(session["access_token"]).status_code == 204
    return _refreshes(world, session["refresh_token"])


def _after_the_user_was_disabled(world: World) -> bool:
    stolen = world.tokens()["refresh_token"]
    world.services.accounts.disable("demo")
    return _refreshes(world, stolen)


def _for_ever(world: World) -> bool:
    token = world.tokens()["refresh_token"]
    end = world.clock.now + world.settings.refresh_absolute_seconds
    while world.clock.now < end:
        token = world.rotated(token)["refresh_token"]
        world.clock.advance(world.settings.refresh_idle_seconds - 1)
    return _refreshes(world, token)


def _of_an_idle_session(world: World) -> bool:
    token = world.tokens()["refresh_token"]
    world.clock.advance(world.settings.refresh_idle_seconds)
    return _refreshes(world, token)


def _never_idle(self: issuing.Issuer, db: object, token: str, sid: str, *times: int) -> int:
    """Stores a token that expires in a thousand years."""
    return ADD_TOKEN(self, db, token, sid, times[0] + 10**10, times[0] + 10**10)  # type: ignore[arg-type]


ADD_TOKEN = issuing.Issuer.add_token
NO_EXPIRY_OF_TOKENS = replace(issuing.Issuer, "add_token", _never_idle)


def _a_cookie_without_its_key(world: World) -> bool:
    session = log_in(over_tls(world))
    return refresh_cookie(world, session, key=security.new_session_key()).status_code == 200


def _a_cookie_as_a_body(world: World) -> bool:
    session = log_in(over_tls(world))
    return _refreshes(world, cookie_of(world, session) or "")


@attacks(
    {
        "a spent token with the thief's key": (_a_spent_token_with_the_thiefs_key, ANY_KEY_REPEATS),
        "a spent token with a guessed key": (_a_spent_token_with_a_guessed_key, ANY_KEY_FORM),
        "to be first and stay": (_to_be_first_and_stay, REUSE_ENDS_NOTHING),
        "to keep the access token": (_to_keep_the_access_token, REUSE_ENDS_NOTHING),
        "after the logout": (_after_the_logout, NO_END_AT_A_LOGOUT),
        "after the logout, which is not looked at": (_after_the_logout, ENDED_IS_ALIVE),
        "after a new password": (_after_a_new_password, NO_END_AT_A_NEW_PASSWORD),
        "after the user was disabled": (_after_the_user_was_disabled, ENDED_IS_ALIVE),
        "for ever": (_for_ever, ENDED_IS_ALIVE, NO_EXPIRY_OF_TOKENS),
        "of an idle session": (_of_an_idle_session, NO_EXPIRY_OF_TOKENS),
        "a cookie without its key": (_a_cookie_without_its_key, ANY_SESSION_KEY),
        "a cookie as a body": (_a_cookie_as_a_body, CUSTODY_FORGOTTEN),
    }
)
def test_a_stolen_refresh_token_brings_nothing_that_lasts(
    outcome: Outcome, attack: Attack, removed: tuple[Weakening, ...], succeeds: bool
) -> None:
    assert outcome(attack, removed) is succeeds
