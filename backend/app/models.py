"""Tables. Times are whole seconds since 1970 (UTC), the same in SQLite and PostgreSQL.

A new column must be nullable: it is added to existing tables, and servers of the previous version
may still write to these.
"""

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String, false
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    type_annotation_map = {int: BigInteger, bytes: LargeBinary}  # noqa: RUF012 - SQLAlchemy's form


class User(Base):
    """A user. Names are compared exactly and are never reused for another person."""

    __tablename__ = "users"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    disabled: Mapped[bool] = mapped_column(server_default=false(), default=False)
    created_at: Mapped[int]


class Family(Base):
    """A session: all the refresh tokens that descend from one login.

    Only this row decides whether the session lives. The server refuses every token of an ended
    family, whatever rows a race left in the table of tokens.
    """

    __tablename__ = "families"

    sid: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_name: Mapped[str] = mapped_column(ForeignKey("users.name"), index=True)
    created_at: Mapped[int]
    # Set at login and never changed: rotation must not extend it (ASVS 10.4.8).
    absolute_expires_at: Mapped[int] = mapped_column(index=True)
    ended_at: Mapped[int | None]
    end_reason: Mapped[str | None] = mapped_column(String(32))
    # The User-Agent of the login; NULL in rows that are older than this column.
    device: Mapped[str | None] = mapped_column(String(255))
    # Cookie custody only: the SHA-256 of the session's key, and the current refresh token,
    # encrypted with a key derived from the session's key.
    session_key_hash: Mapped[bytes | None]
    sealed_current: Mapped[bytes | None]


class RefreshToken(Base):
    """One refresh token. Only its SHA-256 is stored, so a copy of this table is useless to a thief.

    Spent tokens stay until their family has expired, because the reuse of a deleted token could
    not be detected (RFC 9700 section 4.14.2).
    """

    __tablename__ = "refresh_tokens"

    hash: Mapped[bytes] = mapped_column(primary_key=True)
    sid: Mapped[str] = mapped_column(ForeignKey("families.sid", ondelete="CASCADE"), index=True)
    created_at: Mapped[int]
    # The idle expiry, but at most the family's absolute expiry.
    expires_at: Mapped[int]
    spent_at: Mapped[int | None]
    successor_hash: Mapped[bytes | None] = mapped_column(unique=True)
    # The SHA-256 of the Idempotency-Key that this token was spent with; NULL without a key.
    key_hash: Mapped[bytes | None]
    # The successor, encrypted with a key derived from this token; NULL once the successor is spent.
    sealed_successor: Mapped[bytes | None]


class Counter(Base):
    """How often something happened lately, as one time (the generic cell rate algorithm).

    ``until`` is when the counter is as if nothing had happened. The key is a hash, because it is
    made of names that people typed and of addresses.
    """

    __tablename__ = "counters"

    key: Mapped[bytes] = mapped_column(primary_key=True)
    until: Mapped[int] = mapped_column(index=True)
