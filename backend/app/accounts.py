"""The users' table: find, add and disable."""

import time
from dataclasses import dataclass

from sqlalchemy import update

from .database import Database
from .families import EndReason, end_families
from .models import Family, User

MAX_NAME_CHARS = 255


class NameTakenError(Exception):
    """A user of this name exists."""


@dataclass(frozen=True)
class Account:
    name: str
    password_hash: str
    disabled: bool
    created_at: int


class Accounts:
    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, name: str) -> Account | None:
        if not is_valid_name(name):
            return None
        with self._database.read() as db:
            user = db.get(User, name)
            if user is None:
                return None
            return Account(user.name, user.password_hash, user.disabled, user.created_at)

    def add(self, name: str, password_hash: str) -> None:
        """Raises NameTakenError if there is such a user, and changes nothing then."""
        with self._database.write() as db:
            if db.get(User, name) is not None:
                raise NameTakenError(name)
            db.add(User(name=name, password_hash=password_hash, created_at=int(time.time())))

    def disable(self, name: str) -> bool:
        """Shut a user out and end all of their sessions at once; False if there is none."""
        with self._database.write() as db:
            found = db.scalar(
                update(User).where(User.name == name).values(disabled=True).returning(User.name)
            )
            if found is None:
                return False
            end_families(db, EndReason.DISABLED, int(time.time()), Family.user_name == name)
            return True


def is_valid_name(name: str) -> bool:
    """Printable, so that it can be logged and shown, and of a length that the table holds."""
    return 0 < len(name) <= MAX_NAME_CHARS and name.isprintable()
