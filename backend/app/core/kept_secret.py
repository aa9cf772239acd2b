"""The secret that a development server generates once and keeps in a file."""

import os
import secrets
import tempfile
from pathlib import Path

SECRET_BYTES = 32


class KeptSecretError(Exception):
    """The file is unusable. The text is one sentence."""


def kept_secret(path: Path) -> bytes:
    """Read the generated secret. Create it, readable by its owner only, if it is missing."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _create_once(path, secrets.token_urlsafe(SECRET_BYTES).encode())
        secret = path.read_bytes().strip()
    except OSError as error:
        raise KeptSecretError(f"The secret file {path} cannot be used: {error.strerror}.") from None
    if len(secret) < SECRET_BYTES:
        raise KeptSecretError(f"The secret file {path} is damaged; delete it to get a new one.")
    return secret


def _create_once(path: Path, content: bytes) -> None:
    """Create a file completely or not at all. Of two processes that start together, one wins."""
    # mkstemp creates the file with mode 0600 from the start.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        try:
            # A link, not a rename: a rename would replace the winner's file.
            os.link(name, path)
        except FileExistsError:
            return
    finally:
        os.unlink(name)
