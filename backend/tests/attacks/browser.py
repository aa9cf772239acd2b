"""A browser, as far as it matters to CSRF: cookies by SameSite, the headers it sets, preflights."""

from dataclasses import dataclass, field
from enum import Enum
from http.cookies import SimpleCookie

import httpx2

from ..support import World

# What a page may send to another origin without a preflight (the Fetch standard).
SIMPLE_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")


class Page(Enum):
    """Who causes the request: the value of Sec-Fetch-Site, and of Origin."""

    OWN = ("same-origin", "https://testserver")
    SIBLING = ("same-site", "https://sibling.testserver")
    FOREIGN = ("cross-site", "https://evil.example")


@dataclass
class Browser:
    """The user's browser, with the cookies of the server."""

    world: World
    # Older browsers do not send it.
    sends_fetch_metadata: bool = True
    cookies: SimpleCookie = field(default_factory=SimpleCookie)

    def form(self, page: Page, path: str, content: str, media_type: str) -> httpx2.Response:
        """A form of the page, which may open the answer in a new tab. It sets no header."""
        assert media_type in SIMPLE_TYPES
        return self._send(page, path, content, {"Content-Type": media_type})

    def script(
        self, page: Page, path: str, content: str, headers: dict[str, str]
    ) -> httpx2.Response | None:
        """fetch() with credentials; None if the preflight refused it."""
        if page is not Page.OWN and not self._is_granted(page, path, headers):
            return None
        return self._send(page, path, content, headers)

    def _is_granted(self, page: Page, path: str, headers: dict[str, str]) -> bool:
        names = ",".join(sorted(name.lower() for name in headers))
        answer = self.world.client.options(
            path,
            headers={
                "Origin": page.value[1],
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": names,
            },
        )
        return answer.status_code == 200

    def _send(
        self, page: Page, path: str, content: str, headers: dict[str, str]
    ) -> httpx2.Response:
        site, origin = page.value
        own = {"Origin": origin, "Cookie": self._cookies_for(page)}
        if self.sends_fetch_metadata:
            own["Sec-Fetch-Site"] = site
        sent = headers | {name: value for name, value in own.items() if value}
        # The client's own jar knows no SameSite.
        self.world.client.cookies.clear()
        answer = self.world.client.post(path, content=content, headers=sent)
        self.world.client.cookies.clear()
        for header in answer.headers.get_list("set-cookie"):
            self.cookies.load(header)
        return answer

    def _cookies_for(self, page: Page) -> str:
        return "; ".join(
            f"{name}={cookie.value}"
            for name, cookie in self.cookies.items()
            if page is not Page.FOREIGN or cookie["samesite"].lower() == "none"
        )
