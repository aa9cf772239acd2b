"""Where the log goes and what each line looks like, for every way to start the server."""

import json
import logging
import sys

from .events import logger as event_logger


class Lines(logging.Formatter):
    """An event is one JSON object with its time; anything else is a line of text."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name != event_logger.name:
            return super().format(record)
        when = self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z")
        return json.dumps({"time": when, **json.loads(record.getMessage())})


def configure_logging() -> None:
    """Log to standard error, unless the root logger has a handler already.

    uvicorn's own access log is switched off, because it has the query of each request, and a
    faulty client puts tokens there. The application writes an access log without it.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # Alembic tells at each start what it found.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # uvicorn writes to this logger if any handler would take the line.
    access = logging.getLogger("uvicorn.access")
    access.handlers.clear()
    access.propagate = False
