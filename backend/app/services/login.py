"""A login from the attempt to the session."""

from typing import NamedTuple

from starlette.concurrency import run_in_threadpool

from ..core.errors import WrongCredentialsError
from ..core.events import Event, record
from ..core.passwords import Gone, Passwords
from .accounts import Account, Accounts
from .issuing import Issued
from .sessions import Sessions
from .throttle import Attempt, Throttle


class Entered(NamedTuple):
    """A begun session, and the account as its password was verified."""

    issued: Issued
    account: Account


class Logins:
    def __init__(
        self, accounts: Accounts, passwords: Passwords, sessions: Sessions, throttle: Throttle
    ) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._sessions = sessions
        self._throttle = throttle

    async def enter(
        self,
        attempt: Attempt,
        password: str,
        *,
        device: str | None,
        in_cookie: bool,
        gone: Gone | None = None,
    ) -> Entered:
        """Begin a session, if the password is right.

        Raises:
            TooManyAttemptsError, BusyError, ClientGoneError: the password was not looked at.
            WrongCredentialsError: the same for an unknown user, a wrong password and a disabled
                user, after the same work (ASVS 6.3.8).
        """
        await run_in_threadpool(self._throttle.check_login, attempt)
        account, like = await run_in_threadpool(self._accounts.find_or_similar, attempt.name)
        # A second pass only if the stored hash was changed while the right password was checked.
        for _ in range(2):
            stored_hash = account.password_hash if account else None
            correct = await self._passwords.verify(password, stored_hash, like, gone)
            if account is None or account.disabled or not correct:
                break
            issued = await run_in_threadpool(
                self._sessions.open,
                account.name,
                account.password_hash,
                device,
                in_cookie=in_cookie,
            )
            if issued is not None:
                return Entered(issued, account)
            account = await run_in_threadpool(self._accounts.find, attempt.name)
        await run_in_threadpool(self._throttle.count_failed_login, attempt)
        record(Event.LOGIN_FAILED, account=account.name if account else None)
        raise WrongCredentialsError

    async def settle(self, attempt: Attempt, account: Account, password: str) -> None:
        """Remember the device, and replace a hash with old parameters.

        Runs after the answer, which must neither take longer nor fail for it: the session has begun
        and only the answer names it.
        """
        await run_in_threadpool(self._throttle.remember_device, attempt)
        new_hash = await self._passwords.rehash(password, account.password_hash)
        if new_hash is not None:
            await run_in_threadpool(self._accounts.renew_hash, account, new_hash)
