"""Seals a refresh token, so that only its client can open it.

A client that lost the answer to a rotation still has the predecessor. So the server stores the
successor encrypted with a key derived from the predecessor. The server keeps only a hash of the
predecessor, so neither the server alone nor a copy of its database can open the seal. In cookie
custody the session's key takes the predecessor's place.
"""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

# Separates this key from any other value derived from the same token (RFC 5869 section 3.2).
PURPOSE = b"yew-jwt-auth sealed successor 1"
NONCE_BYTES = 12


class SealError(Exception):
    """The bytes were not sealed for this predecessor and session, or were changed."""


def seal(successor: str, predecessor: str, sid: str) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    # The sid is authenticated too, so a seal that was moved to another session does not open.
    return nonce + _cipher(predecessor).encrypt(nonce, successor.encode(), sid.encode())


def unseal(sealed: bytes, predecessor: str, sid: str) -> str:
    """Open a seal. Raises SealError if the bytes, the predecessor or the sid do not match."""
    nonce, encrypted = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    try:
        return _cipher(predecessor).decrypt(nonce, encrypted, sid.encode()).decode()
    except (InvalidTag, ValueError):
        raise SealError from None


def _cipher(predecessor: str) -> AESGCM:
    # HKDF is enough, because the token has 256 random bits. A guessable one would need a slow hash.
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE)
    return AESGCM(derived.derive(predecessor.encode()))
