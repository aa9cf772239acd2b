"""Bounds on what one account and one session may take."""

import httpx2
import pytest

from app.models import Family, RefreshToken
from app.services.issuing import REFRESH_BURST

from .conftest import MakeWorld
from .support import World, bearer, new_key, reason


def test_one_session_too_many_ends_the_one_that_was_not_used_for_the_longest_time(
    make_world: MakeWorld,
) -> None:
    world = make_world(sessions_per_user=3)
    world.add_user("demo")
    world.add_user("other")
    stranger = world.tokens("other")
    sessions = []
    for _ in range(3):
        world.clock.advance(1)
        sessions.append(world.tokens())
    world.clock.advance(1)
    sessions[0] = world.rotated(sessions[0]["refresh_token"])
    world.clock.advance(1)
    sessions.append(world.tokens())
    assert reason(world.refresh(sessions[1]["refresh_token"])) == "revoked"
    for session in (sessions[0], sessions[2], sessions[3], stranger):
        assert world.protected(session["access_token"]).status_code == 200
    assert len(world.sessions(sessions[3]["access_token"])) == 3


def test_sessions_that_are_over_do_not_count(make_world: MakeWorld) -> None:
    world = make_world(sessions_per_user=2)
    world.add_user("demo")
    kept = world.tokens()
    for _ in range(3):
        world.logout(world.tokens()["refresh_token"])
    world.tokens()
    assert world.refresh(kept["refresh_token"]).status_code == 200


def test_a_lowered_cap_ends_all_that_are_too_many_at_the_next_login(
    make_world: MakeWorld,
) -> None:
    world = make_world()
    world.add_user("demo")
    for _ in range(6):
        world.tokens()
    lowered = make_world(sessions_per_user=2)
    session = lowered.tokens()
    assert len(lowered.sessions(session["access_token"])) == 2


def test_the_list_is_paged(world: World) -> None:
    access = ""
    for _ in range(5):
        world.clock.advance(1)
        access = world.tokens()["access_token"]
    everything = world.sessions(access)
    assert len(everything) == 5

    def page(query: str) -> httpx2.Response:
        return world.client.get(f"/sessions?{query}", headers=bearer(access))

    assert page("limit=2").json() == {"sessions": everything[:2], "more": True}
    assert page("limit=2&offset=2").json() == {"sessions": everything[2:4], "more": True}
    assert page("limit=2&offset=4").json() == {"sessions": everything[4:]}
    assert page("limit=5").json() == {"sessions": everything}
    assert page("offset=10000").json() == {"sessions": []}


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "offset=-1", "offset=10001", "limit=x"])
def test_a_page_out_of_bounds_is_a_422(world: World, query: str) -> None:
    access = world.tokens()["access_token"]
    assert world.client.get(f"/sessions?{query}", headers=bearer(access)).status_code == 422


def test_a_list_has_a_hundred_sessions_at_most(make_world: MakeWorld) -> None:
    world = make_world(sessions_per_user=1000)
    world.add_user("demo")
    session = world.tokens()
    with world.database.write() as db:
        family = db.get_one(Family, session["sid"])
        created_at, expires_at = family.created_at, family.absolute_expires_at
        names = [f"{number:022}" for number in range(150)]
        for sid in names:
            db.add(
                Family(
                    sid=sid,
                    user_name="demo",
                    created_at=created_at,
                    absolute_expires_at=expires_at,
                )
            )
        db.flush()
        for sid in names:
            db.add(
                RefreshToken(
                    hash=sid.encode(), sid=sid, created_at=created_at, expires_at=expires_at
                )
            )
    answer = world.client.get("/sessions", headers=bearer(session["access_token"])).json()
    assert len(answer["sessions"]) == 100
    assert answer["more"] is True


def test_a_family_that_is_refreshed_too_often_waits_and_loses_nothing(world: World) -> None:
    token = world.tokens()["refresh_token"]
    other = world.tokens()["refresh_token"]
    for _ in range(REFRESH_BURST):
        token = world.rotated(token)["refresh_token"]
    answer = world.refresh(token)
    assert (answer.status_code, answer.json()["error"]) == (429, "slow_down")
    assert answer.json()["idempotent_refresh"] is True
    assert int(answer.headers["retry-after"]) == world.settings.access_token_seconds // 10
    assert world.refresh(other).status_code == 200
    world.clock.advance(int(answer.headers["retry-after"]))
    assert world.refresh(token).status_code == 200


def test_repeats_count_and_a_theft_is_seen_however_often_it_is_tried(world: World) -> None:
    first, key = world.tokens()["refresh_token"], new_key()
    for _ in range(REFRESH_BURST):
        world.rotated(first, key)
    assert world.refresh(first, key).status_code == 429
    assert reason(world.refresh(first, new_key())) == "reuse"


def test_a_clients_steady_pace_is_never_slowed_down(world: World) -> None:
    token = world.tokens()["refresh_token"]
    for _ in range(3 * REFRESH_BURST):
        world.clock.advance(world.settings.access_token_seconds // 10)
        token = world.rotated(token)["refresh_token"]
