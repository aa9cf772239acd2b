"""Password hashing with Argon2id, outside the event loop, a limited number at a time."""

import base64
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from anyio import CancelScope, Semaphore, WouldBlock, create_task_group, to_thread
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from .config import Settings
from .errors import BusyError, ClientGoneError

# Longer passwords are refused: users type no such passwords, and the work must not grow with the
# input.
MAX_PASSWORD_BYTES = 1024
# For passwords that users choose. At least 8 (ASVS 6.2.1), of any kind (ASVS 6.2.5).
MIN_PASSWORD_CHARS = 8
RETRY_AFTER_SECONDS = 2

# Returns when the client of a request has gone away.
Gone = Callable[[], Awaitable[None]]


class Passwords:
    """Hashes and verifies passwords byte for byte: no trimming, no Unicode normalisation."""

    def __init__(self, settings: Settings) -> None:
        self._hasher = Argon2Hasher(
            time_cost=settings.argon2_time_cost,
            memory_cost=settings.argon2_memory_kib,
            parallelism=settings.argon2_parallelism,
        )
        self._hash = PasswordHash([self._hasher])
        # Argon2 allocates all its memory at once, so parallel logins could exhaust the memory.
        # Logins above the limit queue, and above the queue's limit they are refused.
        self._turns = Semaphore(settings.password_concurrency)
        self._queue = settings.password_queue
        self._waiting = 0
        self._dummy = self._hash.hash(secrets.token_urlsafe())

    def hash(self, password: str) -> str:
        """Hash a new password.

        Raises:
            ValueError: if the password is not usable.
        """
        return self._hash.hash(usable(password))

    async def verify(
        self,
        password: str,
        stored_hash: str | None,
        like: str | None = None,
        gone: Gone | None = None,
    ) -> bool:
        """Check a password.

        The time of a refusal must not tell which names exist (ASVS 6.3.8). So ``stored_hash`` is
        None for an unknown user, and then the work is that of the hash ``like``, which belongs to
        another user. The parameters of old hashes differ from today's.

        Raises:
            BusyError: too many passwords wait already.
            ClientGoneError: the client went away before its password's turn.
        """
        async with self._turn(gone):
            return await to_thread.run_sync(self._verify, password, stored_hash, like)

    async def replace(
        self, current: str, new: str, stored_hash: str, gone: Gone | None = None
    ) -> str | None:
        """Hash the new password; None if the current password is wrong."""
        async with self._turn(gone):
            # Verify and hash in one turn, so that a change of password queues only once.
            return await to_thread.run_sync(self._replace, current, new, stored_hash)

    async def rehash(self, password: str, stored_hash: str) -> str | None:
        """A hash with today's parameters; None if the stored one has them, or the queue is full."""
        if not self._hasher.check_needs_rehash(stored_hash):
            return None
        try:
            async with self._turn(None):
                return await to_thread.run_sync(self.hash, password)
        except BusyError:
            # The next login tries again.
            return None

    @asynccontextmanager
    async def _turn(self, gone: Gone | None) -> AsyncIterator[None]:
        if gone is not None and await _has_returned(gone):
            raise ClientGoneError
        try:
            self._turns.acquire_nowait()
        except WouldBlock:
            await self._wait_for_turn(gone)
        try:
            yield
        finally:
            self._turns.release()

    async def _wait_for_turn(self, gone: Gone | None) -> None:
        if self._waiting >= self._queue:
            raise BusyError(RETRY_AFTER_SECONDS)
        acquired = False
        self._waiting += 1
        try:
            async with create_task_group() as group:

                async def watch() -> None:
                    if gone is not None:
                        await gone()
                        group.cancel_scope.cancel()

                group.start_soon(watch)
                await self._turns.acquire()
                acquired = True
                group.cancel_scope.cancel()
        finally:
            self._waiting -= 1
        if not acquired:
            raise ClientGoneError

    def _verify(self, password: str, stored_hash: str | None, like: str | None) -> bool:
        if stored_hash is None or not _is_usable(password):
            self._hash.verify("", _with_parameters_of(stored_hash or like or self._dummy))
            return False
        return self._hash.verify(password, stored_hash)

    def _replace(self, current: str, new: str, stored_hash: str) -> str | None:
        return self.hash(new) if self._verify(current, stored_hash, None) else None


async def _has_returned(wait: Gone) -> bool:
    """Whether this need not wait any more."""
    with CancelScope() as scope:
        # Takes effect at the first thing that has to be waited for.
        scope.cancel()
        await wait()
        return True
    return False


def usable(password: str) -> str:
    """Return the password if it can be hashed.

    Raises:
        ValueError: if it is empty, longer than MAX_PASSWORD_BYTES, or no Unicode text.
    """
    if not password:
        raise ValueError("The password is empty")
    try:
        encoded = password.encode()
    except UnicodeEncodeError:
        # JSON can escape half of a surrogate pair (RFC 8259 section 8.2).
        raise ValueError("The password is no Unicode text") from None
    if len(encoded) > MAX_PASSWORD_BYTES:
        raise ValueError(f"The password is longer than {MAX_PASSWORD_BYTES} bytes")
    return password


def _is_usable(password: str) -> bool:
    try:
        usable(password)
    except ValueError:
        return False
    return True


def _with_parameters_of(stored_hash: str) -> str:
    """A hash that costs the same work as this one and that no password matches."""
    # $argon2id$v=19$m=…,t=…,p=…$salt$hash: the fields before the salt decide the work.
    parameters = stored_hash.rsplit("$", 2)[0]
    salt, digest = (
        base64.b64encode(secrets.token_bytes(size)).rstrip(b"=").decode() for size in (16, 32)
    )
    return f"{parameters}${salt}${digest}"
