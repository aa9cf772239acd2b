"""Access tokens (JWT, RFC 7519 and RFC 9068) and refresh tokens (random, opaque)."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Any

import jwt

from .clock import Clock
from .errors import InvalidAccessTokenError

# The only algorithm. It is never taken from the token (RFC 8725 section 3.1).
ALGORITHM = "HS256"
# RFC 9068 section 2.1. So no other kind of JWT is taken for an access token (RFC 8725 3.11).
TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type
REQUIRED_CLAIMS = ("exp", "iat", "iss", "aud", "sub", "jti", "sid")
MAX_ACCESS_TOKEN_CHARS = 8192
# A day. No setting allows more.
LONGEST_LIFETIME_SECONDS = 86_400
# The end of the year 9999, the last that a date can name.
MAX_TIME = 253_402_300_799

REFRESH_TOKEN_BYTES = 32
REFRESH_TOKEN_FORM = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)

SID_BYTES = 16
SID_FORM = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)


@dataclass(frozen=True)
class Claims:
    """The claims of an access token that has passed every check."""

    subject: str
    sid: str
    issued_at: int


class AccessTokens:
    """Mints and reads the access tokens of this server.

    Previous keys verify and never sign, so that tokens issued before a change of the key remain
    valid.
    """

    def __init__(
        self,
        signing_key: bytes,
        previous_keys: tuple[bytes, ...] = (),
        *,
        issuer: str,
        audience: str,
        leeway: int,
        clock: Clock,
    ) -> None:
        self._signing_key = signing_key
        self._keys = (signing_key, *previous_keys)
        self._issuer = issuer
        self._audience = audience
        self._leeway = leeway
        self._clock = clock

    def mint(self, subject: str, sid: str, *, now: int, expires_at: int) -> str:
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": subject,
            "sid": sid,
            "iat": now,
            "exp": expires_at,
            "jti": secrets.token_urlsafe(16),
        }
        return jwt.encode(claims, self._signing_key, ALGORITHM, headers={"typ": TOKEN_TYPE})

    def read(self, token: str) -> Claims:
        """The claims of a token that this server signed and that is valid.

        Raises:
            InvalidAccessTokenError: for any other text.
        """
        if len(token) > MAX_ACCESS_TOKEN_CHARS:
            raise InvalidAccessTokenError
        decoded = self._verified(token)
        if decoded is None or not _is_our_header(decoded["header"]):
            raise InvalidAccessTokenError
        payload = decoded["payload"]
        subject, sid, jti = payload["sub"], payload["sid"], payload["jti"]
        issued_at, expires_at = payload["iat"], payload["exp"]
        # A token with the key's signature is not trusted to be one that mint() wrote: another
        # program may share the key.
        if not (
            all(map(_is_text, (subject, sid, jti)))
            and _is_time(issued_at)
            and _is_time(expires_at)
            and "nbf" not in payload
            and self._is_now(issued_at, expires_at)
        ):
            raise InvalidAccessTokenError
        return Claims(subject, sid, issued_at)

    def _is_now(self, issued_at: int, expires_at: int) -> bool:
        now = self._clock()
        return (
            issued_at <= now + self._leeway
            and now < expires_at + self._leeway
            and expires_at - issued_at <= LONGEST_LIFETIME_SECONDS
        )

    def _verified(self, token: str) -> dict[str, Any] | None:
        """The parts of a token that one of the keys has signed and whose claims are valid."""
        for key in self._keys:
            try:
                return jwt.decode_complete(
                    token,
                    key,
                    algorithms=[ALGORITHM],
                    audience=self._audience,
                    issuer=self._issuer,
                    options={
                        # read() checks the times with the server's own clock.
                        "verify_exp": False,
                        "verify_iat": False,
                        "verify_nbf": False,
                        "require": list(REQUIRED_CLAIMS),
                        "strict_aud": True,
                        "enforce_minimum_key_length": True,
                    },
                )
            except jwt.InvalidSignatureError:
                # Try the next key. The token's "kid" does not choose the key, because a token is
                # untrusted input until its signature is verified (RFC 8725 section 3.10).
                continue
            except (jwt.InvalidTokenError, ValueError):
                # ValueError: the payload has a number with more digits than Python reads.
                return None
        return None


def new_refresh_token() -> str:
    """256 random bits from the operating system (RFC 6749 section 10.10), as 43 characters."""
    return secrets.token_urlsafe(REFRESH_TOKEN_BYTES)


def new_session_key() -> str:
    """256 random bits that name the attempts of a session in cookie custody."""
    return secrets.token_urlsafe(REFRESH_TOKEN_BYTES)


def new_sid() -> str:
    """A new session's name. It cannot be guessed, but it is no credential."""
    return secrets.token_urlsafe(SID_BYTES)


def is_sid(text: str) -> bool:
    """Whether the text has the form of a session's name."""
    return SID_FORM.fullmatch(text) is not None


def refresh_token_hash(token: str) -> bytes | None:
    """The hash that the database stores for a refresh token; None for text of another form.

    A fast hash is enough, because 256 random bits cannot be guessed, unlike a password.
    """
    if REFRESH_TOKEN_FORM.fullmatch(token) is None:
        return None
    return hashlib.sha256(token.encode()).digest()


def _is_our_header(header: dict[str, Any]) -> bool:
    # Accept only the header that mint() writes. With jwk, jku, x5u, kid or crit a token could
    # choose how it is checked (RFC 8725 sections 3.1 and 3.10).
    return header == {"alg": ALGORITHM, "typ": TOKEN_TYPE}


def _is_text(value: object) -> bool:
    # Half of a surrogate pair is valid JSON, but no database and no log can encode it.
    return isinstance(value, str) and value.isprintable()


def _is_time(value: object) -> bool:
    # The type of True is a subtype of int.
    return type(value) is int and 0 <= value <= MAX_TIME
