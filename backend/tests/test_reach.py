"""A development server answers its own machine only."""

import pytest

from app.web.reach import is_reachable_as_set

from .conftest import MakeWorld
from .support import World, make_settings


def _get(world: World, address: str) -> int:
    return world.client.get("/health", headers={"Host": address}).status_code


@pytest.mark.parametrize("address", ["192.0.2.1", "[2001:db8::1]"])
def test_a_development_server_answers_at_loopback_only(make_world: MakeWorld, address: str) -> None:
    development = make_world()
    development.client.base_url = f"http://{address}"
    answer = development.client.get("/openapi.json")
    assert answer.status_code == 403
    assert answer.headers["cache-control"] == "no-store"
    development.client.base_url = "http://127.0.0.1"
    assert development.client.get("/openapi.json").status_code == 200


def test_it_answers_elsewhere_if_it_is_told_to_or_in_production(make_world: MakeWorld) -> None:
    told = make_world(development_anywhere=True)
    production = make_world(environment="production", argon2_memory_kib=20_000, argon2_time_cost=2)
    for world in (told, production):
        world.client.base_url = "http://192.0.2.1"
        assert world.client.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False),
        ("192.0.2.1", False),
        ("fe80::1%eth0", False),
    ],
)
def test_which_addresses_are_loopback(address: str, allowed: bool) -> None:
    settings = make_settings("sqlite:///unused.db")
    assert is_reachable_as_set(settings, ["127.0.0.1", address]) is allowed
