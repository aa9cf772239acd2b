"""A new AUTH_SECRET ends no session, and previous secrets verify (docs/faults.md, row 43)."""

import secrets

import jwt
import pytest
from pydantic import SecretStr

from .conftest import MakeWorld
from .support import SECRET, World

OLD_KEYS = (SecretStr(SECRET), SecretStr(secrets.token_urlsafe(32)))
NEW_SECRET = secrets.token_urlsafe(32)


@pytest.fixture
def before(world: World) -> World:
    """The server before the change. Its key is the first of OLD_KEYS."""
    return world


@pytest.fixture
def after(before: World, make_world: MakeWorld) -> World:
    """The same server after a restart with a new key."""
    return make_world(secret=SecretStr(NEW_SECRET), previous_secrets=OLD_KEYS)


@pytest.mark.parametrize("key", OLD_KEYS)
def test_a_token_of_a_previous_key_is_accepted_until_it_expires(
    before: World, after: World, make_world: MakeWorld, key: SecretStr
) -> None:
    sid = before.tokens()["sid"]
    mint = make_world(secret=key).services.tokens.mint
    now = after.clock.now
    assert after.protected(mint("demo", sid, now=now, expires_at=now + 60)).status_code == 200
    expired = mint("demo", sid, now=now - 120, expires_at=now - 60)
    assert after.protected(expired).status_code == 401


def test_new_tokens_are_signed_with_the_new_key_only(before: World, after: World) -> None:
    session = before.tokens()
    for tokens in (after.tokens(), after.rotated(session["refresh_token"])):
        assert jwt.decode(tokens["access_token"], NEW_SECRET, ["HS256"], audience="yew-jwt-auth")
        # The old server does not know the new key.
        assert before.protected(tokens["access_token"]).status_code == 401
        assert after.protected(tokens["access_token"]).status_code == 200


def test_without_the_previous_key_its_tokens_are_refused_and_the_sessions_live_on(
    before: World, make_world: MakeWorld
) -> None:
    session = before.tokens()
    forgetful = make_world(secret=SecretStr(NEW_SECRET))
    refused = forgetful.protected(session["access_token"])
    assert refused.status_code == 401
    # This challenge makes a client refresh, and a refresh needs no signature.
    assert refused.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    rotated = forgetful.rotated(session["refresh_token"])
    assert rotated["sid"] == session["sid"]
    assert forgetful.protected(rotated["access_token"]).status_code == 200
