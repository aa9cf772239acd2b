"""The user's own account: profile and password."""

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from ..core.errors import WrongPasswordError
from ..core.events import Event, record
from ..dependencies import (
    ClientAddress,
    CurrentUser,
    UseAccounts,
    UseGone,
    UsePasswords,
    UseThrottle,
)
from ..schemas import PasswordBody, UserAnswer, utc
from ..web.responses import answers

router = APIRouter(tags=["account"])


@router.get("/users/me", responses=answers(401))
async def read_user(user: CurrentUser) -> UserAnswer:
    return UserAnswer(username=user.name, created_at=utc(user.created_at))


@router.post("/password", status_code=204, responses=answers(401, 409, 422, 429))
async def change_password(
    accounts: UseAccounts,
    passwords: UsePasswords,
    throttle: UseThrottle,
    user: CurrentUser,
    address: ClientAddress,
    gone: UseGone,
    body: PasswordBody,
) -> None:
    """Change the password and end all of the user's sessions, this one too."""
    await run_in_threadpool(throttle.check_password, user.sid, address)
    account = await run_in_threadpool(accounts.find, user.name)
    assert account is not None  # noqa: S101 - a signed-in user exists, and users are never deleted
    stored_hash = account.password_hash
    new_hash = await passwords.replace(body.current_password, body.new_password, stored_hash, gone)
    if new_hash is None:
        await run_in_threadpool(throttle.count_failed_password, user.sid, address)
        record(Event.PASSWORD_CHANGE_FAILED, sid=user.sid, account=user.name)
        raise WrongPasswordError
    await run_in_threadpool(accounts.change_password, user, stored_hash, new_hash)
