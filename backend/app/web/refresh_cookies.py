"""The refresh cookie of each session, and the check that a request comes from the own page.

The name's prefix makes browsers accept the cookie only from this very host, over TLS, for all paths
(RFC 6265bis section 4.1.3.2). It has the session's name, so that the sessions of one browser never
overwrite each other's.
"""

from typing import Literal, TypedDict
from urllib.parse import urlsplit

from fastapi import Request, Response

from ..core.errors import CrossSiteError
from ..core.events import Event, record
from ..core.security import is_sid


class _Attributes(TypedDict):
    path: str
    secure: bool
    httponly: bool
    samesite: Literal["strict"]


PREFIX = "__Host-rt-"
ATTRIBUTES: _Attributes = {
    "path": "/",
    "secure": True,
    "httponly": True,
    "samesite": "strict",
}
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def read_cookie(request: Request, sid: str) -> str | None:
    return request.cookies.get(PREFIX + sid)


def read_all_cookies(request: Request) -> dict[str, str]:
    """The refresh cookies that the request carries, by session."""
    return {
        name.removeprefix(PREFIX): value
        for name, value in request.cookies.items()
        if name.startswith(PREFIX) and is_sid(name.removeprefix(PREFIX))
    }


def set_cookie(response: Response, sid: str, token: str, seconds: int) -> None:
    response.set_cookie(PREFIX + sid, token, max_age=seconds, **ATTRIBUTES)


def delete_cookie(response: Response, sid: str) -> None:
    """Delete a session's cookie. A text that is no session's name names no cookie either."""
    if is_sid(sid):
        # A browser ignores a deletion that lacks what the prefix demands.
        response.delete_cookie(PREFIX + sid, **ATTRIBUTES)


def require_own_page(request: Request) -> None:
    """Refuse a request that a page of another origin may have caused.

    A form cannot send the header, and a script of another origin needs a preflight for it, which
    fails. Sec-Fetch-Site says it again, in words that no script can forge. Browsers that lack it
    send Origin with each POST.

    Raises:
        CrossSiteError: the request is not from a page of this origin.
    """
    site = request.headers.get("sec-fetch-site")
    own = site == "same-origin" if site is not None else _has_own_origin(request)
    if not own or not request.headers.get("x-requested-with"):
        record(Event.CROSS_SITE_REFUSED)
        raise CrossSiteError


def _has_own_origin(request: Request) -> bool:
    try:
        origin = urlsplit(request.headers.get("origin", ""))
    except ValueError:
        return False
    # The scheme is not compared with the request's, because a proxy may have ended TLS.
    secure = origin.scheme == "https" or (origin.scheme == "http" and origin.hostname in LOOPBACK)
    return secure and origin.netloc == request.headers.get("host")
