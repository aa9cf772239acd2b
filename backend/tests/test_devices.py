"""The device's name that a login stores."""

import pytest
from sqlalchemy import select

from app.models import Family
from app.services.devices import MAX_DEVICE_CHARS, device_name

from .support import World


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Mozilla/5.0 (X11; Linux) Firefox/150", "Mozilla/5.0 (X11; Linux) Firefox/150"),
        ("  a\tb\x00c\x1b[31m\x7f\x9f\u202ed ", "abc[31md"),
        ("x" * 5000, "x" * MAX_DEVICE_CHARS),
        ("\n" * 300 + "Browser", "Browser"),
        ("Größe", "Größe"),
        (" \x00 ", None),
        ("", None),
        (None, None),
    ],
)
def test_a_device_is_its_user_agent_without_what_cannot_be_shown(
    sent: str | None, kept: str | None
) -> None:
    assert device_name(sent) == kept


@pytest.mark.parametrize(("sent", "kept"), [("Brow\x00ser/1", "Browser/1"), ("", None)])
def test_a_login_remembers_the_device(world: World, sent: str, kept: str | None) -> None:
    sid = world.tokens(device=sent)["sid"]
    with world.database.read() as db:
        assert db.scalar(select(Family.device).where(Family.sid == sid)) == kept
