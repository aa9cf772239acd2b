"""Idempotent rotation: what the database holds of a successor, and who can open it."""

from base64 import urlsafe_b64encode

import pytest
from sqlalchemy import select, update

from app.core.sealing import SealError, seal, unseal
from app.core.security import new_refresh_token, refresh_token_hash
from app.models import RefreshToken

from .support import World, new_key


def test_a_successor_is_sealed_only_while_it_is_unspent(world: World) -> None:
    first = world.tokens()["refresh_token"]
    second = world.rotated(first, new_key())["refresh_token"]
    assert _sealed(world, first) is not None
    world.rotated(second, new_key())
    assert _sealed(world, first) is None
    assert _sealed(world, second) is not None


def test_without_a_key_nothing_is_sealed(world: World) -> None:
    token = world.tokens()["refresh_token"]
    world.rotated(token)
    assert _sealed(world, token) is None


def test_the_stored_bytes_hold_neither_the_successor_nor_the_key(world: World) -> None:
    session, key = world.tokens(), new_key()
    token = session["refresh_token"]
    successor = world.rotated(token, key)["refresh_token"]
    with world.database.read() as db:
        rows = db.execute(select(*RefreshToken.__table__.columns)).all()
    stored = repr(rows)
    for secret in (token, successor, key):
        assert secret not in stored
    sealed = _sealed(world, token)
    assert sealed is not None
    assert unseal(sealed, token, session["sid"]) == successor
    # A thief of the database has only the hash and the session's name.
    digest = refresh_token_hash(token)
    assert digest is not None
    for guess in (digest.hex(), urlsafe_b64encode(digest).decode(), session["sid"]):
        with pytest.raises(SealError):
            unseal(sealed, guess, session["sid"])


def test_a_tampered_seal_is_a_500_that_issues_nothing(world: World) -> None:
    token, key = world.tokens()["refresh_token"], new_key()
    world.rotated(token, key)
    with world.database.write() as db:
        db.execute(
            update(RefreshToken)
            .where(RefreshToken.hash == refresh_token_hash(token))
            .values(sealed_successor=b"\x00" * 80)
        )
    assert world.refresh(token, key).status_code == 500


def test_a_seal_opens_with_its_token_and_session_only() -> None:
    predecessor, successor = new_refresh_token(), new_refresh_token()
    sealed = seal(successor, predecessor, "sid")
    assert unseal(sealed, predecessor, "sid") == successor
    assert seal(successor, predecessor, "sid") != sealed
    for wrong in (
        (sealed, new_refresh_token(), "sid"),
        (sealed, predecessor, "another"),
        (sealed[:-1] + bytes([sealed[-1] ^ 1]), predecessor, "sid"),
        (b"", predecessor, "sid"),
    ):
        with pytest.raises(SealError):
            unseal(*wrong)


def _sealed(world: World, token: str) -> bytes | None:
    with world.database.read() as db:
        return db.scalar(
            select(RefreshToken.sealed_successor).where(
                RefreshToken.hash == refresh_token_hash(token)
            )
        )
