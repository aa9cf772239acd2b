"""``python -m app``: run the server."""

import argparse
import errno
import logging
import os
import signal
import socket
import sys
from contextlib import ExitStack

import uvicorn
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from .config import ConfigError, Settings, load_settings
from .main import create_app

# When the server stops, it cancels the requests that still run after this time.
STOP_SECONDS = 2
# Longer than a user's usual pause, because browsers repeat a POST whose kept-alive connection was
# reset. Fewer resets cause fewer repeats.
KEEP_ALIVE_SECONDS = 75
PORT_ATTEMPTS = 20


class BindError(Exception):
    """The server cannot listen on the wanted address. The text is one sentence."""


def main() -> int:
    try:
        settings = load_settings()
        arguments = _arguments(settings)
        # Only the owner may read the database and the secret file.
        os.umask(0o077)
        # Bind first: a bad address is the most frequent mistake, and then no file is created.
        sockets = bind(arguments.host, arguments.port)
    except (ConfigError, BindError) as error:
        return _fail(str(error))
    with ExitStack() as stack:
        for listener in sockets:
            stack.enter_context(listener)
        try:
            app = create_app(settings)
        except ConfigError as error:
            return _fail(str(error))
        except (SQLAlchemyError, OSError) as error:
            return _fail(f"The database cannot be opened: {_cause(error)}.")
        _serve(app, arguments.host, sockets)
    return 0


def _serve(app: FastAPI, host: str, sockets: list[socket.socket]) -> None:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    for name in (signal.SIGINT, signal.SIGTERM):
        # uvicorn raises the signal again after it has stopped. A requested stop is a success.
        signal.signal(name, lambda *_: sys.exit(0))
    name_in_url = f"[{host}]" if ":" in host else host
    print(f"Listening on http://{name_in_url}:{sockets[0].getsockname()[1]}", flush=True)
    config = uvicorn.Config(
        app,
        # The application writes its own access log, without the query.
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        # Only a deployment behind a proxy needs forwarded addresses.
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    uvicorn.Server(config).run(sockets)


def bind(host: str, port: int) -> list[socket.socket]:
    """Listen on every address of the host, because browsers use either address of localhost.

    Raises:
        BindError: if an address is taken, or none can be used.
    """
    for _ in range(PORT_ATTEMPTS):
        try:
            return _bind_all(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise BindError(f"Cannot listen on {host}: {_cause(error)}.") from None
            if port != 0:
                raise BindError(
                    f"Port {port} is already in use; stop the other program "
                    "or choose another port with --port."
                ) from None
        # Port 0: the port chosen for the first address was taken on the second. Try again.
    raise BindError("No free port was found.")


def _bind_all(host: str, port: int) -> list[socket.socket]:
    addresses = dict.fromkeys(
        (family, address[0])
        for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    )
    if host == "localhost":
        # Some hosts files have only one of the two.
        addresses |= {(socket.AF_INET, "127.0.0.1"): None, (socket.AF_INET6, "::1"): None}
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    for family, address in sorted(addresses):
        try:
            listener = _listen(family, str(address), port)
        except OSError as error:
            if error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                # The other address is enough, for example on a machine without IPv6.
                missing = error
                continue
            for other in sockets:
                other.close()
            raise
        sockets.append(listener)
        port = listener.getsockname()[1]
    if not sockets:
        raise missing or OSError(errno.EADDRNOTAVAIL, "no address")
    return sockets


def _listen(family: int, address: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # On Windows this option would let two programs share the port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        # Listen before the event loop runs: only a successful listen shows that the port is free.
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def _arguments(settings: Settings) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m app", description="Run the server.")
    parser.add_argument("--host", default=settings.host, help="default: %(default)s")
    parser.add_argument(
        "--port", type=int, default=settings.port, help="default: %(default)s; 0: any free one"
    )
    arguments = parser.parse_args()
    if not 0 <= arguments.port <= 65535:
        parser.error("--port must be between 0 and 65535")
    return arguments


def _cause(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    text = getattr(original, "strerror", None) or str(original)
    return text.strip().splitlines()[0].rstrip(".") if text.strip() else type(original).__name__


def _fail(sentence: str) -> int:
    print(f"error: {sentence}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
