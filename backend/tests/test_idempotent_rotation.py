"""POST /refresh with an Idempotency-Key: the table of app/services/rotation.py, row by row."""

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from app.core.security import refresh_token_hash
from app.models import RefreshToken
from app.services import lookup, rotation

from .conftest import MakeWorld
from .support import World, new_key, reason


def test_it_is_announced_in_every_token_answer(world: World) -> None:
    session = world.tokens()
    assert session["idempotent_refresh"] is True
    assert world.rotated(session["refresh_token"], new_key())["idempotent_refresh"] is True


# Row 1: the current token.


def test_the_current_token_is_spent_with_the_key(world: World) -> None:
    first = world.tokens()
    second = world.rotated(first["refresh_token"], new_key())
    assert second["refresh_token"] != first["refresh_token"]
    assert second["sid"] == first["sid"]
    third = world.rotated(second["refresh_token"], new_key())
    assert world.protected(third["access_token"]).status_code == 200


def test_50_concurrent_attempts_with_one_key_have_one_successor(world: World) -> None:
    token, key = world.tokens()["refresh_token"], new_key()
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: world.refresh(token, key), range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    assert len({answer.json()["access_token"] for answer in answers}) == 50
    assert world.stored_tokens() == 2
    assert world.refresh(answers[0].json()["refresh_token"], new_key()).status_code == 200


def test_of_50_concurrent_attempts_with_different_keys_one_wins_and_the_family_ends(
    world: World,
) -> None:
    token = world.tokens()["refresh_token"]
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: world.refresh(token, new_key()), range(50)))
    winners = [answer for answer in answers if answer.status_code == 200]
    assert len(winners) == 1
    assert {reason(answer) for answer in answers if answer not in winners} == {"reuse"}
    assert world.stored_tokens() == 2


@pytest.mark.parametrize("same_key", [True, False])
def test_the_loser_of_a_race_reads_again_and_falls_under_the_rows_below(
    world: World, monkeypatch: pytest.MonkeyPatch, same_key: bool
) -> None:
    token, key = world.tokens()["refresh_token"], new_key()
    digest = refresh_token_hash(token)
    assert digest is not None
    find = lookup.find_token
    with world.database.read() as db:
        # The row that the loser read before the winner spent the token.
        outdated = [find(db, digest)]
    winner = world.rotated(token, key)
    monkeypatch.setattr(
        rotation, "find_token", lambda db, hash_: outdated.pop() if outdated else find(db, hash_)
    )
    answer = world.refresh(token, key if same_key else new_key())
    if same_key:
        assert answer.json()["refresh_token"] == winner["refresh_token"]
    else:
        assert reason(answer) == "reuse"
    assert outdated == []
    assert world.stored_tokens() == 2


# Row 2: spent, same key, successor unspent.


def test_a_repeated_attempt_gets_the_same_refresh_token_and_a_fresh_access_token(
    world: World,
) -> None:
    token, key = world.tokens()["refresh_token"], new_key()
    answer, repeated = world.rotated(token, key), world.rotated(token, key)
    assert repeated["refresh_token"] == answer["refresh_token"]
    assert repeated["sid"] == answer["sid"]
    assert repeated["access_token"] != answer["access_token"]
    assert world.protected(repeated["access_token"]).status_code == 200
    assert world.stored_tokens() == 2


def test_a_repeated_attempt_is_answered_however_late(world: World) -> None:
    token, key = world.tokens()["refresh_token"], new_key()
    answer = world.rotated(token, key)
    late = world.settings.refresh_idle_seconds - 1
    world.clock.advance(late)
    repeated = world.rotated(token, key)
    assert repeated["refresh_token"] == answer["refresh_token"]
    # The repeated attempt does not use the successor, so it does not extend its life.
    assert repeated["refresh_expires_in"] == 1
    assert repeated["expires_in"] == world.settings.access_token_seconds


def test_using_the_successors_access_token_does_not_spend_the_successor(world: World) -> None:
    token, key = world.tokens()["refresh_token"], new_key()
    answer = world.rotated(token, key)
    world.protected(answer["access_token"])
    assert world.rotated(token, key)["refresh_token"] == answer["refresh_token"]


def test_a_repeated_attempt_whose_successor_expired_is_terminal(world: World) -> None:
    token, key = world.tokens()["refresh_token"], new_key()
    world.rotated(token, key)
    world.clock.advance(world.settings.refresh_idle_seconds)
    assert reason(world.refresh(token, key)) == "expired"


# Row 3: spent, same key, successor spent.


def test_a_repeated_attempt_whose_successor_is_spent_is_a_409_that_revokes_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    first, key = world.tokens(), new_key()
    second = world.rotated(first["refresh_token"], key)
    third = world.rotated(second["refresh_token"], new_key())
    with caplog.at_level(logging.WARNING, "app.sessions"):
        answer = world.refresh(first["refresh_token"], key)
    assert answer.status_code == 409
    assert set(answer.json()) == {"detail", "error", "idempotent_refresh"}
    assert answer.json()["error"] != "invalid_grant"
    assert first["sid"] in caplog.text
    assert world.stored_tokens() == 3
    assert world.protected(third["access_token"]).status_code == 200
    assert world.refresh(third["refresh_token"], new_key()).status_code == 200


