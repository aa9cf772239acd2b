"""Password hashing: Argon2id, off the event loop, a bounded number at a time."""

import secrets
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from .config import Settings

# Longer ones are not hashed: nobody types them, and work must not grow with what is sent.
MAX_PASSWORD_BYTES = 1024


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
            ValueError: if it is empty or longer than MAX_PASSWORD_BYTES.
        """
        if not password:
            raise ValueError("The password is empty")
        if _too_long(password):
            raise ValueError(f"The password is longer than {MAX_PASSWORD_BYTES} bytes")
        return self._hash.hash(password)

    async def verify(self, password: str, stored_hash: str | None) -> Verdict:
        """Check a password; None is a user who does not exist and costs the same work.

        How long a refusal takes must not tell which names exist (ASVS 6.3.8).
        """
        return await to_thread.run_sync(self._verify, password, stored_hash, limiter=self._limiter)

    def _verify(self, password: str, stored_hash: str | None) -> Verdict:
        if stored_hash is None or _too_long(password):
            self._hash.verify("", self._dummy)
            return Verdict(correct=False)
        correct, new_hash = self._hash.verify_and_update(password, stored_hash)
        return Verdict(correct, new_hash)


def _too_long(password: str) -> bool:
    return len(password.encode("utf-8", "surrogatepass")) > MAX_PASSWORD_BYTES
