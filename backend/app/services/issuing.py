"""Issues the tokens of a session, at its login and at each refresh."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from ..core.config import Settings
from ..core.errors import TooManyAttemptsError
from ..core.security import AccessTokens, refresh_token_hash
from ..models import RefreshToken
from . import counters
from .counters import Limit

# Refreshes of one family at once. After them ten in the lifetime of an access token are allowed.
REFRESH_BURST = 100


@dataclass(frozen=True, repr=False)
class Issued:
    """The tokens that a login or a refresh issues. Without a repr, which could print them."""

    sid: str
    access_token: str
    refresh_token: str
    expires_in: int
    refresh_expires_in: int
    # Only from a login in cookie custody.
    session_key: str | None = None


class Issuer:
    def __init__(self, tokens: AccessTokens, settings: Settings) -> None:
        self._tokens = tokens
        self._settings = settings
        self._rate = Limit(REFRESH_BURST, max(1, settings.access_token_seconds // 10))

    def add_token(self, db: Session, token: str, sid: str, now: int, absolute: int) -> int:
        """Store a new refresh token, and return the time of its expiry."""
        expires_at = min(now + self._settings.refresh_idle_seconds, absolute)
        digest = refresh_token_hash(token)
        db.add(RefreshToken(hash=digest, sid=sid, created_at=now, expires_at=expires_at))
        return expires_at

    def count_refresh(self, db: Session, sid: str, now: int) -> None:
        """Count a refresh of the family, before anything is spent.

        A client refreshes when its access token expires, and somewhat more often while a network
        fails. Each refresh leaves a row for the life of the family.

        Raises:
            TooManyAttemptsError: the family was refreshed too often lately.
        """
        counted = counters.key("refresh", sid)
        wait = self._rate.wait(counters.read(db, [counted]).get(counted, now), now)
        if wait > 0:
            raise TooManyAttemptsError(wait)
        counters.add(db, counted, self._rate, now)

    def issue(
        self, name: str, sid: str, refresh_token: str, now: int, expires_at: int, absolute: int
    ) -> Issued:
        # An access token must not outlive its session.
        access_expires_at = min(now + self._settings.access_token_seconds, absolute)
        return Issued(
            sid=sid,
            access_token=self._tokens.mint(name, sid, now=now, expires_at=access_expires_at),
            refresh_token=refresh_token,
            expires_in=access_expires_at - now,
            refresh_expires_in=expires_at - now,
        )
