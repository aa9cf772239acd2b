"""Settings, read from environment variables that start with ``AUTH_``."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "AUTH_"
# RFC 7518 section 3.2: a key for HS256 has at least the size of the hash output, 256 bits.
SECRET_BYTES = 32
# A random secret in hexadecimal has some 15 different characters, "aaaa…" and its like few.
SECRET_VARIETY = 10
# Keys that everybody knows, because tutorials print them.
PUBLISHED_SECRETS = frozenset(
    {"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"},
)
PLACEHOLDERS = ("changeme", "change-me", "change_me", "changethis", "your-secret", "your_secret")
# OWASP's Password Storage Cheat Sheet: no Argon2id configuration below 19 MiB, but for 7 MiB and
# more with more passes, which this server does not offer.
ARGON2_FLOOR_KIB = 19 * 1024
DEFAULT_PORTS = {"http": 80, "https": 443}


class ConfigError(Exception):
    """A setting is unusable; the text is one sentence for whoever starts the server."""


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class Rotation(StrEnum):
    """How ``/refresh`` treats a token that was spent before."""

    IDEMPOTENT = "idempotent"
    STRICT = "strict"


class Settings(BaseSettings):
    """Every setting with its default; the README has the same table with explanations."""

    # A validation error would otherwise print the value, which can be a secret.
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, hide_input_in_errors=True, extra="ignore"
    )

    environment: Environment = Environment.DEVELOPMENT
    host: str = "localhost"
    port: int = Field(default=8000, ge=0, le=65535)
    # Not in the repr, since it may hold a password.
    database_url: str = Field(default="sqlite:///.data/auth.db", repr=False)
    secret: SecretStr | None = None
    # NoDecode: comma separated is easier to write in a shell than a JSON list.
    previous_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    issuer: str = Field(default="http://localhost:8000", min_length=1)
    audience: str = Field(default="yew-jwt-auth", min_length=1)
    access_token_seconds: int = Field(default=300, ge=1, le=86_400)
    refresh_idle_seconds: int = Field(default=14 * 86_400, ge=1)
    refresh_absolute_seconds: int = Field(default=90 * 86_400, ge=1)
    leeway_seconds: int = Field(default=5, ge=0, le=60)
    rotation: Rotation = Rotation.IDEMPOTENT
    cors_origins: Annotated[tuple[str, ...], NoDecode] = (
        "http://localhost:8080",
        "http://127.0.0.1:8080",
    )
    argon2_memory_kib: int = Field(default=65_536, ge=8)
    argon2_time_cost: int = Field(default=3, ge=1)
    argon2_parallelism: int = Field(default=4, ge=1)
    # Each hash in progress holds argon2_memory_kib; this bounds their sum.
    password_concurrency: int = Field(default=2, ge=1, le=64)

    @field_validator("cors_origins", "previous_secrets", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if not _is_origin(origin):
                raise ValueError(
                    f"{origin!r} is not an origin; write scheme, host and port as a browser "
                    "sends them, for example https://app.example.com"
                )
        return value

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, value: str) -> str:
        url = _parse_database_url(value)
        backend = url.get_backend_name()
        if backend not in {"sqlite", "postgresql"}:
            raise ValueError(f"{backend} is not supported; use sqlite or postgresql")
        if backend == "sqlite" and sqlite_path(url) is None:
            raise ValueError(
                "an SQLite database must be a file, so that sessions outlive a restart"
            )
        return value

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.refresh_idle_seconds > self.refresh_absolute_seconds:
            raise ValueError(
                f"{PREFIX}REFRESH_IDLE_SECONDS is larger than {PREFIX}REFRESH_ABSOLUTE_SECONDS, "
                "so it would never take effect"
            )
        if self.argon2_memory_kib < 8 * self.argon2_parallelism:
            raise ValueError(
                f"{PREFIX}ARGON2_MEMORY_KIB must be at least 8 times {PREFIX}ARGON2_PARALLELISM"
            )
        for name, secret in self._secrets():
            if len(secret.encode()) < SECRET_BYTES:
                raise ValueError(
                    f"{name} must have at least {SECRET_BYTES} bytes (RFC 7518 section 3.2)"
                )
        if self.environment is not Environment.DEVELOPMENT:
            self._check_production()
        return self

    def _check_production(self) -> None:
        if self.secret is None:
            raise ValueError(
                f"{PREFIX}SECRET must be set outside development; "
                "make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
            )
        for name, secret in self._secrets():
            # A previous one too: whoever guesses it makes tokens that are accepted.
            if _is_weak(secret):
                raise ValueError(
                    f"{name} is a well-known or monotonous value; use only random ones"
                )
        if self.argon2_memory_kib < ARGON2_FLOOR_KIB:
            raise ValueError(
                f"{PREFIX}ARGON2_MEMORY_KIB must be at least {ARGON2_FLOOR_KIB} outside development"
            )

    def _secrets(self) -> Iterator[tuple[str, str]]:
        """The secrets that are set, each with the name for a complaint about it."""
        if self.secret is not None:
            yield f"{PREFIX}SECRET", self.secret.get_secret_value()
        for secret in self.previous_secrets:
            yield f"A secret of {PREFIX}PREVIOUS_SECRETS", secret.get_secret_value()

    @property
    def url(self) -> URL:
        """The database address with the driver that is installed."""
        url = _parse_database_url(self.database_url)
        driver = "sqlite+pysqlite" if url.get_backend_name() == "sqlite" else "postgresql+psycopg"
        return url.set(drivername=driver)

    def signing_key(self) -> bytes:
        """The key for HS256; in development one is made and kept next to the SQLite file."""
        if self.secret is not None:
            return self.secret.get_secret_value().encode()
        path = sqlite_path(self.url)
        if path is None:
            raise ConfigError(
                f"{PREFIX}SECRET must be set, because a PostgreSQL database has no file "
                "next to which a generated one could be kept."
            )
        return _kept_secret(path.with_name(path.name + ".secret"))

    def previous_keys(self) -> tuple[bytes, ...]:
        """Keys that no longer sign, but whose access tokens are accepted until they expire."""
        return tuple(secret.get_secret_value().encode() for secret in self.previous_secrets)


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        ConfigError: with one sentence for each unusable setting, and never with its value
            unless the value is public.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise ConfigError(" ".join(_sentence(item) for item in error.errors())) from None


def sqlite_path(url: URL) -> Path | None:
    """The file of an SQLite database; None for one in memory and for other databases."""
    if url.get_backend_name() != "sqlite" or url.database in {None, "", ":memory:"}:
        return None
    return Path(str(url.database))


def _sentence(item: object) -> str:
    assert isinstance(item, dict)  # noqa: S101 - pydantic's ErrorDetails
    message = str(item["msg"]).removeprefix("Value error, ")
    location = item["loc"]
    name = f"{PREFIX}{str(location[0]).upper()}: " if location else ""
    return f"{name}{message}."


def _parse_database_url(value: str) -> URL:
    try:
        return make_url(value)
    except ArgumentError:
        # SQLAlchemy's own message repeats the address, which may hold a password.
        raise ValueError("not a database address such as sqlite:///.data/auth.db") from None


def _is_origin(value: str) -> bool:
    try:
        parts = urlsplit(value)
        # Browsers leave out the scheme's own port.
        valid_port = parts.port is None or parts.port not in {0, DEFAULT_PORTS.get(parts.scheme)}
    except ValueError:
        return False
    return (
        valid_port
        and parts.scheme in {"http", "https"}
        and bool(parts.hostname)
        and value == f"{parts.scheme}://{parts.netloc}"
        and value == value.lower()
        and not set(parts.netloc) & set("@*\\")
    )


def _is_weak(secret: str) -> bool:
    return (
        len(set(secret)) < SECRET_VARIETY
        or secret in PUBLISHED_SECRETS
        or any(word in secret.lower() for word in PLACEHOLDERS)
    )


def _kept_secret(path: Path) -> bytes:
    """Read the generated secret, or make it once, readable by its owner only."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _create_once(path, secrets.token_urlsafe(SECRET_BYTES).encode())
        secret = path.read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"The secret file {path} cannot be used: {error.strerror}.") from None
    if len(secret) < SECRET_BYTES:
        raise ConfigError(f"The secret file {path} is damaged; delete it to get a new one.")
    return secret


def _create_once(path: Path, content: bytes) -> None:
    """Write a whole file or nothing, and let one of two processes that start together win."""
    # mkstemp creates the file with mode 0600 from the start.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        try:
            # A link, not a rename: a rename would replace the winner's file.
            os.link(name, path)
        except FileExistsError:
            return
    finally:
        os.unlink(name)
