"""The purge: in portions, one worker at a time, outside of requests."""

import itertools

import anyio
import pytest
from sqlalchemy import func, select

from app.models import Counter, Family, RefreshToken
from app.services import purge
from app.services.counters import Limit
from app.services.purge import EVERY, KEEP_EXPIRED_SECONDS

from .conftest import MakeWorld
from .support import World


def _count(world: World, table: type[Family | RefreshToken | Counter]) -> int:
    with world.database.read() as db:
        return db.scalar(select(func.count()).select_from(table)) or 0


def test_a_portion_is_bounded_also_for_one_family_with_many_tokens(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge, "PORTION", 3)
    token = world.tokens()["refresh_token"]
    for _ in range(7):
        token = world.rotated(token)["refresh_token"]
    for _ in range(4):
        world.tokens()
    world.clock.advance(world.settings.refresh_absolute_seconds + KEEP_EXPIRED_SECONDS)
    left = [(_count(world, RefreshToken), _count(world, Family))]
    while world.services.purge.delete_portion():
        left.append((_count(world, RefreshToken), _count(world, Family)))
    tokens = [tokens for tokens, _ in left]
    families = [families for _, families in left]
    assert tokens[0] == 12
    assert families[0] == 5
    assert (tokens[-1], families[-1]) == (0, 0)
    for counts in (tokens, families):
        assert max(a - b for a, b in itertools.pairwise(counts)) == 3


def test_old_counters_are_deleted(world: World) -> None:
    world.login(password="wrong")
    assert _count(world, Counter) > 1
    world.clock.advance(365 * 86_400)
    while world.services.purge.delete_portion():
        pass
    assert _count(world, Counter) == 0


def test_of_several_workers_one_purges_at_a_time(make_world: MakeWorld) -> None:
    first, second = make_world(), make_world()
    assert first.services.purge.take_turn()
    assert not second.services.purge.take_turn()
    second.clock.advance(EVERY.seconds)
    assert second.services.purge.take_turn()


def test_the_purge_goes_on_until_it_is_cancelled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge, "FIRST_SECONDS", 0)
    monkeypatch.setattr(purge, "EVERY", Limit(burst=1, seconds=0))
    world.tokens()
    deleted: list[int] = []
    delete_portion = world.services.purge.delete_portion

    def watch() -> bool:
        more = delete_portion()
        deleted.append(_count(world, Family))
        return more

    monkeypatch.setattr(world.services.purge, "delete_portion", watch)

    async def run() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(world.services.purge.run)
            with anyio.fail_after(20):
                # The first rounds find nothing to delete yet.
                for left in (1, 0):
                    while left not in deleted:  # noqa: ASYNC110 - the purge runs in threads
                        await anyio.sleep(0.01)
                    late = world.settings.refresh_absolute_seconds + KEEP_EXPIRED_SECONDS
                    world.clock.advance(late)
            tasks.cancel_scope.cancel()

    anyio.run(run)
