"""POST /refresh and POST /logout without an Idempotency-Key: strict rotation."""

import hashlib
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from app.core.errors import InvalidAccessTokenError
from app.core.security import Claims
from app.models import Family, RefreshToken
from app.services.purge import KEEP_EXPIRED_SECONDS

from .conftest import MakeWorld
from .support import World, reason


def test_a_refresh_exchanges_both_tokens_within_the_session(world: World) -> None:
    first = world.tokens()
    second = world.rotated(first["refresh_token"])
    assert second["sid"] == first["sid"]
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert world.protected(second["access_token"]).status_code == 200


def test_a_refresh_leaves_the_access_token_before_it_usable(world: World) -> None:
    # Requests in flight with the previous access token must not fail.
    first = world.tokens()
    world.rotated(first["refresh_token"])
    assert world.protected(first["access_token"]).status_code == 200


def test_a_chain_of_refreshes_goes_on(world: World) -> None:
    token = world.tokens()["refresh_token"]
    for _ in range(5):
        token = world.rotated(token)["refresh_token"]
    assert world.stored_tokens() == 6


def test_reuse_revokes_the_whole_family_and_is_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    first = world.tokens()
    second = world.rotated(first["refresh_token"])
    with caplog.at_level(logging.WARNING, "app.sessions"):
        assert reason(world.refresh(first["refresh_token"])) == "reuse"
    assert first["sid"] in caplog.text
    assert reason(world.refresh(second["refresh_token"])) == "reuse"
    for tokens in (first, second):
        assert world.protected(tokens["access_token"]).status_code == 401
    for tokens in (first, second):
        assert tokens["refresh_token"] not in caplog.text


def test_reuse_of_an_old_ancestor_is_detected_long_after(world: World) -> None:
    first = world.tokens()["refresh_token"]
    token = first
    for _ in range(3):
        world.clock.advance(world.settings.refresh_idle_seconds - 1)
        token = world.rotated(token)["refresh_token"]
    assert reason(world.refresh(first)) == "reuse"
    assert reason(world.refresh(token)) == "reuse"


def test_reuse_leaves_other_sessions_of_the_user_alone(world: World) -> None:
    stolen, other = world.tokens(), world.tokens()
    world.rotated(stolen["refresh_token"])
    world.refresh(stolen["refresh_token"])
    assert world.protected(other["access_token"]).status_code == 200
    assert world.refresh(other["refresh_token"]).status_code == 200


def test_of_50_concurrent_refreshes_one_wins_and_the_rest_reveal_a_theft(world: World) -> None:
    token = world.tokens()["refresh_token"]
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(world.refresh, [token] * 50))
    winners = [answer for answer in answers if answer.status_code == 200]
    assert len(winners) == 1
    assert {reason(answer) for answer in answers if answer not in winners} == {"reuse"}
    # The first token and exactly one successor.
    assert world.stored_tokens() == 2
    assert reason(world.refresh(winners[0].json()["refresh_token"])) == "reuse"


@pytest.mark.parametrize(
    "token", ["", "x", "A" * 43, "A" * 5000, "\ud800", "\u0000" * 43, "ä" * 43, "A" * 42 + "\n"]
)
def test_an_unknown_token_is_terminal_and_ends_nothing(world: World, token: str) -> None:
    session = world.tokens()
    body = world.client.post("/refresh", content=_json(token), headers=_JSON)
    assert reason(body) == "unknown"
    assert world.client.post("/logout", content=_json(token), headers=_JSON).status_code == 204
    assert world.protected(session["access_token"]).status_code == 200


def test_an_access_token_does_not_refresh(world: World) -> None:
    session = world.tokens()
    assert reason(world.refresh(session["access_token"])) == "unknown"


def test_an_idle_session_expires_and_a_used_one_does_not(world: World) -> None:
    idle, used = world.tokens()["refresh_token"], world.tokens()["refresh_token"]
    world.clock.advance(world.settings.refresh_idle_seconds - 1)
    used = world.rotated(used)["refresh_token"]
    world.clock.advance(1)
    assert reason(world.refresh(idle)) == "expired"
    assert world.refresh(used).status_code == 200


