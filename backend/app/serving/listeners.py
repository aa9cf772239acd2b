"""The sockets that the server listens on."""

import errno
import os
import socket

PORT_ATTEMPTS = 20


class BindError(Exception):
    """The server cannot listen on the wanted address. The text is one sentence."""


def bind(host: str, port: int) -> list[socket.socket]:
    """Listen on every address of the host, because browsers use either address of localhost.

    Raises:
        BindError: if an address is taken, or none can be used.
    """
    for _ in range(PORT_ATTEMPTS):
        try:
            return _bind_all(host, port)
        except UnicodeError:
            raise BindError(f"{host!r} is not the name of a host.") from None
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise BindError(f"Cannot listen on {host}: {cause(error)}.") from None
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
        except UnicodeError:
            raise BindError(f"{host!r} is not the name of a host.") from None
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


def cause(error: Exception) -> str:
    """The first line of the error below, without a full stop."""
    original = getattr(error, "orig", None) or error
    text = getattr(original, "strerror", None) or str(original)
    return text.strip().splitlines()[0].rstrip(".") if text.strip() else type(original).__name__
