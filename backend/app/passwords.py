"""Password hashing: Argon2id, off the event loop, a bounded number at a time."""

import secrets
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from .config import Settings

# Longer ones are not hashed: nobody types them, and work must not grow with what is sent.
MAX_PASSWORD_BYTES = 1024
# For what users choose. ASVS 6.2.1 wants 8 at least, and 6.2.5 no rule about what they are.
MIN_PASSWORD_CHARS = 8


@dataclass(frozen=True)
class Verdict:
    """Whether the password is right, and a new hash if the parameters have changed since."""

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
        # Argon2 takes its memory at once, so parallel logins could exhaust it; those beyond the
        # limit queue. Not the limiter of the other threads, which then stay free for requests.
        self._limiter = CapacityLimiter(settings.password_concurrency)
        self._dummy = self._hash.hash(secrets.token_urlsafe())

    def hash(self, password: str) -> str:
        """Hash a new password.

        Raises:
            ValueError: if it is not usable.
        """
        return self._hash.hash(usable(password))

    async def verify(self, password: str, stored_hash: str | None) -> Verdict:
        """Check a password; None is a user who does not exist and costs the same work.

        How long a refusal takes must not tell which names exist (ASVS 6.3.8).
        """
        return await to_thread.run_sync(self._verify, password, stored_hash, limiter=self._limiter)

    async def replace(self, current: str, new: str, stored_hash: str | None) -> str | None:
        """The hash of a new password; None if the current one is wrong."""
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
        # Both in one turn: whoever has queued for the first hash need not queue for the second.
        return self.hash(new) if self._verify(current, stored_hash).correct else None


def usable(password: str) -> str:
    """The password, if it can be hashed.

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
