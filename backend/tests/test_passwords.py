"""Argon2's parameters, and the limit on hashes at the same time."""

import threading
from collections.abc import Iterator

import anyio
import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from app.core.config import Settings
from app.core.errors import BusyError, ClientGoneError
from app.core.passwords import MAX_PASSWORD_BYTES, Passwords

from .support import make_settings


def test_the_default_hash_is_argon2id_above_the_recommended_minimum() -> None:
    stored = Passwords(Settings()).hash("secret")
    # OWASP's Password Storage Cheat Sheet: 19 MiB with 2 passes, or more.
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_the_same_password_is_hashed_differently_each_time() -> None:
    passwords = Passwords(make_settings("sqlite:///unused.db"))
    assert passwords.hash("secret") != passwords.hash("secret")


@pytest.mark.parametrize("password", ["", "x" * (MAX_PASSWORD_BYTES + 1), "ü" * 513, "\ud800"])
def test_a_password_that_could_not_be_used_is_not_hashed(password: str) -> None:
    with pytest.raises(ValueError, match="password"):
        Passwords(make_settings("sqlite:///unused.db")).hash(password)


@pytest.mark.parametrize("work", ["logins", "changes"])
def test_a_bounded_number_of_passwords_is_hashed_at_a_time(
    monkeypatch: pytest.MonkeyPatch, work: str
) -> None:
    passwords = Passwords(
        make_settings("sqlite:///unused.db", password_concurrency=3, password_queue=60)
    )
    stored = passwords.hash("secret")
    lock = threading.Lock()
    # Each hash waits for two others, so that the limit is reached.
    company = threading.Barrier(3)
    running = peak = 0
    verify = Argon2Hasher.verify

    def watch(self: Argon2Hasher, password: str | bytes, hash: str | bytes) -> bool:  # noqa: A002
        nonlocal running, peak
        with lock:
            running += 1
            peak = max(peak, running)
        company.wait(timeout=20)
        result = verify(self, password, hash)
        with lock:
            running -= 1
        return result

    monkeypatch.setattr(Argon2Hasher, "verify", watch)
    verdicts: list[bool] = []

    async def one() -> None:
        if work == "logins":
            verdicts.append(await passwords.verify("secret", stored))
        else:
            verdicts.append(await passwords.replace("secret", "new", stored) is not None)

    async def many() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(60):
                group.start_soon(one)

    anyio.run(many)
    assert verdicts == [True] * 60
    assert peak == 3


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Argon2 works only after the event is set."""
    go = threading.Event()
    verify = Argon2Hasher.verify

    def wait(self: Argon2Hasher, password: str | bytes, hash: str | bytes) -> bool:  # noqa: A002
        assert go.wait(20)
        return verify(self, password, hash)

    monkeypatch.setattr(Argon2Hasher, "verify", wait)
    yield go
    go.set()


def _one_at_a_time(queue: int) -> tuple[Passwords, str]:
    settings = make_settings("sqlite:///unused.db", password_concurrency=1, password_queue=queue)
    passwords = Passwords(settings)
    return passwords, passwords.hash("secret")


def test_beyond_a_full_queue_a_password_is_refused_at_once(held: threading.Event) -> None:
    passwords, stored = _one_at_a_time(queue=2)
    outcomes: list[bool | int] = []

    async def one() -> None:
        try:
            outcomes.append(await passwords.verify("secret", stored))
        except BusyError as busy:
            outcomes.append(busy.retry_after)
            held.set()

    async def many() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(one)

    anyio.run(many)
    # The fourth neither works nor waits.
    assert outcomes == [2, True, True, True]


def test_a_password_whose_client_has_gone_is_dropped_before_it_is_hashed(
    held: threading.Event,
) -> None:
    passwords, stored = _one_at_a_time(queue=9)
    hashed: list[str] = []
    dropped: list[str] = []

    async def gone_at_once() -> None:
        await anyio.lowlevel.checkpoint()

    async def here() -> None:
        await anyio.sleep_forever()

    async def one(name: str) -> None:
        gone = here if name == "here" else gone_at_once
        try:
            await passwords.verify("secret", stored, gone=gone)
            hashed.append(name)
        except ClientGoneError:
            dropped.append(name)
            if len(dropped) == 5:
                held.set()

    async def many() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(one, "here")
            await anyio.wait_all_tasks_blocked()
            for name in ["gone"] * 5 + ["here"]:
                group.start_soon(one, name)

    anyio.run(many)
    assert dropped == ["gone"] * 5
    assert hashed == ["here", "here"]
    # Neither a turn nor a place in the queue was lost.
    assert anyio.run(passwords.verify, "secret", stored)
    assert passwords._waiting == 0


def test_a_password_whose_client_has_gone_is_not_hashed_in_a_free_turn() -> None:
    passwords, stored = _one_at_a_time(queue=9)

    async def gone() -> None:
        pass

    async def login() -> None:
        with pytest.raises(ClientGoneError):
            await passwords.verify("secret", stored, gone=gone)
        assert await passwords.verify("secret", stored, gone=anyio.sleep_forever)

    anyio.run(login)
