"""The server's only clock. A test passes its own one to skip weeks."""

import time
from collections.abc import Callable

# Whole seconds since 1970 (UTC).
Clock = Callable[[], int]


def system_clock() -> int:
    return int(time.time())
