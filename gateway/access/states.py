"""What a client carries for us between the rounds of one request (MCP 2026-07-28, `requestState`), sealed.

A state is AES-256-GCM (NIST SP 800-38D) over JSON, its key derived from the installation's token key by HKDF-SHA256
(RFC 5869) with a label of its own. It opens only for what it was sealed for (the associated data) and until it expires:
whoever sends it may have changed it, or have it from somebody else.
"""

import binascii
import secrets
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

LIFETIME = 600
_NONCE_BYTES = 12
_TAG_BYTES = 16
_LABEL = b"toolgate request state v1"
# Of the state as text. What is sealed here is far smaller.
_LONGEST = 256 * 1024


class BadState(Exception):
    """The state was not sealed here for this, has been changed, or has expired."""


class States:
    """Seals and opens states. `key` is the installation's token key; `clock` gives seconds since 1970."""

    __slots__ = ("_cipher", "_clock")

    def __init__(self, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._cipher = AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=_LABEL).derive(key))
        self._clock = clock

    def seal(self, value: Any, bound: Iterable[str]) -> str:
        """The JSON value as text that opens with the same `bound` only, for ten minutes."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        plain = orjson.dumps({"until": int(self._clock()) + LIFETIME, "value": value})
        return urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, plain, _framed(bound))).decode()

    def open(self, state: str, bound: Iterable[str]) -> Any:
        """The value. Raises BadState; takes any text whatever."""
        if len(state) > _LONGEST:
            raise BadState
        try:
            sealed = b64decode(state.encode(), altchars=b"-_", validate=True)
            if len(sealed) < _NONCE_BYTES + _TAG_BYTES:
                raise BadState
            found = orjson.loads(self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _framed(bound)))
        except (InvalidTag, binascii.Error, ValueError):
            raise BadState from None
        if found["until"] < self._clock():
            raise BadState
        return found["value"]


def _framed(parts: Iterable[str]) -> bytes:
    # Each part carries its length, so that no two lists make the same bytes.
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
