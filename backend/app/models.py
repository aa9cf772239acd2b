"""Tables. Times are whole seconds since 1970 (UTC), the same in SQLite and PostgreSQL.

A new column must be nullable: it is added to the tables of existing databases, while servers of the
version before may still write to them.
"""

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String, false
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    type_annotation_map = {int: BigInteger, bytes: LargeBinary}  # noqa: RUF012 - SQLAlchemy's form


class User(Base):
    """Someone who can log in. Names are compared exactly and are never given to someone else."""

    __tablename__ = "users"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    disabled: Mapped[bool] = mapped_column(server_default=false(), default=False)
    created_at: Mapped[int]


class Family(Base):
    """A session: all the refresh tokens that descend from one login.

    This row is the only authority on whether the session lives. Whatever a race leaves behind in
    the table of tokens, a token of an ended family is worth nothing.
    """

    __tablename__ = "families"

    sid: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_name: Mapped[str] = mapped_column(ForeignKey("users.name"), index=True)
    created_at: Mapped[int]
    # Set at login and never changed: rotation must not extend it (ASVS 10.4.8).
    absolute_expires_at: Mapped[int] = mapped_column(index=True)
    ended_at: Mapped[int | None]
    end_reason: Mapped[str | None] = mapped_column(String(32))
    # The User-Agent of the login; none in rows that are older than this column.
    device: Mapped[str | None] = mapped_column(String(255))


class RefreshToken(Base):
    """One refresh token, by its SHA-256 only: a copy of this table lets nobody in.

    Spent tokens stay until their family has expired. A token that was purged could no longer be
    recognised as stolen (RFC 9700 section 4.14.2).
    """

    __tablename__ = "refresh_tokens"

    hash: Mapped[bytes] = mapped_column(primary_key=True)
    sid: Mapped[str] = mapped_column(ForeignKey("families.sid", ondelete="CASCADE"), index=True)
    created_at: Mapped[int]
    # The idle expiry, capped by the family's absolute one.
    expires_at: Mapped[int]
    spent_at: Mapped[int | None]
    successor_hash: Mapped[bytes | None] = mapped_column(unique=True)
    # The SHA-256 of the Idempotency-Key it was spent with, if there was one.
    key_hash: Mapped[bytes | None]
    # The successor, encrypted under a key derived from this token; only while it is unspent.
    sealed_successor: Mapped[bytes | None]
