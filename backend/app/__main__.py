"""``python -m app``: run the server."""

import argparse
import os
import signal
import socket
import sys
from contextlib import ExitStack

import uvicorn
from sqlalchemy.exc import SQLAlchemyError
from uvicorn.supervisors import Multiprocess

from .core.clock import system_clock
from .core.config import ConfigError, Settings, load_settings
from .core.logs import configure_logging
from .factory import build_services
from .serving.listeners import BindError, bind, cause
from .web.reach import is_reachable_as_set

# The application as the workers import it.
APPLICATION = "app.serving.worker:app"
# When the server stops, it cancels the requests that still run after this time.
STOP_SECONDS = 2
# Longer than a user's usual pause, because browsers repeat a POST whose kept-alive connection was
# reset. Fewer resets cause fewer repeats.
KEEP_ALIVE_SECONDS = 75
MAX_WORKERS = 64
# asyncio accepts as many connections in one go, before the bound on connections can close any. With
# uvicorn's 2048 a crowd takes all file descriptors, and each failure to accept writes to the log.
BACKLOG = 64


def main() -> int:
    try:
        settings = load_settings()
        arguments = _arguments(settings)
        # Only the owner may read the database and the secret file.
        os.umask(0o077)
        # Bind first: a bad address is the most frequent mistake, and then no file is created.
        sockets = bind(arguments.host, arguments.port)
        _check_reach(settings, sockets)
    except (ConfigError, BindError) as error:
        return _fail(str(error))
    with ExitStack() as stack:
        for listener in sockets:
            stack.enter_context(listener)
        try:
            # Each worker opens the database for itself. Opening it here first brings its tables up
            # to date, so that a worker can start without it, and turns an error into one sentence.
            build_services(settings, system_clock).database.close()
        except ConfigError as error:
            return _fail(str(error))
        except (SQLAlchemyError, OSError) as error:
            return _fail(f"The database cannot be opened: {cause(error)}.")
        _serve(arguments.host, sockets, arguments.workers)
    return 0


def _check_reach(settings: Settings, sockets: list[socket.socket]) -> None:
    if is_reachable_as_set(settings, [listener.getsockname()[0] for listener in sockets]):
        return
    for listener in sockets:
        listener.close()
    raise BindError(
        "In development only this machine may reach the server: set AUTH_ENVIRONMENT=production, "
        "or AUTH_DEVELOPMENT_ANYWHERE=true."
    )


def _serve(host: str, sockets: list[socket.socket], workers: int) -> None:
    configure_logging()
    name_in_url = f"[{host}]" if ":" in host else host
    print(f"Listening on http://{name_in_url}:{sockets[0].getsockname()[1]}", flush=True)
    config = uvicorn.Config(
        APPLICATION,
        workers=workers,
        http="app.serving.protocol:BoundedProtocol",
        ws="none",
        # The application writes its own access log, without the query.
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        # Only a deployment behind a proxy needs forwarded addresses.
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    if workers > 1:
        Multiprocess(config, sockets).run()
        return
    for name in (signal.SIGINT, signal.SIGTERM):
        # uvicorn raises the signal again after it has stopped. A requested stop is a success.
        signal.signal(name, lambda *_: sys.exit(0))
    uvicorn.Server(config).run(sockets)


def _arguments(settings: Settings) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m app", description="Run the server.")
    parser.add_argument("--host", default=settings.host, help="default: %(default)s")
    parser.add_argument(
        "--port", type=int, default=settings.port, help="default: %(default)s; 0: any free one"
    )
    parser.add_argument(
        "--workers", type=int, default=1, help="processes that answer requests; default: 1"
    )
    arguments = parser.parse_args()
    if not 0 <= arguments.port <= 65535:
        parser.error("--port must be between 0 and 65535")
    if not 1 <= arguments.workers <= MAX_WORKERS:
        parser.error(f"--workers must be between 1 and {MAX_WORKERS}")
    return arguments


def _fail(sentence: str) -> int:
    print(f"error: {sentence}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
