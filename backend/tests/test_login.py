"""POST /token."""

from typing import Any

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.core.passwords import MAX_PASSWORD_BYTES
from app.services.accounts import Accounts
from app.services.throttle import Throttle

from .conftest import MakeWorld
from .support import PASSWORD, World

WRONG = {"detail": "Incorrect username or password"}


def test_a_login_answers_with_both_tokens_and_their_lifetimes(world: World) -> None:
    answer = world.login()
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) >= {"access_token", "refresh_token", "sid"}
    assert body["token_type"] == "bearer"
    assert body["expires_in"] == world.settings.access_token_seconds
    assert body["refresh_expires_in"] == world.settings.refresh_idle_seconds
    assert answer.headers["cache-control"] == "no-store"


def test_each_login_is_a_session_of_its_own(world: World) -> None:
    first, second = world.tokens(), world.tokens()
    assert first["sid"] != second["sid"]
    assert first["refresh_token"] != second["refresh_token"]
    world.logout(first["refresh_token"])
    assert world.protected(second["access_token"]).status_code == 200


def test_the_access_token_opens_the_protected_route(world: World) -> None:
    answer = world.protected(world.tokens()["access_token"])
    assert answer.status_code == 200
    assert answer.json()["user"] == "demo"
    assert answer.headers["cache-control"] == "no-store"


def test_users_me_shows_the_user_and_no_hash(world: World) -> None:
    token = world.tokens()["access_token"]
    answer = world.client.get("/users/me", headers={"Authorization": f"bearer {token}"})
    assert answer.status_code == 200
    assert set(answer.json()) == {"username", "created_at"}
    assert answer.json()["username"] == "demo"


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("demo", "wrong"),
        ("demo", PASSWORD + " "),
        ("demo", "x" * (MAX_PASSWORD_BYTES + 1)),
        ("nobody", PASSWORD),
        ("disabled", PASSWORD),
        ("Demo", PASSWORD),
        (" demo", PASSWORD),
        ("demo\x00", PASSWORD),
        ("n" * 300, PASSWORD),
    ],
)
def test_every_wrong_login_gets_the_same_answer_for_the_same_work(
    world: World, monkeypatch: pytest.MonkeyPatch, username: str, password: str
) -> None:
    world.add_user("disabled")
    world.services.accounts.disable("disabled")
    parameters: list[str] = []
    verify = Argon2Hasher.verify

    def watch(self: Argon2Hasher, password: str | bytes, hash: str | bytes) -> bool:  # noqa: A002
        # $argon2id$v=19$m=…,t=…,p=…$salt$hash: the fields before the salt decide the work.
        parameters.append(str(hash).rsplit("$", 2)[0])
        return verify(self, password, hash)

    monkeypatch.setattr(Argon2Hasher, "verify", watch)
    answer = world.login(username, password)
    assert (answer.status_code, answer.json()) == (401, WRONG)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert parameters == ["$argon2id$v=19$m=8,t=1,p=1"]


@pytest.mark.parametrize("username", ["demo", "nobody", "zzz", "disabled", "\x00"])
@pytest.mark.parametrize("password", [PASSWORD, "wrong", "x" * (MAX_PASSWORD_BYTES + 1)])
def test_after_the_parameters_were_raised_every_refused_login_still_costs_the_same(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, username: str, password: str
) -> None:
    before = make_world()
    before.add_user("demo")
    before.add_user("disabled")
    before.services.accounts.disable("disabled")
    raised = make_world(argon2_time_cost=3, argon2_memory_kib=64)
    work: list[str] = []
    verify, hash_ = Argon2Hasher.verify, Argon2Hasher.hash

    def watch_verify(self: Argon2Hasher, password: Any, hash: Any) -> bool:  # noqa: A002
        work.append(str(hash).rsplit("$", 2)[0])
        return verify(self, password, hash)

    def watch_hash(self: Argon2Hasher, password: Any, **salt: Any) -> str:
        work.append("hash")
        return hash_(self, password, **salt)

    monkeypatch.setattr(Argon2Hasher, "verify", watch_verify)
    monkeypatch.setattr(Argon2Hasher, "hash", watch_hash)
    answer = raised.login(username, password)
    if username == "demo" and password == PASSWORD:
        # A login that succeeds may cost more, and does so only after its answer.
        assert answer.status_code == 200
        assert work == ["$argon2id$v=19$m=8,t=1,p=1", "hash"]
    else:
        assert answer.status_code == 401
        assert work == ["$argon2id$v=19$m=8,t=1,p=1"]


