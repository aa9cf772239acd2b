"""The table of users: find, add, change the password, disable."""

from dataclasses import dataclass

from sqlalchemy import exists, select, update

from ..core.clock import Clock
from ..core.database import Database
from ..core.errors import ChangedMeanwhileError
from ..core.events import Event, record
from ..models import Family, User
from .families import EndReason, end_families
from .sessions import SignedIn

MAX_NAME_CHARS = 255


class NameTakenError(Exception):
    """A user with this name exists already."""


@dataclass(frozen=True)
class Account:
    name: str
    password_hash: str
    disabled: bool
    created_at: int


class Accounts:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def find(self, name: str) -> Account | None:
        if not is_valid_name(name):
            return None
        with self._database.read() as db:
            user = db.get(User, name)
            if user is None:
                return None
            return Account(user.name, user.password_hash, user.disabled, user.created_at)

    def find_or_similar(self, name: str) -> tuple[Account | None, str | None]:
        """The account, and the hash of an account with a similar name, whoever exists.

        The work for an unknown name is that for this hash. So the time to refuse it does not tell
        it from existing names, although some of these have hashes with old parameters.
        """
        valid = name if is_valid_name(name) else ""
        hashes = select(User.password_hash).order_by(User.name).limit(1)
        with self._database.read() as db:
            following, first = db.scalar(hashes.where(User.name > valid)), db.scalar(hashes)
        # Both are asked for each time, because one question less would tell that a name follows.
        return self.find(name), following or first

    def renew_hash(self, account: Account, new_hash: str) -> None:
        """Store a new hash of the same password, unless the password was changed meanwhile."""
        with self._database.write() as db:
            db.execute(
                update(User)
                .where(User.name == account.name, User.password_hash == account.password_hash)
                .values(password_hash=new_hash)
            )

    def add(self, name: str, password_hash: str) -> None:
        """Add a user. Raises NameTakenError, and changes nothing, if the name is taken."""
        with self._database.write() as db:
            if db.get(User, name) is not None:
                raise NameTakenError(name)
            db.add(User(name=name, password_hash=password_hash, created_at=self._clock()))

    def change_password(self, user: SignedIn, verified_hash: str, new_hash: str) -> None:
        """Store the new password and end all of the user's sessions at once, this one included.

        Of several concurrent changes, the update's condition lets only one win.

        Raises:
            ChangedMeanwhileError: nothing was changed, because the session has ended (disabling the
                user ends it), or the stored hash is no longer ``verified_hash``. Verifying a
                password takes long enough for both.
        """
        with self._database.write() as db:
            changed = db.scalar(
                update(User)
                .where(
                    User.name == user.name,
                    User.password_hash == verified_hash,
                    exists().where(Family.sid == user.sid, Family.ended_at.is_(None)),
                )
                .values(password_hash=new_hash)
                .returning(User.name)
            )
            if changed is None:
                raise ChangedMeanwhileError
            # Must follow the update. The update waits for a login with the old password that is
            # about to begin a session; a later login finds the new hash (ASVS 7.4.3).
            end_families(
                db, EndReason.PASSWORD_CHANGED, self._clock(), Family.user_name == user.name
            )
        record(Event.PASSWORD_CHANGED, sid=user.sid, account=user.name)

    def disable(self, name: str) -> bool:
        """Disable a user and end all of their sessions at once; False if the user is unknown."""
        with self._database.write() as db:
            found = db.scalar(
                update(User).where(User.name == name).values(disabled=True).returning(User.name)
            )
            if found is None:
                return False
            end_families(db, EndReason.DISABLED, self._clock(), Family.user_name == name)
            return True


def is_valid_name(name: str) -> bool:
    """Whether a name is printable, for logs and pages, and fits into the table's column."""
    return 0 < len(name) <= MAX_NAME_CHARS and name.isprintable()
