"""The fixture that runs an attack."""

import pytest

from ..conftest import MakeWorld
from .weakened import Attack, Outcome, Weakening


@pytest.fixture
def outcome(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """Starts a server without the removed defences, and attacks it."""

    def run(attack: Attack, removed: tuple[Weakening, ...]) -> bool:
        for weaken in removed:
            # Before the server is built, because it takes some of its parts when it is built.
            weaken(monkeypatch)
        world = make_world()
        world.add_user("demo")
        return attack(world)

    return run
