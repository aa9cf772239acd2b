"""``python -m app.users``: add and disable users.

A password is never an argument, because every user of the machine can list a process's arguments.
It comes from the variable AUTH_USER_PASSWORD, else from a prompt, else from standard input.
"""

import argparse
import getpass
import os
import sys
from contextlib import closing

from sqlalchemy.exc import SQLAlchemyError

from .core.clock import system_clock
from .core.config import ConfigError, load_settings
from .core.database import Database
from .core.passwords import Passwords
from .services.accounts import Accounts, NameTakenError, is_valid_name

PASSWORD_VARIABLE = "AUTH_USER_PASSWORD"  # noqa: S105 - a name


def main() -> int:
    arguments = _arguments()
    try:
        settings = load_settings()
        os.umask(0o077)
        with closing(Database(settings.url)) as database:
            database.create_schema()
            accounts = Accounts(database, system_clock)
            if arguments.command == "disable":
                return _disable(accounts, arguments.name)
            return _add(accounts, Passwords(settings), arguments.name, arguments.if_missing)
    except (ConfigError, ValueError) as error:
        return _fail(f"{error}".rstrip("."))
    except (SQLAlchemyError, OSError) as error:
        return _fail(f"The database cannot be used ({type(error).__name__})")


def _add(accounts: Accounts, passwords: Passwords, name: str, if_missing: bool) -> int:
    if not is_valid_name(name):
        return _fail("The name must have 1 to 255 printable characters")
    exists = f"There is a user {name} already"
    if accounts.find(name) is not None:
        # Checked before the prompt, because no password is needed then.
        return _done(exists) if if_missing else _fail(exists)
    password_hash = passwords.hash(_password())
    try:
        accounts.add(name, password_hash)
    except NameTakenError:
        # Another process added the user meanwhile.
        return _done(exists) if if_missing else _fail(exists)
    return _done(f"Added user {name}")


def _disable(accounts: Accounts, name: str) -> int:
    if not accounts.disable(name):
        return _fail(f"There is no user {name}")
    return _done(f"Disabled user {name} and ended all of their sessions")


def _password() -> str:
    given = os.environ.get(PASSWORD_VARIABLE)
    if given is not None:
        return given
    if sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if password != getpass.getpass("Again: "):
            raise ValueError("The passwords differ")
        return password
    # UTF-8 as browsers send it, whatever the locale is. Only the line ending is removed.
    line = sys.stdin.buffer.readline().decode("utf-8")
    return line.removesuffix("\n").removesuffix("\r")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m app.users",
        description="Manage users.",
        epilog=f"The password is read from {PASSWORD_VARIABLE}, a prompt or standard input.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="add a user")
    add.add_argument("name")
    add.add_argument("--if-missing", action="store_true", help="succeed if the user exists")
    disable = commands.add_parser("disable", help="shut a user out and end all sessions")
    disable.add_argument("name")
    return parser.parse_args()


def _done(sentence: str) -> int:
    print(f"{sentence}.")
    return 0


def _fail(sentence: str) -> int:
    print(f"error: {sentence}.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
