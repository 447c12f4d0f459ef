"""Where a list goes on, as text that says nothing to whoever carries it: numbers of rows tell how busy others are.

A cursor is AES-256-GCM (NIST SP 800-38D) over JSON, its key derived from the installation's token key by HKDF-SHA256
(RFC 5869) with a label of its own. It opens for what it was sealed for, the list of one account, at any later time.
"""

import binascii
import secrets
from base64 import b64decode, urlsafe_b64encode
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import InvalidRequest

_NONCE_BYTES = 12
_LABEL = b"toolgate list cursor v1"


class Cursors:
    """Seals and opens cursors. `key` is the installation's token key."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=_LABEL).derive(key))

    def seal(self, place: Any, bound: str) -> str:
        """The JSON value `place` as text: `A-Z a-z 0-9 _ -`, and `=` at the end."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, orjson.dumps(place), bound.encode())).decode()

    def open(self, cursor: str, bound: str) -> Any:
        """The place. Raises InvalidRequest for what was not sealed here for this; takes any text whatever."""
        try:
            sealed = b64decode(cursor.encode(), altchars=b"-_", validate=True)
            return orjson.loads(self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound.encode()))
        except (InvalidTag, binascii.Error, ValueError):
            raise InvalidRequest.of("cursor", "value", "cursor must be a nextCursor that was given out here") from None
