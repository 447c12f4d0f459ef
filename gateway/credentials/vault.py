"""Seals what must not be read from the database: AES-256-GCM (NIST SP 800-38D), bound to the row it stands in."""

import secrets
from collections.abc import Callable, Iterable
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection

from gateway.errors import InternalError
from gateway.secrets import KeyRing
from storage import vault

_NONCE_BYTES = 12
_TAG_BYTES = 16


class VaultError(InternalError):
    """Something sealed does not open. The caller learns no more than that; the log, what may be the reason."""

    def __init__(
        self, internal: str, *, what: str = "What is stored here", details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(f"{what} cannot be opened; store it again", details=details, internal=internal)


class Vault:
    """Seals and opens with the keys of a ring. Sealed bytes are a random 96-bit nonce, the ciphertext and the tag.

    Which of them seals, the store says (`storage.vault`), so that all processes agree; where it says nothing, the
    first. A name that is not in the ring is looked for by `again`, which reads the secrets file anew: a rotation in
    another process may have put it there. Keys that were known stay known.
    """

    __slots__ = ("_again", "_first", "_keys", "_sealing")

    def __init__(
        self,
        ring: KeyRing,
        *,
        again: Callable[[], KeyRing | None] = lambda: None,
        sealing: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._first = ring.current
        self._keys = _ciphers(ring)
        self._again = again
        self._sealing = sealing

    def seal(
        self, plaintext: bytes, associated: Iterable[str], connection: Connection | None = None
    ) -> tuple[bytes, str]:
        """The sealed bytes and the name of the key. They open with the same `associated` only: the account, the user
        and whatever else says which row this is.

        In a write job, give its connection: then no rotation can come between the choice of the key and the row.
        Raises VaultError where the key that is to seal is not in the secrets file.
        """
        name = self._sealing() if connection is None else vault.key_name(connection)
        name = self._first if name is None else name
        key = self._key(name)
        if key is None:
            raise VaultError(f"The key {name!r}, which is to seal, is not in the secrets file")
        # Random nonces are safe for 2**32 messages under one key (SP 800-38D, section 8.3).
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + key.encrypt(nonce, plaintext, _framed(associated)), name

    def open(self, sealed: bytes, key_name: str, associated: Iterable[str]) -> bytes:
        """The plaintext. Raises VaultError for an unknown or wrong key, tampered bytes, or the bytes of another row."""
        key = self._key(key_name)
        if key is None:
            raise VaultError(f"The key {key_name!r}, by which this was sealed, is not in the secrets file")
        if len(sealed) < _NONCE_BYTES + _TAG_BYTES:
            raise VaultError("What was sealed has been cut off")
        try:
            return key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _framed(associated))
        except InvalidTag:
            raise VaultError("What was sealed has been changed, or belongs to another row or another key") from None

    def knows(self, key_name: str) -> bool:
        """Whether there is a key of this name."""
        return self._key(key_name) is not None

    def _key(self, name: str) -> AESGCM | None:
        if name not in self._keys and (ring := self._again()) is not None:
            # A new dictionary: other threads may be reading this one.
            self._keys = {**self._keys, **_ciphers(ring)}
        return self._keys.get(name)


def _ciphers(ring: KeyRing) -> dict[str, AESGCM]:
    return {name: AESGCM(key) for name in ring.names if (key := ring.get(name)) is not None}


def _framed(parts: Iterable[str]) -> bytes:
    # Each part carries its length, so that no two lists make the same bytes.
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
