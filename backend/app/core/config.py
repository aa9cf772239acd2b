"""Settings, read from environment variables that start with ``AUTH_``."""

import difflib
import os
from collections.abc import Iterator
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from .kept_secret import SECRET_BYTES, KeptSecretError, kept_secret
from .secret_strength import is_weak
from .security import LONGEST_LIFETIME_SECONDS

PREFIX = "AUTH_"
# Variables of the commands and the tests, which are no settings of the server.
OTHER_VARIABLES = frozenset({"AUTH_USER_PASSWORD", "AUTH_TEST_POSTGRES_URL"})
# The minimum for Argon2id in OWASP's Password Storage Cheat Sheet: 19 MiB with two passes, or 46
# MiB with one. The sheet also allows less memory with more passes; this server does not.
ARGON2_FLOOR_KIB = 19 * 1024
ARGON2_ONE_PASS_KIB = 46 * 1024
TEN_YEARS = 3650 * 86_400
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
DEFAULT_PORTS = {"http": 80, "https": 443}


class ConfigError(Exception):
    """A setting is unusable. The text tells the operator why, in one sentence."""


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class Rotation(StrEnum):
    """How ``/refresh`` answers a spent token."""

    IDEMPOTENT = "idempotent"
    STRICT = "strict"


class Settings(BaseSettings):
    """Every setting with its default. README.md explains each of them."""

    # hide_input_in_errors: a validation error would print the value, which can be a secret.
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, hide_input_in_errors=True, extra="ignore"
    )

    environment: Environment = Environment.DEVELOPMENT
    # Development has generated secrets and cheap passwords, so only this machine may reach it.
    development_anywhere: bool = False
    host: str = "localhost"
    port: int = Field(default=8000, ge=0, le=65535)
    # Kept out of the repr, because it may hold a password.
    database_url: str = Field(default="sqlite:///.data/auth.db", repr=False)
    secret: SecretStr | None = None
    # NoDecode: values separated by commas are easier to write in a shell than a JSON list.
    previous_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    issuer: str = Field(default="http://localhost:8000", min_length=1)
    audience: str = Field(default="yew-jwt-auth", min_length=1)
    access_token_seconds: int = Field(default=300, ge=1, le=LONGEST_LIFETIME_SECONDS)
    refresh_idle_seconds: int = Field(default=14 * 86_400, ge=1, le=TEN_YEARS)
    refresh_absolute_seconds: int = Field(default=90 * 86_400, ge=1, le=TEN_YEARS)
    sessions_per_user: int = Field(default=100, ge=1, le=10_000)
    leeway_seconds: int = Field(default=5, ge=0, le=60)
    rotation: Rotation = Rotation.IDEMPOTENT
    cors_origins: Annotated[tuple[str, ...], NoDecode] = (
        "http://localhost:8080",
        "http://127.0.0.1:8080",
    )
    # Addresses or networks whose X-Forwarded-For is believed.
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    argon2_memory_kib: int = Field(default=65_536, ge=8, le=4 * 1024 * 1024)
    argon2_time_cost: int = Field(default=3, ge=1, le=64)
    argon2_parallelism: int = Field(default=4, ge=1, le=64)
    # Each running hash uses argon2_memory_kib. This limit bounds the total.
    password_concurrency: int = Field(default=2, ge=1, le=64)
    # Passwords that may wait for their turn, for each worker.
    password_queue: int = Field(default=32, ge=1, le=10_000)

    # How long a client may take to send a request's headers, and then its body.
    header_seconds: float = Field(default=10, gt=0, le=600)
    body_seconds: float = Field(default=20, gt=0, le=600)
    # For each worker. Each connection and each database connection takes a file descriptor.
    max_connections: int = Field(default=512, ge=1, le=65_536)

    @field_validator("cors_origins", "previous_secrets", "trusted_proxies", mode="before")
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

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in value:
            try:
                ip_network(proxy)
            except ValueError:
                raise ValueError(
                    f"{proxy!r} is neither an address nor a network such as 10.0.0.0/8"
                ) from None
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
        if backend == "sqlite" and url.query:
            raise ValueError("an SQLite address has no parameters")
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
                # A key for HS256 has at least the size of the hash output.
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
            # Previous secrets too, because the server accepts tokens forged with a guessed one.
            if is_weak(secret):
                raise ValueError(f"{name} could be guessed; use only random values")
        enough = ARGON2_FLOOR_KIB if self.argon2_time_cost > 1 else ARGON2_ONE_PASS_KIB
        if self.argon2_memory_kib < enough:
            raise ValueError(
                f"{PREFIX}ARGON2_MEMORY_KIB must be at least {enough} outside development with "
                f"this {PREFIX}ARGON2_TIME_COST"
            )
        for origin in self.cors_origins:
            parts = urlsplit(origin)
            if parts.scheme != "https" and parts.hostname not in LOOPBACK_NAMES:
                raise ValueError(f"{PREFIX}CORS_ORIGINS: {origin!r} has no TLS")

    def _secrets(self) -> Iterator[tuple[str, str]]:
        """The secrets that are set, each with its name for error messages."""
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
        """The key for HS256: ``secret``, else a generated one that is kept next to the SQLite file.

        Only development allows the second.
        """
        if self.secret is not None:
            return self.secret.get_secret_value().encode()
        path = sqlite_path(self.url)
        if path is None:
            raise ConfigError(
                f"{PREFIX}SECRET must be set, because a PostgreSQL database has no file "
                "next to which a generated one could be kept."
            )
        try:
            return kept_secret(path.with_name(path.name + ".secret"))
        except KeptSecretError as error:
            raise ConfigError(str(error)) from None

    def previous_keys(self) -> tuple[bytes, ...]:
        """Keys that no longer sign. Their access tokens are accepted until they expire."""
        return tuple(secret.get_secret_value().encode() for secret in self.previous_secrets)


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        ConfigError: with one sentence for each unusable setting. A value is shown only if it is
            public.
    """
    _check_names()
    try:
        return Settings()
    except ValidationError as error:
        raise ConfigError(" ".join(_sentence(item) for item in error.errors())) from None


def _check_names() -> None:
    """Refuse misspelt settings, because the default of the meant one may be unsafe."""
    known = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    for name, value in os.environ.items():
        if not name.upper().startswith(PREFIX) or name in OTHER_VARIABLES:
            continue
        if name.upper() not in known:
            similar = difflib.get_close_matches(name.upper(), known, n=1)
            hint = f"; did you mean {similar[0]}?" if similar else "."
            raise ConfigError(f"{name} is not a setting{hint}")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ConfigError(f"{name} is not UTF-8.") from None


def sqlite_path(url: URL) -> Path | None:
    """The file of an SQLite database; None for a database in memory and for PostgreSQL."""
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
    except (ArgumentError, ValueError):
        # SQLAlchemy's own message repeats the address, which may hold a password.
        raise ValueError("not a database address such as sqlite:///.data/auth.db") from None


def _is_origin(value: str) -> bool:
    try:
        parts = urlsplit(value)
        # Browsers omit the scheme's default port from an origin.
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
