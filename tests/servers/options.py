"""The options of each application, and the user that it knows."""

import argparse
import dataclasses

USERNAME = "demo"
PASSWORD = "correct horse"
SECRET = "a secret of the tests, of 32 bytes and more"
NEW_SECRET = "another secret of the tests, of 32 bytes and more"


@dataclasses.dataclass(frozen=True)
class Options:
    port: int
    allow_origin: str
    access_seconds: int
    # Whether the refresh token goes into a cookie that no script can read.
    cookies: bool


def read() -> Options:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--allow-origin", required=True)
    parser.add_argument("--access-seconds", type=int, default=300)
    parser.add_argument("--cookies", action="store_true")
    given = parser.parse_args()
    return Options(given.port, given.allow_origin, given.access_seconds, given.cookies)
