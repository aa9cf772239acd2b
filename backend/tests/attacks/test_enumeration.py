"""Finding out which names exist: by status, by body, by headers, by work and by the throttle.

Time is compared as work, which is exact: the parameters of each password hash that is computed, and
the statements that the database gets.
"""

from collections.abc import Callable
from typing import Any

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import event

from app.core.errors import WrongPasswordError
from app.core.passwords import Passwords
from app.services.accounts import Account, Accounts
from app.services.throttle import PAIR, Attempt, Throttle

from ..support import PASSWORD, World
from .weakened import Attack, Outcome, Weakening, attacks, replace

Observation = Callable[[World, str, str], object]
verify = Passwords._verify
count_failed_login = Throttle.count_failed_login
find_or_similar = Accounts.find_or_similar


def _answer(world: World, name: str, password: str) -> object:
    answer = world.login(name, password)
    headers = {key: value for key, value in answer.headers.items() if key != "date"}
    return answer.status_code, answer.text, headers


def _hashing(world: World, name: str, password: str) -> object:
    """What was hashed: most of a login's time."""
    work: list[str] = []
    original = Argon2Hasher.verify

    def watch(self: Argon2Hasher, password: Any, hash: Any) -> bool:  # noqa: A002
        # $argon2id$v=19$m=…,t=…,p=…$salt$hash: the fields before the salt decide the work.
        work.append(str(hash).rsplit("$", 2)[0])
        return original(self, password, hash)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(Argon2Hasher, "verify", watch)
        world.login(name, password)
    return work


def _statements(world: World, name: str, password: str) -> object:
    """The statements that the database gets before the answer."""
    statements: list[str] = []

    def watch(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    engine = world.services.database.engine
    event.listen(engine, "before_cursor_execute", watch)
    try:
        world.login(name, password)
    finally:
        event.remove(engine, "before_cursor_execute", watch)
    return statements


def _refusals(world: World, name: str, password: str) -> object:
    return [world.login(name, password).status_code for _ in range(PAIR.burst + 2)]


def _tells(
    observe: Observation, one: tuple[str, str], other: tuple[str, str], *, old_hashes: bool = False
) -> Attack:
    """Whether these two logins can be told apart."""

    def attack(world: World) -> bool:
        if old_hashes:
            # Hashes of the time before the parameters were raised.
            weak = Argon2Hasher(time_cost=1, memory_cost=16, parallelism=1).hash(PASSWORD)
            demo = world.services.accounts.find("demo")
            assert demo is not None
            world.services.accounts.renew_hash(demo, weak)
        world.add_user("disabled")
        world.services.accounts.disable("disabled")
        world.add_user("zoe")
        return observe(world, *one) != observe(world, *other)

    return attack


def _no_work_for_unknown_names(
    self: Passwords, password: str, stored_hash: str | None, like: str | None
) -> bool:
    return stored_hash is not None and verify(self, password, stored_hash, like)


def _no_similar_hash(self: Accounts, name: str) -> tuple[Account | None, str | None]:
    return find_or_similar(self, name)[0], None


def _a_second_look(self: Accounts, name: str) -> tuple[Account | None, str | None]:
    """As if only a name behind all others needed one more question."""
    if name == LAST[0]:
        self.find(name)
    return find_or_similar(self, name)


def _only_known_names(self: Throttle, attempt: Attempt) -> None:
    if attempt.name == "demo":
        count_failed_login(self, attempt)


def _says(error: type[Exception], name: str) -> Weakening:
    """A server that answers a login with this name in another way."""

    def weaken(monkeypatch: pytest.MonkeyPatch) -> None:
        def count(_: Throttle, attempt: Attempt) -> None:
            if attempt.name == name:
                raise error

        monkeypatch.setattr(Throttle, "count_failed_login", count)

    return weaken


WRONG, UNKNOWN = ("demo", "wrong"), ("nobody", "wrong")
DISABLED = ("disabled", PASSWORD)
LAST, FIRST = ("zzz", "wrong"), ("aaa", "wrong")
DUMMY_WORK = replace(Passwords, "_verify", _no_work_for_unknown_names)
SIMILAR_WORK = replace(Accounts, "find_or_similar", _no_similar_hash)
ALIKE = replace(Throttle, "count_failed_login", _only_known_names)


@attacks(
    {
        "an unknown name, by its answer": (
            _tells(_answer, WRONG, UNKNOWN),
            _says(WrongPasswordError, "nobody"),
        ),
        "a disabled user, by the answer": (
            _tells(_answer, WRONG, DISABLED),
            _says(WrongPasswordError, "disabled"),
        ),
        "an unknown name, by its hashing": (_tells(_hashing, WRONG, UNKNOWN), DUMMY_WORK),
        "an overlong password, by its hashing": (
            _tells(_hashing, ("demo", "x" * 2000), ("nobody", "x" * 2000)),
            DUMMY_WORK,
        ),
        "an unknown name among old hashes": (
            _tells(_hashing, WRONG, ("a", "wrong"), old_hashes=True),
            SIMILAR_WORK,
        ),
        "an unknown name, by the database": (_tells(_statements, WRONG, UNKNOWN), ALIKE),
        "the name's place in the alphabet, by the database": (
            _tells(_statements, FIRST, LAST),
            replace(Accounts, "find_or_similar", _a_second_look),
        ),
        "an unknown name, by the throttle": (_tells(_refusals, WRONG, UNKNOWN), ALIKE),
    }
)
def test_nobody_learns_which_names_exist(
    outcome: Outcome, attack: Attack, removed: tuple[Weakening, ...], succeeds: bool
) -> None:
    assert outcome(attack, removed) is succeeds
