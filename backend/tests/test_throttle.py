"""Guessing is slowed down, and the owner is never locked out by a stranger."""

import pytest
from sqlalchemy import select

from app.models import Counter
from app.services.counters import Limit, key
from app.services.throttle import ADDRESS, NAME, PAIR, PAIR_UNDER_ATTACK, SESSION, network

from .conftest import MakeWorld
from .support import PASSWORD, World

STRANGER = "192.0.2.1"
OWNER = "198.51.100.7"


def _login(
    world: World, address: str, password: str = PASSWORD, *, name: str = "demo", device: str = "x"
) -> int:
    transport = world.client._transport
    before = transport.client  # type: ignore[attr-defined]
    transport.client = (address, 1)  # type: ignore[attr-defined]
    try:
        return world.login(name, password, device=device).status_code
    finally:
        transport.client = before  # type: ignore[attr-defined]


def _fail(world: World, address: str, times: int, *, name: str = "demo") -> list[int]:
    return [_login(world, address, "wrong", name=name) for _ in range(times)]


def test_an_address_that_guesses_one_name_is_slowed_down(world: World) -> None:
    assert _fail(world, STRANGER, PAIR.burst) == [401] * PAIR.burst
    answers = [world.login() for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert _fail(world, STRANGER, 500 - PAIR.burst) == [429] * (500 - PAIR.burst)
    world.clock.advance(PAIR.seconds)
    assert _fail(world, STRANGER, 2) == [401, 429]


def test_a_refusal_says_when_the_next_attempt_is_heard_and_looks_at_no_password(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(PAIR.burst):
        world.login(password="wrong")
    monkeypatch.delattr(type(world.services.passwords), "verify")
    answer = world.login()
    assert (answer.status_code, answer.json()["error"]) == (429, "slow_down")
    assert int(answer.headers["retry-after"]) == PAIR.seconds
    assert answer.headers["cache-control"] == "no-store"


def test_names_that_nobody_has_are_counted_alike(world: World) -> None:
    for name in ("nobody", "demo\x00", "n" * 300):
        statuses = _fail(world, STRANGER, PAIR.burst + 1, name=name)
        assert statuses == [401] * PAIR.burst + [429]
        world.clock.advance(ADDRESS.burst * ADDRESS.seconds)


def test_an_address_that_tries_many_names_is_slowed_down(world: World) -> None:
    names = [f"user{number}" for number in range(ADDRESS.burst + 2)]
    statuses = [_fail(world, STRANGER, 1, name=name)[0] for name in names]
    assert statuses == [401] * ADDRESS.burst + [429] * 2
    assert _login(world, OWNER) == 200


def test_strangers_at_many_addresses_do_not_stop_the_owner(world: World) -> None:
    strangers = [f"192.0.2.{number}" for number in range(1, 60)]
    for stranger in strangers:
        _fail(world, stranger, PAIR_UNDER_ATTACK.burst)
    # The name is under attack: a new address has few attempts, and the owner's first ones count.
    assert _fail(world, "203.0.113.5", 4) == [401] * PAIR_UNDER_ATTACK.burst + [429]
    assert _login(world, OWNER) == 200
    assert _fail(world, OWNER, 2, name="demo") == [401, 401]
    assert _login(world, OWNER) == 200
    assert NAME.burst < len(strangers) * PAIR_UNDER_ATTACK.burst


def test_a_guesser_at_the_owners_address_does_not_stop_the_owners_known_browser(
    world: World,
) -> None:
    assert _login(world, OWNER, device="the owner's browser") == 200
    for name in ("demo", "a", "b", "c"):
        _fail(world, OWNER, PAIR.burst, name=name)
    assert _login(world, OWNER, device="another browser") == 429
    assert _login(world, OWNER, device="the owner's browser") == 200
    # Its own failures count for it, too.
    wrong = [_login(world, OWNER, "wrong", device="the owner's browser") for _ in range(40)]
    assert wrong.count(429) > 0


def test_right_passwords_are_never_slowed_down(world: World) -> None:
    assert [_login(world, OWNER) for _ in range(ADDRESS.burst + 10)] == [200] * (ADDRESS.burst + 10)


def test_all_servers_of_one_database_count_together(make_world: MakeWorld) -> None:
    first, second = make_world(), make_world()
    first.add_user("demo")
    assert _fail(first, STRANGER, PAIR.burst) == [401] * PAIR.burst
    assert _login(second, STRANGER) == 429


def test_the_current_password_is_guarded_for_each_session(world: World) -> None:
    stolen, owner = world.tokens()["access_token"], world.tokens()["access_token"]
    for _ in range(SESSION.burst):
        assert world.change_password(stolen, current="wrong").status_code == 400
    refused = world.change_password(stolen)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) == SESSION.seconds
    assert world.change_password(owner).status_code == 204


def test_the_counters_hold_neither_names_nor_addresses(world: World) -> None:
    _fail(world, STRANGER, 1)
    with world.database.read() as db:
        keys = db.scalars(select(Counter.key)).all()
    assert keys
    assert all(len(counted) == 32 for counted in keys)


def _forwarded(world: World, peer: str, *, address: str = STRANGER) -> int:
    transport = world.client._transport
    transport.client = (peer, 1)  # type: ignore[attr-defined]
    return world.client.post(
        "/token",
        data={"username": "demo", "password": "wrong"},
        headers={"X-Forwarded-For": f"192.0.2.99, {address}"},
    ).status_code


def test_a_forwarded_address_is_believed_from_configured_proxies_only(
    make_world: MakeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world = make_world(trusted_proxies=("10.0.0.0/8",))
    world.add_user("demo")
    for number in range(ADDRESS.burst * 2):
        assert _forwarded(world, "10.1.2.3", address=f"198.51.100.{number}") == 401
    assert '"address": "198.51.100.1"' in caplog.text
    # Anybody else who sends the header is counted by the own address.
    statuses = [_forwarded(world, "192.0.2.50", address=f"203.0.113.{n}") for n in range(20)]
    assert statuses.count(429) == 20 - PAIR_UNDER_ATTACK.burst
    assert "X-Forwarded-For is ignored" not in caplog.text


def test_an_unconfigured_proxy_is_told_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        _forwarded(world, "10.1.2.3")
    assert caplog.text.count("X-Forwarded-For is ignored") == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("testclient", "testclient", True),
    ],
)
def test_an_ipv6_address_counts_with_its_network(one: str, other: str, same: bool) -> None:
    assert (network(one) == network(other)) is same


def test_a_limit_allows_its_burst_and_then_its_rate() -> None:
    limit = Limit(burst=3, seconds=10)
    assert limit.wait(0, 1000) == 0
    assert limit.wait(1020, 1000) == 0
    assert limit.wait(1030, 1000) == 10
    assert limit.wait(1035, 1000) == 15


def test_the_parts_of_a_key_are_not_confused() -> None:
    assert key("pair", "a", "b") != key("pair", "ab", "")