def test_rotation_never_extends_the_absolute_expiry(make_world: MakeWorld) -> None:
    world = make_world(
        access_token_seconds=60, refresh_idle_seconds=100, refresh_absolute_seconds=250
    )
    world.add_user("demo")
    session = world.tokens()
    lifetimes = [session["refresh_expires_in"]]
    for _ in range(3):
        world.clock.advance(80)
        session = world.rotated(session["refresh_token"])
        lifetimes.append(session["refresh_expires_in"])
    assert lifetimes == [100, 100, 90, 10]
    # The access token expires with the session, although its own lifetime is longer.
    assert session["expires_in"] == 10
    # Called directly, because over HTTP the token would be refused for its own expiry.
    claims = Claims("demo", session["sid"], world.clock.now)
    assert world.services.sessions.signed_in(claims) is not None
    world.clock.advance(10)
    with pytest.raises(InvalidAccessTokenError):
        world.services.sessions.signed_in(claims)
    assert reason(world.refresh(session["refresh_token"])) == "expired"


def test_a_disabled_user_is_shut_out_at_once(world: World) -> None:
    session = world.tokens()
    world.services.accounts.disable("demo")
    assert world.protected(session["access_token"]).status_code == 401
    assert reason(world.refresh(session["refresh_token"])) == "disabled"


def test_logout_ends_the_session_at_once(world: World) -> None:
    session = world.tokens()
    answer = world.logout(session["refresh_token"])
    assert (answer.status_code, answer.content) == (204, b"")
    assert world.protected(session["access_token"]).status_code == 401
    assert reason(world.refresh(session["refresh_token"])) == "revoked"


def test_logout_with_a_spent_token_ends_the_session(world: World) -> None:
    first = world.tokens()
    second = world.rotated(first["refresh_token"])
    assert world.logout(first["refresh_token"]).status_code == 204
    assert world.protected(second["access_token"]).status_code == 401
    assert reason(world.refresh(second["refresh_token"])) == "revoked"


def test_logout_with_an_expired_spent_token_ends_the_session(world: World) -> None:
    first = world.tokens()["refresh_token"]
    world.clock.advance(world.settings.refresh_idle_seconds - 1)
    second = world.rotated(first)["refresh_token"]
    world.clock.advance(world.settings.refresh_idle_seconds - 1)
    assert world.logout(first).status_code == 204
    assert reason(world.refresh(second)) == "revoked"


def test_logout_twice_is_fine_and_does_not_hide_a_theft(world: World) -> None:
    first = world.tokens()["refresh_token"]
    second = world.rotated(first)["refresh_token"]
    world.refresh(first)
    assert world.logout(second).status_code == 204
    assert world.logout(second).status_code == 204
    assert reason(world.refresh(second)) == "reuse"


def test_the_database_holds_hashes_of_tokens_and_nothing_usable(world: World) -> None:
    first = world.tokens()
    second = world.rotated(first["refresh_token"])
    with world.database.read() as db:
        stored = db.scalars(select(RefreshToken)).all()
        assert {row.hash for row in stored} == {
            hashlib.sha256(tokens["refresh_token"].encode()).digest() for tokens in (first, second)
        }
    dump = world.database.engine.raw_connection()
    try:
        cursor = dump.cursor()
        for table in ("users", "families", "refresh_tokens"):
            cursor.execute(f"SELECT * FROM {table}")  # noqa: S608 - fixed names
            text = repr(cursor.fetchall())
            for tokens in (first, second):
                assert tokens["refresh_token"] not in text
                assert tokens["access_token"] not in text
    finally:
        dump.close()


def test_the_purge_deletes_families_that_expired_long_ago(world: World) -> None:
    old = world.tokens()
    world.rotated(old["refresh_token"])
    world.clock.advance(world.settings.refresh_absolute_seconds + KEEP_EXPIRED_SECONDS - 1)
    live = world.tokens()
    _purge(world)
    assert reason(world.refresh(old["refresh_token"])) == "expired"
    world.clock.advance(1)
    # A login does not purge, because it would hold the write lock meanwhile.
    world.tokens()
    assert reason(world.refresh(old["refresh_token"])) == "expired"
    _purge(world)
    assert world.refresh(live["refresh_token"]).status_code == 200
    assert reason(world.refresh(old["refresh_token"])) == "unknown"
    with world.database.read() as db:
        assert old["sid"] not in db.scalars(select(Family.sid)).all()
        assert old["sid"] not in db.scalars(select(RefreshToken.sid)).all()


def _purge(world: World) -> None:
    while world.services.purge.delete_portion():
        pass


_JSON = {"Content-Type": "application/json"}


def _json(token: str) -> bytes:
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in token)
    return f'{{"refresh_token": "{escaped}"}}'.encode()
