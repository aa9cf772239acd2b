"""Guessing passwords: at one door, at many, from many addresses, and under borrowed names."""

import ipaddress
from collections.abc import Iterable

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.services import throttle
from app.services.counters import Limit
from app.services.throttle import Throttle
from app.web.proxies import ClientAddresses

from ..support import PASSWORD, World
from .weakened import Attack, Outcome, Weakening, attacks, replace

GUESSER = "192.0.2.1"
OWNER = "198.51.100.7"
NO_LIMIT = Limit(10**6, 1)


async def _believe_everybody(
    self: ClientAddresses, scope: Scope, receive: Receive, send: Send
) -> None:
    await ProxyHeadersMiddleware(self._app, "*")(scope, receive, send)  # type: ignore[arg-type]


def _no_limits(*names: str) -> Weakening:
    def weaken(monkeypatch: pytest.MonkeyPatch) -> None:
        for name in names:
            monkeypatch.setattr(throttle, name, NO_LIMIT)

    return weaken


NO_THROTTLE = replace(Throttle, "check_login", lambda *_: None)
NO_THROTTLE_OF_CHANGES = replace(Throttle, "check_password", lambda *_: None)
EACH_ADDRESS_ALONE = replace(throttle, "network", lambda address: address)
ALL_ADDRESSES_ALIKE = replace(throttle, "network", lambda _: "")
NO_COUNT_OF_ATTACKED_NAMES = replace(throttle, "NAME", NO_LIMIT)
ANY_PROXY = replace(ClientAddresses, "__call__", _believe_everybody)


def _guess(
    world: World,
    password: str,
    *,
    address: str = GUESSER,
    name: str = "demo",
    device: str = "x",
    forwarded: str | None = None,
) -> bool:
    world.client._transport.client = (address, 1)  # type: ignore[attr-defined]
    headers = {"User-Agent": device} | ({"X-Forwarded-For": forwarded} if forwarded else {})
    form = {"username": name, "password": password}
    return world.client.post("/token", data=form, headers=headers).status_code == 200


def _guesses(most: int) -> Iterable[str]:
    """A dictionary whose last word is the right one."""
    yield from (f"guess {number}" for number in range(most - 1))
    yield PASSWORD


def _a_dictionary(world: World) -> bool:
    return any(_guess(world, password) for password in _guesses(60))


def _one_password_for_many_names(world: World) -> bool:
    names = [*(f"user{number}" for number in range(60)), "demo"]
    return any(_guess(world, PASSWORD, name=name) for name in names)


def _the_addresses_of_one_network(world: World) -> bool:
    network = ipaddress.ip_network("2001:db8::/64")
    return any(
        _guess(world, password, address=str(network[number]))
        for number, password in enumerate(_guesses(60))
    )


def _many_networks(world: World) -> bool:
    # 40 addresses with ten attempts each: as many as an address has while nobody else guesses.
    return any(
        _guess(world, password, address=f"192.0.2.{number // 10}")
        for number, password in enumerate(_guesses(400))
    )


def _an_invented_proxy(world: World) -> bool:
    return any(
        _guess(world, password, forwarded=f"203.0.113.{number}")
        for number, password in enumerate(_guesses(60))
    )


def _the_owners_device(world: World) -> bool:
    # The guesser sits behind the owner's address and has seen the owner's User-Agent.
    assert _guess(world, PASSWORD, address=OWNER, device="the owner's")
    return any(
        _guess(world, password, address=OWNER, device="the owner's") for password in _guesses(60)
    )


def _a_device_for_each_guess(world: World) -> bool:
    return any(
        _guess(world, password, device=f"device {number}")
        for number, password in enumerate(_guesses(60))
    )


def _the_current_password(world: World) -> bool:
    stolen = world.tokens()["access_token"]
    answers = [world.change_password(stolen, current=guess) for guess in _guesses(60)]
    return answers[-1].status_code == 204


def _to_lock_the_owner_out(world: World) -> bool:
    for guess in range(60):
        _guess(world, f"guess {guess}")
    return not _guess(world, PASSWORD, address=OWNER)


@attacks(
    {
        "a dictionary": (_a_dictionary, NO_THROTTLE),
        "a dictionary, by name": (
            _a_dictionary,
            _no_limits("PAIR", "PAIR_UNDER_ATTACK"),
            _no_limits("ADDRESS"),
        ),
        "one password for many names": (_one_password_for_many_names, _no_limits("ADDRESS")),
        "the addresses of one network": (_the_addresses_of_one_network, EACH_ADDRESS_ALONE),
        "many networks": (_many_networks, NO_COUNT_OF_ATTACKED_NAMES),
        "an invented proxy": (_an_invented_proxy, ANY_PROXY),
        "the owner's device": (_the_owners_device, _no_limits("KNOWN_DEVICE")),
        "a device for each guess": (_a_device_for_each_guess, NO_THROTTLE),
        "the current password": (_the_current_password, NO_THROTTLE_OF_CHANGES),
        "to lock the owner out": (_to_lock_the_owner_out, ALL_ADDRESSES_ALIKE),
    }
)
def test_guessing_is_slower_than_any_dictionary_is_long(
    outcome: Outcome, attack: Attack, removed: tuple[Weakening, ...], succeeds: bool
) -> None:
    assert outcome(attack, removed) is succeeds
