"""The secrets of a sign-in: in the link, in the state that the platform carries, in the browser's cookie, in a form.

A link and a state are a random nonce of 16 bytes and an HMAC-SHA256 (RFC 2104) over it and over what they are for, so
that neither opens anything else, even if the store was changed. In the store stand their hashes. The key is derived
from the installation's token key by HKDF-SHA256 (RFC 5869) with a label of its own.
"""

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_LABEL = b"toolgate oauth flow v1"
_NONCE_BYTES, _MAC_BYTES = 16, 32
_PROOF = re.compile(r"[A-Za-z0-9_-]{64}\Z")
_COOKIE = re.compile(r"[A-Za-z0-9_-]{43}\Z")


class Proofs:
    """Makes and checks them. `key` is the installation's token key, 32 random bytes."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_LABEL).derive(key)

    def issue(self, purpose: str, bound: Iterable[str]) -> str:
        """64 characters of base64url that prove `purpose` for `bound`, and nothing else."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return urlsafe_b64encode(nonce + self._mac(nonce, purpose, bound)).decode()

    def matches(self, proof: str, purpose: str, bound: Iterable[str]) -> bool:
        """Whether it was issued for this, in constant time. Takes any text whatever and never raises."""
        if not _PROOF.match(proof):
            return False
        raw = urlsafe_b64decode(proof)
        return hmac.compare_digest(raw[_NONCE_BYTES:], self._mac(raw[:_NONCE_BYTES], purpose, bound))

    def _mac(self, nonce: bytes, purpose: str, bound: Iterable[str]) -> bytes:
        # Each part carries its length, so that no two lists make the same message.
        parts = [nonce, *(part.encode("utf-8", "surrogatepass") for part in (purpose, *bound))]
        message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._key, message, "sha256")


def digest(secret: str) -> bytes:
    """What stands in the store for a secret of ours: SHA-256, for it is random, and there is nothing to guess."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def new_cookie() -> str:
    """43 characters of base64url: 32 random bytes, which name a browser."""
    return secrets.token_urlsafe(32)


def is_cookie(text: str) -> bool:
    """Whether it has the form of a cookie of ours."""
    return _COOKIE.match(text) is not None


def new_verifier() -> str:
    """A code verifier (RFC 7636, section 4.1)."""
    return secrets.token_urlsafe(32)


def challenge(verifier: str) -> str:
    """Its code challenge by S256 (RFC 7636, section 4.2)."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
