"""GET /sessions, DELETE /sessions/{sid}, DELETE /sessions."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from app.core.errors import NoSuchSessionError
from app.services.sessions import SignedIn

from .conftest import MakeWorld
from .support import World, reason


def test_the_list_tells_sessions_apart_and_marks_the_current_one(world: World) -> None:
    start = world.clock.now
    laptop = world.tokens(device="Laptop")
    world.clock.advance(10)
    phone = world.tokens(device="")
    world.clock.advance(20)
    laptop = world.rotated(laptop["refresh_token"])
    assert world.sessions(phone["access_token"]) == [
        {
            "sid": laptop["sid"],
            "created_at": _iso(start),
            "last_used_at": _iso(start + 30),
            "device": "Laptop",
            "current": False,
        },
        {
            "sid": phone["sid"],
            "created_at": _iso(start + 10),
            "last_used_at": _iso(start + 10),
            "device": None,
            "current": True,
        },
    ]
    assert [s["current"] for s in world.sessions(laptop["access_token"])] == [True, False]


def test_the_list_has_nobody_elses_and_no_ended_session(world: World) -> None:
    world.add_user("other")
    stranger = world.tokens("other")
    current, out, stolen = (world.tokens() for _ in range(3))
    world.logout(out["refresh_token"])
    for _ in range(2):
        world.refresh(stolen["refresh_token"])
    assert _sids(world, current) == {current["sid"]}
    assert _sids(world, stranger) == {stranger["sid"]}


def test_a_session_is_listed_for_as_long_as_one_of_its_tokens_is_accepted(
    make_world: MakeWorld,
) -> None:
    world = make_world(
        access_token_seconds=30,
        leeway_seconds=5,
        refresh_idle_seconds=100,
        refresh_absolute_seconds=200,
    )
    world.add_user("demo")
    idle, used = world.tokens(), world.tokens()
    # Called directly, because over HTTP the access token would expire before the test ends.
    user = SignedIn("demo", used["sid"], 0, 0)

    def listed() -> set[str]:
        return {session.sid for session in world.services.own_sessions.page(user, 100)}

    world.clock.advance(99)
    used = world.rotated(used["refresh_token"])
    world.clock.advance(1 + 30 + 5 - 1)
    assert listed() == {idle["sid"], used["sid"]}
    world.clock.advance(1)
    assert listed() == {used["sid"]}
    # A session that is not listed cannot be ended.
    with pytest.raises(NoSuchSessionError):
        world.services.own_sessions.end(user, idle["sid"])
    world.rotated(used["refresh_token"])
    world.clock.advance(200 - 135 - 1)
    assert listed() == {used["sid"]}
    world.clock.advance(1)
    assert listed() == set()


def test_ending_a_session_stops_its_tokens_at_once_and_no_others(world: World) -> None:
    current, lost, kept = (world.tokens() for _ in range(3))
    answer = world.end_session(current["access_token"], lost["sid"])
    assert (answer.status_code, answer.content) == (204, b"")
    assert world.protected(lost["access_token"]).status_code == 401
    assert reason(world.refresh(lost["refresh_token"])) == "revoked"
    assert _sids(world, current) == {current["sid"], kept["sid"]}
    assert world.refresh(kept["refresh_token"]).status_code == 200


def test_the_current_session_can_be_ended_too(world: World) -> None:
    current = world.tokens()
    assert world.end_session(current["access_token"], current["sid"]).status_code == 204
    assert world.protected(current["access_token"]).status_code == 401
    assert reason(world.refresh(current["refresh_token"])) == "revoked"


def test_another_users_an_ended_and_an_unknown_session_cannot_be_told_apart(world: World) -> None:
    world.add_user("other")
    stranger, ended, current = world.tokens("other"), world.tokens(), world.tokens()
    world.logout(ended["refresh_token"])
    names = [stranger["sid"], ended["sid"], "A" * 22, "x", "A" * 5000, "%00" * 22, "%ff", "-"]
    answers = [world.end_session(current["access_token"], name) for name in names]
    assert {answer.status_code for answer in answers} == {404}
    assert {answer.text for answer in answers} == {'{"detail":"There is no such session"}'}
    assert len({tuple(answer.headers.items()) for answer in answers}) == 1
    assert world.protected(stranger["access_token"]).status_code == 200
    assert world.refresh(stranger["refresh_token"]).status_code == 200


def test_all_other_sessions_of_the_user_end_together(world: World) -> None:
    world.add_user("other")
    stranger, current, gone = world.tokens("other"), world.tokens(), world.tokens()
    others = [world.tokens() for _ in range(2)]
    world.logout(gone["refresh_token"])
    assert world.end_others(current["access_token"]) == 2
    for session in others:
        assert world.protected(session["access_token"]).status_code == 401
        assert reason(world.refresh(session["refresh_token"])) == "revoked"
    assert world.end_others(current["access_token"]) == 0
    for session in (current, stranger):
        assert world.protected(session["access_token"]).status_code == 200
        assert world.refresh(session["refresh_token"]).status_code == 200


def test_of_several_who_end_a_session_at_once_one_did(world: World) -> None:
    current, lost = world.tokens(), world.tokens()
    with ThreadPoolExecutor(8) as pool:
        ends = [
            pool.submit(world.end_session, current["access_token"], lost["sid"]) for _ in range(8)
        ]
    assert sorted(end.result().status_code for end in ends) == [204] + [404] * 7


def test_of_several_who_end_all_other_sessions_at_once_each_ending_is_counted_once(
    world: World,
) -> None:
    current = world.tokens()
    for _ in range(5):
        world.tokens()
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(world.end_others, [current["access_token"]] * 8))
    assert sum(counts) == 5
    assert _sids(world, current) == {current["sid"]}


@pytest.mark.parametrize("all_others", [True, False])
def test_a_refresh_under_way_does_not_save_a_session_from_its_end(
    world: World, all_others: bool
) -> None:
    current, lost = world.tokens(), world.tokens()
    with ThreadPoolExecutor(2) as pool:
        refresh = pool.submit(world.refresh, lost["refresh_token"])
        if all_others:
            pool.submit(world.end_others, current["access_token"])
        else:
            pool.submit(world.end_session, current["access_token"], lost["sid"])
    answer = refresh.result()
    if answer.status_code == 200:
        assert world.protected(answer.json()["access_token"]).status_code == 401
        assert reason(world.refresh(answer.json()["refresh_token"])) == "revoked"
    else:
        assert reason(answer) == "revoked"


def _sids(world: World, session: dict[str, str]) -> set[str]:
    return {found["sid"] for found in world.sessions(session["access_token"])}


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
