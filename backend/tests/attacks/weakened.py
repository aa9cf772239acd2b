"""Runs an attack against the server, and against the server without the defences that refuse it.

An attack says whether it succeeded. It names each defence that alone refuses it, as a *weakening*:
a function that takes this defence out of the server. Without all of them the attack must succeed,
because otherwise its test could not fail. With any one of them left it must not.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from ..support import World

Attack = Callable[[World], bool]
Weakening = Callable[[pytest.MonkeyPatch], None]
# Takes the weakenings, and says whether the attack succeeded.
Outcome = Callable[[Attack, tuple[Weakening, ...]], bool]
# An attack and its weakenings.
Case = tuple[Attack, *tuple[Weakening, ...]]


def attacks(cases: Mapping[str, Case]) -> pytest.MarkDecorator:
    """Parametrizes a test with all attacks of a family: ``attack``, ``removed``, ``succeeds``."""
    return pytest.mark.parametrize(("attack", "removed", "succeeds"), list(_runs(cases)))


def replace(target: Any, name: str, value: object) -> Weakening:
    """The weakening that puts another value in the place of a function or a constant."""
    return lambda monkeypatch: monkeypatch.setattr(target, name, value)


def _runs(cases: Mapping[str, Case]) -> Iterator[Any]:
    for name, (attack, *weakenings) in cases.items():
        yield pytest.param(attack, tuple(weakenings), True, id=f"{name}-weakened")
        if len(weakenings) > 1:
            yield pytest.param(attack, (), False, id=f"{name}-as it is")
        for number in range(len(weakenings)):
            # With one weakening this is the server as it is.
            others = (*weakenings[:number], *weakenings[number + 1 :])
            left = f"only defence {number + 1}" if others else "as it is"
            yield pytest.param(attack, others, False, id=f"{name}-{left}")
