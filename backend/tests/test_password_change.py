"""POST /password."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import update

from app.core.passwords import MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARS, Passwords
from app.models import User

from .support import NEW_PASSWORD, PASSWORD, World, new_key, reason

HALF_A_PAIR = "\ud800" * 8


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Records every call of Argon2 from now on."""
    work: list[str] = []
    verify, hash_ = Argon2Hasher.verify, Argon2Hasher.hash

    def watch_verify(self: Argon2Hasher, password: Any, hash: Any) -> bool:  # noqa: A002
        work.append("verify")
        return verify(self, password, hash)

    def watch_hash(self: Argon2Hasher, password: Any, **salt: Any) -> str:
        work.append("hash")
        return hash_(self, password, **salt)

    monkeypatch.setattr(Argon2Hasher, "verify", watch_verify)
    monkeypatch.setattr(Argon2Hasher, "hash", watch_hash)
    return work


def test_the_new_password_is_taken_and_the_old_one_is_not(world: World) -> None:
    answer = world.change_password(world.tokens()["access_token"])
    assert (answer.status_code, answer.content) == (204, b"")
    assert world.login().status_code == 401
    assert world.login(password=NEW_PASSWORD).status_code == 200


def test_a_changed_password_ends_all_of_the_users_sessions_at_once(world: World) -> None:
    world.add_user("other")
    stranger = world.tokens("other")
    sessions, key = [world.tokens() for _ in range(3)], new_key()
    rotated = world.rotated(sessions[1]["refresh_token"], key)
    assert world.change_password(sessions[0]["access_token"]).status_code == 204
    for session in (*sessions, rotated):
        assert world.protected(session["access_token"]).status_code == 401
        assert reason(world.refresh(session["refresh_token"])) == "password_changed"
    # A repeated attempt, too, gets no tokens any more.
    assert reason(world.refresh(sessions[1]["refresh_token"], key)) == "password_changed"
    assert world.protected(stranger["access_token"]).status_code == 200
    assert world.refresh(stranger["refresh_token"]).status_code == 200


def test_a_session_that_had_ended_before_keeps_its_reason(world: World) -> None:
    ended, live = world.tokens(), world.tokens()
    world.logout(ended["refresh_token"])
    world.change_password(live["access_token"])
    assert reason(world.refresh(ended["refresh_token"])) == "revoked"


@pytest.mark.parametrize(
    "wrong", ["wrong", PASSWORD + " ", "", "x" * (MAX_PASSWORD_BYTES + 1), HALF_A_PAIR]
)
def test_a_wrong_current_password_is_a_mistake_in_a_form_and_no_end_of_a_session(
    world: World, hashed: list[str], wrong: str
) -> None:
    session = world.tokens()
    hashed.clear()
    answer = world.change_password(session["access_token"], current=wrong)
    # Clients take a 401 or a 403 for an expired token or the end of the session.
    assert answer.status_code == 400
    assert answer.json() == {"detail": "The current password is wrong", "error": "wrong_password"}
    assert "www-authenticate" not in answer.headers
    assert hashed == ["verify"]
    assert world.protected(session["access_token"]).status_code == 200
    assert world.refresh(session["refresh_token"]).status_code == 200
    assert world.login().status_code == 200


@pytest.mark.parametrize(
    "new",
    [
        "a" * MIN_PASSWORD_CHARS,
        " spaces ",
        "ü密🔑\t\n\x00e\u0301",
        "ü" * (MAX_PASSWORD_BYTES // 2),
        PASSWORD,
    ],
)
def test_a_new_password_is_judged_by_its_length_alone_and_kept_byte_for_byte(
    world: World, new: str
) -> None:
    assert world.change_password(world.tokens()["access_token"], new).status_code == 204
    assert world.login(password=new).status_code == 200
    assert world.login(password=new + " ").status_code == 401


@pytest.mark.parametrize(
    "new",
    [
        "",
        "canary7",
        "密码🔑密码🔑7",
        "canary" * (MAX_PASSWORD_BYTES // 6 + 1),
        "ü" * (MAX_PASSWORD_BYTES // 2 + 1),
        HALF_A_PAIR,
    ],
)
def test_an_unusable_new_password_is_a_422_that_repeats_and_hashes_nothing(
    world: World, hashed: list[str], new: str
) -> None:
    token = world.tokens()["access_token"]
    hashed.clear()
    answer = world.change_password(token, new)
    assert answer.status_code == 422
    assert hashed == []
    [item] = answer.json()["detail"]
    assert set(item) == {"type", "loc", "msg"}
    # With the location the client can show the error at the field.
    assert item["loc"] == ["body", "new_password"]
    assert "canary" not in answer.text
    assert PASSWORD not in answer.text
    assert world.login().status_code == 200


def test_without_a_live_session_there_is_no_password_to_change(world: World) -> None:
    session = world.tokens()
    world.logout(session["refresh_token"])
    answer = world.change_password(session["access_token"])
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert world.login().status_code == 200


def test_of_several_changes_at_once_one_wins(world: World) -> None:
    sessions = [world.tokens() for _ in range(4)]
    tokens = [session["access_token"] for session in sessions] * 3
    passwords = [f"{NEW_PASSWORD} {number}" for number in range(len(tokens))]
    with ThreadPoolExecutor(len(tokens)) as pool:
        answers = list(pool.map(world.change_password, tokens, passwords))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(204) == 1
    # A loser gets 409 if it has verified the old hash, 400 if it has read the new hash, and 401 if
    # its session had ended before.
    assert set(statuses) <= {204, 409, 400, 401}
    winner = passwords[statuses.index(204)]
    assert [p for p in (PASSWORD, *passwords) if world.login(password=p).is_success] == [winner]


@pytest.mark.parametrize("event", ["logout", "disabled", "rehash"])
def test_a_change_that_is_overtaken_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    session, other = world.tokens(), world.tokens()
    replace = Passwords.replace

    async def overtaken(self: Passwords, *arguments: Any) -> str | None:
        new_hash = await replace(self, *arguments)
        if event == "logout":
            world.services.sessions.close(session["refresh_token"])
        elif event == "disabled":
            world.services.accounts.disable("demo")
        else:
            with world.database.write() as db:
                db.execute(update(User).values(password_hash=self.hash(PASSWORD)))
        return new_hash

    monkeypatch.setattr(Passwords, "replace", overtaken)
    answer = world.change_password(session["access_token"])
    assert answer.status_code == 409
    assert answer.json()["error"] == "conflict"
    with world.database.write() as db:
        db.execute(update(User).values(disabled=False))
    assert world.login().status_code == 200
    if event == "disabled":
        assert reason(world.refresh(other["refresh_token"])) == "disabled"
    else:
        assert world.refresh(other["refresh_token"]).status_code == 200


def test_no_login_with_the_old_password_survives_a_change_at_the_same_time(world: World) -> None:
    token = world.tokens()["access_token"]
    with ThreadPoolExecutor(17) as pool:
        logins = [pool.submit(world.login) for _ in range(8)]
        change = pool.submit(world.change_password, token)
        logins += [pool.submit(world.login) for _ in range(8)]
    assert change.result().status_code == 204
    answers = [login.result() for login in logins]
    assert {answer.status_code for answer in answers} <= {200, 401}
    for answer in answers:
        if answer.status_code == 200:
            assert world.protected(answer.json()["access_token"]).status_code == 401
            assert reason(world.refresh(answer.json()["refresh_token"])) == "password_changed"