def test_what_follows_a_login_cannot_fail_its_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise PoolTimeoutError

    monkeypatch.setattr(Throttle, "remember_device", busy)
    answer = world.login()
    assert answer.status_code == 200
    assert world.protected(answer.json()["access_token"]).status_code == 200


def test_a_login_succeeds_although_another_one_has_just_renewed_the_hash(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_world().add_user("demo")
    world = make_world(argon2_time_cost=2)
    find = Accounts.find_or_similar
    outdated = [find(world.services.accounts, "demo")]
    assert world.login().status_code == 200
    monkeypatch.setattr(Accounts, "find_or_similar", lambda *_: outdated.pop())
    assert world.login().status_code == 200
    assert outdated == []


@pytest.mark.parametrize(
    "password",
    [" leading and trailing ", "+&%=?#", "%20", "pässwörd", "密码🔑", "e\u0301", "tab\tand\nline"],
)
def test_a_password_is_compared_byte_for_byte(world: World, password: str) -> None:
    world.add_user("exact", password)
    assert world.login("exact", password).status_code == 200
    assert world.login("exact", password.strip() + "x").status_code == 401


def test_unicode_forms_that_look_alike_are_different_passwords(world: World) -> None:
    world.add_user("composed", "\u00e9")
    assert world.login("composed", "e\u0301").status_code == 401


def test_the_longest_password_still_works(world: World) -> None:
    longest = "ü" * (MAX_PASSWORD_BYTES // 2)
    world.add_user("long", longest)
    assert world.login("long", longest).status_code == 200


def test_grant_type_password_is_accepted_and_another_is_refused(world: World) -> None:
    form = {"username": "demo", "password": PASSWORD, "scope": "a b"}
    accepted = world.client.post("/token", data=form | {"grant_type": "password"})
    assert accepted.status_code == 200
    refused = world.client.post("/token", data=form | {"grant_type": "client_credentials"})
    assert refused.status_code == 400
    assert refused.json()["error"] == "unsupported_grant_type"


@pytest.mark.parametrize("form", [{"username": "demo"}, {"username": "", "password": "x"}, {}])
def test_a_missing_or_empty_field_is_a_422(world: World, form: dict[str, str]) -> None:
    assert world.client.post("/token", data=form).status_code == 422


def test_new_argon2_parameters_rehash_at_the_next_login_only(make_world: MakeWorld) -> None:
    make_world().add_user("demo")
    later = make_world(argon2_time_cost=2)
    before = later.services.accounts.find("demo")
    assert later.login(password="wrong").status_code == 401
    assert later.services.accounts.find("demo") == before
    assert later.login().status_code == 200
    after = later.services.accounts.find("demo")
    assert after is not None
    assert "t=2" in after.password_hash
    assert later.login().status_code == 200


def test_a_user_disabled_while_the_password_is_checked_gets_no_session(world: World) -> None:
    account = world.services.accounts.find("demo")
    assert account is not None
    world.services.accounts.disable("demo")
    assert world.services.sessions.open("demo", account.password_hash) is None


def test_a_password_changed_while_the_old_one_is_checked_gives_no_session(world: World) -> None:
    assert world.services.sessions.open("demo", "the hash of the old password") is None
    assert world.stored_tokens() == 0
