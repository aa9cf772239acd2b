"""Password hashing with Argon2id, outside the event loop, a limited number at a time."""

import secrets
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from .config import Settings

# Longer passwords are refused: users type no such passwords, and the work must not grow with the
# input.
MAX_PASSWORD_BYTES = 1024
# For passwords that users choose. At least 8 (ASVS 6.2.1), of any kind (ASVS 6.2.5).
MIN_PASSWORD_CHARS = 8


@dataclass(frozen=True)
class Verdict:
    """Whether the password is correct, and a new hash if Argon2's parameters have changed."""

    correct: bool
    new_hash: str | None = None


class Passwords:
    """Hashes and verifies passwords byte for byte: no trimming, no Unicode normalisation."""

    def __init__(self, settings: Settings) -> None:
        self._hash = PasswordHash(
            [
                Argon2Hasher(
                    time_cost=settings.argon2_time_cost,
                    memory_cost=settings.argon2_memory_kib,
                    parallelism=settings.argon2_parallelism,
                )
            ]
        )
        # Argon2 allocates all its memory at once, so parallel logins could exhaust the memory.
        # Logins above the limit queue. The other threads have another limiter, so they stay free
        # for requests.
        self._limiter = CapacityLimiter(settings.password_concurrency)
        self._dummy = self._hash.hash(secrets.token_urlsafe())

    def hash(self, password: str) -> str:
        """Hash a new password.

        Raises:
            ValueError: if the password is not usable.
        """
        return self._hash.hash(usable(password))

    async def verify(self, password: str, stored_hash: str | None) -> Verdict:
        """Check a password. ``stored_hash`` is None for an unknown user and costs the same work.

        The time of a refusal must not tell which names exist (ASVS 6.3.8).
        """
        return await to_thread.run_sync(self._verify, password, stored_hash, limiter=self._limiter)

    async def replace(self, current: str, new: str, stored_hash: str | None) -> str | None:
        """Hash the new password; None if the current password is wrong."""
        return await to_thread.run_sync(
            self._replace, current, new, stored_hash, limiter=self._limiter
        )

    def _verify(self, password: str, stored_hash: str | None) -> Verdict:
        if stored_hash is None or not _is_usable(password):
            self._hash.verify("", self._dummy)
            return Verdict(correct=False)
        correct, new_hash = self._hash.verify_and_update(password, stored_hash)
        return Verdict(correct, new_hash)

    def _replace(self, current: str, new: str, stored_hash: str | None) -> str | None:
        # Verify and hash in one turn, so that a change of password queues only once.
        return self.hash(new) if self._verify(current, stored_hash).correct else None


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
