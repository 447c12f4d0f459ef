"""The key that seals audit rows: derived from the installation's token key by HKDF-SHA256 (RFC 5869), a label its own.

Whoever has it can check seals, and make them; nothing else of the installation follows from it.
"""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_LABEL = b"toolgate audit trail v1"


def audit_key(token_key: bytes) -> bytes:
    """32 bytes. `token_key` is the installation's, 32 random bytes."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_LABEL).derive(token_key)
