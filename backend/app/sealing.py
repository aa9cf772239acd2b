"""Keeps a successor for its rightful owner without keeping a usable token.

A client that lost the answer to a rotation still has the predecessor. So the successor is stored
encrypted under a key derived from the predecessor, of which the server has only a hash: neither
the server by itself nor a copy of its database can open it.
"""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

# Separates this key from anything else that might ever be derived from a token (RFC 5869 3.2).
PURPOSE = b"yew-jwt-auth sealed successor 1"
NONCE_BYTES = 12


class SealError(Exception):
    """The sealed bytes are not what was sealed for this token and session."""


def seal(successor: str, predecessor: str, sid: str) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    # The session is authenticated with it: a row moved to another session does not open.
    return nonce + _cipher(predecessor).encrypt(nonce, successor.encode(), sid.encode())


def unseal(sealed: bytes, predecessor: str, sid: str) -> str:
    """Raises SealError if anything about the three differs from what was sealed."""
    nonce, encrypted = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    try:
        return _cipher(predecessor).decrypt(nonce, encrypted, sid.encode()).decode()
    except (InvalidTag, ValueError):
        raise SealError from None


def _cipher(predecessor: str) -> AESGCM:
    # HKDF suffices, as the token has 256 random bits; a guessable one would need a slow function.
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE)
    return AESGCM(derived.derive(predecessor.encode()))
