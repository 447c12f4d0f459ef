"""Seals what must not be read from the database: AES-256-GCM (NIST SP 800-38D), bound to the row it stands in."""

import secrets
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import InternalError
from gateway.secrets import KeyRing

_NONCE_BYTES = 12
_TAG_BYTES = 16


class VaultError(InternalError):
    """Something sealed does not open. The caller learns no more than that; the log, what may be the reason."""

    def __init__(self, internal: str) -> None:
        super().__init__("What is stored here cannot be opened; store it again", internal=internal)


class Vault:
    """Seals and opens with the keys of a ring. Sealed bytes are a random 96-bit nonce, the ciphertext and the tag."""

    __slots__ = ("_current", "_keys")

    def __init__(self, ring: KeyRing) -> None:
        self._current = ring.current
        self._keys = {name: AESGCM(key) for name in ring.names if (key := ring.get(name)) is not None}

    def seal(self, plaintext: bytes, associated: Iterable[str]) -> tuple[bytes, str]:
        """The sealed bytes and the name of the key. They open with the same `associated` only: the account, the user
        and whatever else says which row this is.
        """
        # Random nonces are safe for 2**32 messages under one key (SP 800-38D, section 8.3).
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._keys[self._current].encrypt(nonce, plaintext, _framed(associated)), self._current

    def open(self, sealed: bytes, key_name: str, associated: Iterable[str]) -> bytes:
        """The plaintext. Raises VaultError for an unknown or wrong key, tampered bytes, or the bytes of another row."""
        key = self._keys.get(key_name)
        if key is None:
            raise VaultError(f"The key {key_name!r}, by which this was sealed, is not in the secrets file")
        if len(sealed) < _NONCE_BYTES + _TAG_BYTES:
            raise VaultError("What was sealed has been cut off")
        try:
            return key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _framed(associated))
        except InvalidTag:
            raise VaultError("What was sealed has been changed, or belongs to another row or another key") from None


def _framed(parts: Iterable[str]) -> bytes:
    # Each part carries its length, so that no two lists make the same bytes.
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
