"""A lock that is given to those who wait in the order in which they came."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class FairLock:
    """For SQLite's writers. Its own waiting is a race in which some lose for seconds.

    It orders the writers of one process. Those of other processes still race, but there are only as
    many of them as there are workers.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Event] = deque()

    @contextmanager
    def turn(self, patience: float) -> Iterator[None]:
        """Wait for one's turn.

        Raises:
            TimeoutError: it did not come within ``patience`` seconds.
        """
        self._acquire(patience)
        try:
            yield
        finally:
            self._release()

    def _acquire(self, patience: float) -> None:
        with self._guard:
            if not self._held:
                self._held = True
                return
            my_turn = threading.Event()
            self._waiting.append(my_turn)
        if my_turn.wait(patience):
            return
        with self._guard:
            if my_turn.is_set():
                # It came in the last moment, and belongs to this thread now.
                return
            self._waiting.remove(my_turn)
        raise TimeoutError

    def _release(self) -> None:
        with self._guard:
            if self._waiting:
                # Handed over: the lock stays held, so nobody who comes now can be faster.
                self._waiting.popleft().set()
            else:
                self._held = False