def test_a_successor_spent_without_a_key_counts_as_spent(world: World) -> None:
    token, key = world.tokens()["refresh_token"], new_key()
    world.rotated(world.rotated(token, key)["refresh_token"])
    assert world.refresh(token, key).status_code == 409


# Row 4: spent, another key or none.


@pytest.mark.parametrize("spent_with_key", [True, False])
@pytest.mark.parametrize("presented_with_key", [True, False])
@pytest.mark.parametrize("successor_spent", [True, False])
def test_another_key_or_none_is_theft(
    world: World,
    caplog: pytest.LogCaptureFixture,
    spent_with_key: bool,
    presented_with_key: bool,
    successor_spent: bool,
) -> None:
    first, other = world.tokens(), world.tokens()
    current = world.rotated(first["refresh_token"], new_key() if spent_with_key else None)
    if successor_spent:
        current = world.rotated(current["refresh_token"], new_key())
    with caplog.at_level(logging.WARNING, "app.sessions"):
        answer = world.refresh(first["refresh_token"], new_key() if presented_with_key else None)
    assert reason(answer) == "reuse"
    assert first["sid"] in caplog.text
    assert reason(world.refresh(current["refresh_token"], new_key())) == "reuse"
    assert world.protected(current["access_token"]).status_code == 401
    assert world.protected(other["access_token"]).status_code == 200


def test_the_right_key_brings_nothing_back_after_a_theft(world: World) -> None:
    token, key = world.tokens()["refresh_token"], new_key()
    world.rotated(token, key)
    world.refresh(token, new_key())
    assert reason(world.refresh(token, key)) == "reuse"


def test_a_key_of_another_generation_is_another_key(world: World) -> None:
    first, key = world.tokens()["refresh_token"], new_key()
    second, next_key = world.rotated(first, key)["refresh_token"], new_key()
    world.rotated(second, next_key)
    assert reason(world.refresh(second, key)) == "reuse"


# Repeated attempts after the family or the user has ended.


@pytest.mark.parametrize("generation", [0, 1, 2])
def test_logout_with_any_token_ends_the_family_for_repeated_attempts_too(
    world: World, generation: int
) -> None:
    tokens, keys = [world.tokens()["refresh_token"]], [new_key(), new_key()]
    for key in keys:
        tokens.append(world.rotated(tokens[-1], key)["refresh_token"])
    assert world.logout(tokens[generation]).status_code == 204
    for token, key in zip(tokens, [*keys, new_key()], strict=True):
        assert reason(world.refresh(token, key)) == "revoked"


def test_a_disabled_user_cannot_repeat_an_attempt(world: World) -> None:
    token, key = world.tokens()["refresh_token"], new_key()
    world.rotated(token, key)
    world.services.accounts.disable("demo")
    assert reason(world.refresh(token, key)) == "disabled"


# The key and the setting.


@pytest.mark.parametrize(
    "key", ["", "short", "A" * 21, "A" * 129, "A" * 21 + "=", "A" * 21 + " ", '"' + "A" * 22 + '"']
)
def test_a_malformed_key_is_a_400_that_spends_nothing(world: World, key: str) -> None:
    token = world.tokens()["refresh_token"]
    answer = world.refresh(token, key)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"
    assert world.refresh(token, new_key()).status_code == 200


@pytest.mark.parametrize("rotation", ["idempotent", "strict"])
def test_every_refusal_of_refresh_says_whether_rotation_is_idempotent(
    make_world: MakeWorld, rotation: str
) -> None:
    world = make_world(rotation=rotation)
    world.add_user("demo")
    spent = world.tokens()["refresh_token"]
    world.rotated(spent, new_key())
    refusals = [
        world.client.post("/refresh", json={}),
        world.client.post("/refresh", content=b"no json"),
        world.client.post("/refresh", json={"refresh_token": "unknown"}),
        world.refresh(spent, new_key()),
    ]
    assert [answer.status_code for answer in refusals] == [422, 422, 401, 401]
    announced = True if rotation == "idempotent" else None
    assert [answer.json().get("idempotent_refresh") for answer in refusals] == [announced] * 4
    assert "idempotent_refresh" not in world.client.post("/token", data={}).json()


def test_strict_rotation_neither_announces_nor_accepts_a_key(make_world: MakeWorld) -> None:
    world = make_world(rotation="strict")
    world.add_user("demo")
    session, key = world.tokens(), new_key()
    assert "idempotent_refresh" not in session
    rotated = world.rotated(session["refresh_token"], key)
    assert "idempotent_refresh" not in rotated
    with world.database.read() as db:
        assert set(db.scalars(select(RefreshToken.key_hash))) == {None}
        assert set(db.scalars(select(RefreshToken.sealed_successor))) == {None}
    assert reason(world.refresh(session["refresh_token"], key)) == "reuse"


def test_an_attempt_made_before_a_switch_to_strict_is_theft_afterwards(
    make_world: MakeWorld,
) -> None:
    before = make_world()
    before.add_user("demo")
    token, key = before.tokens()["refresh_token"], new_key()
    before.rotated(token, key)
    assert reason(make_world(rotation="strict").refresh(token, key)) == "reuse"
