"""Slows down those who guess passwords, without ever locking the owner out.

Only failures count, and an attempt is refused because of failures of its own address only, never
because of a stranger's:

- An address may fail 30 times at once, whatever the names, then once every 10 s.
- With one name an address may fail 10 times, then once every 30 s. When the name has failed 50
  times lately from all addresses, it is under attack, and another address may fail only 3 times,
  then once every 5 minutes. So the owner's first attempts from a new place are always heard.
- A device that has signed in before (name, address and User-Agent) has a count of its own. So an
  owner who shares an address with a guesser goes on signing in with the own browser.

Names that nobody has are counted alike, so that a refusal does not tell which names exist.
"""

import ipaddress
from dataclasses import dataclass

from ..core.clock import Clock
from ..core.database import Database
from ..core.errors import TooManyAttemptsError
from ..core.events import Event, record
from . import counters
from .counters import Limit, key

ADDRESS = Limit(30, 10)
NAME = Limit(50, 30)
PAIR = Limit(10, 30)
PAIR_UNDER_ATTACK = Limit(3, 300)
KNOWN_DEVICE = Limit(20, 15)
SESSION = Limit(10, 30)
REMEMBER_DEVICE_SECONDS = 90 * 86_400


@dataclass(frozen=True)
class Attempt:
    """One try of a password: who, from where, with what."""

    name: str
    address: str
    device: str


class Throttle:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def check_login(self, attempt: Attempt) -> None:
        """Refuse an attempt before any work is done for it.

        Raises:
            TooManyAttemptsError: with the time after which it would be heard.
        """
        keys = _Keys(attempt)
        now = self._clock()
        with self._database.read() as db:
            found = counters.read(db, (*keys.own, keys.name, keys.known))
        if keys.known in found and found[keys.known] > now:
            limits = {keys.device: KNOWN_DEVICE}
        else:
            attacked = NAME.wait(found.get(keys.name, now), now) > 0
            limits = {keys.address: ADDRESS, keys.pair: PAIR_UNDER_ATTACK if attacked else PAIR}
        self._refuse_if_late(limits, found, now)

    def count_failed_login(self, attempt: Attempt) -> None:
        keys = _Keys(attempt)
        now = self._clock()
        with self._database.write() as db:
            attacked = NAME.wait(counters.read(db, [keys.name]).get(keys.name, now), now) > 0
            counters.add(db, keys.name, NAME, now)
            counters.add(db, keys.address, ADDRESS, now)
            counters.add(db, keys.pair, PAIR_UNDER_ATTACK if attacked else PAIR, now)
            counters.add(db, keys.device, KNOWN_DEVICE, now)

    def remember_device(self, attempt: Attempt) -> None:
        with self._database.write() as db:
            counters.mark(db, _Keys(attempt).known, self._clock() + REMEMBER_DEVICE_SECONDS)

    def check_password(self, sid: str, address: str) -> None:
        """The same for the current password of a signed-in user.

        A stranger with a stolen access token guesses in that session. The owner's other sessions
        are not slowed down.
        """
        limits = {key("password", sid): SESSION, key("address", network(address)): ADDRESS}
        now = self._clock()
        with self._database.read() as db:
            found = counters.read(db, limits)
        self._refuse_if_late(limits, found, now)

    def count_failed_password(self, sid: str, address: str) -> None:
        now = self._clock()
        with self._database.write() as db:
            counters.add(db, key("password", sid), SESSION, now)
            counters.add(db, key("address", network(address)), ADDRESS, now)

    def _refuse_if_late(
        self, limits: dict[bytes, Limit], found: dict[bytes, int], now: int
    ) -> None:
        wait = max(limit.wait(found.get(counted, now), now) for counted, limit in limits.items())
        if wait > 0:
            record(Event.THROTTLED)
            raise TooManyAttemptsError(wait)


class _Keys:
    """The counters of an attempt."""

    def __init__(self, attempt: Attempt) -> None:
        address = network(attempt.address)
        self.name = key("name", attempt.name)
        self.address = key("address", address)
        self.pair = key("pair", attempt.name, address)
        self.device = key("device", attempt.name, address, attempt.device)
        self.known = key("known", attempt.name, address, attempt.device)
        self.own = (self.address, self.pair, self.device)


def network(address: str) -> str:
    """Where an address counts: IPv6 by its network, of which one customer has 2^64 addresses."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
