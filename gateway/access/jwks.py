"""The JWK set of a JWT issuer (RFC 7517): fetched when needed, kept through outages, never larger than it should be."""

import asyncio
import logging
import re
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric import ec, rsa

Fetch = Callable[[str], Awaitable[bytes]]
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

# All in seconds.
FRESH = 600.0
KEPT = 24 * 3600.0
BETWEEN_SEARCHES = 30.0
AFTER_FAILURE = 5.0
FETCH_TIMEOUT = 10.0

MAX_BYTES = 256 * 1024
MAX_KEYS = 100

_BASE64URL = re.compile(r"[A-Za-z0-9_-]{1,2048}\Z")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Keys:
    """The usable keys of one set: RSA for RS256, P-256 for ES256, by (algorithm, kid) and by algorithm."""

    by_id: dict[tuple[str, str], PublicKey] = field(default_factory=dict)
    by_algorithm: dict[str, list[PublicKey]] = field(default_factory=dict)

    def pick(self, algorithm: str, kid: str | None) -> PublicKey | None:
        """The key that a token names; a token that names none means the only one that there is."""
        if kid is not None:
            return self.by_id.get((algorithm, kid))
        candidates = self.by_algorithm.get(algorithm, [])
        return candidates[0] if len(candidates) == 1 else None


def _bytes(jwk: dict[str, Any], name: str) -> bytes:
    value = jwk.get(name)
    if not isinstance(value, str) or not _BASE64URL.match(value):
        raise ValueError(f"{name} is not base64url")
    return urlsafe_b64decode(value + "=" * (-len(value) % 4))


def algorithm_of(key: Any) -> str | None:
    """The one algorithm that is checked with this public key; None where we use it with none."""
    if isinstance(key, rsa.RSAPublicKey):
        exponent = key.public_numbers().e
        # Shorter is weak (RFC 7518, section 3.3); longer makes each check as slow as the issuer likes.
        return "RS256" if 2048 <= key.key_size <= 8192 and exponent.bit_length() <= 32 else None
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return "ES256"
    return None


def _public_key(jwk: dict[str, Any]) -> tuple[str, PublicKey]:
    """The algorithm and the key of one JWK (RFC 7518, section 6). ValueError for any that we do not verify with."""
    if jwk.get("kty") == "RSA":
        modulus = int.from_bytes(_bytes(jwk, "n"), "big")
        exponent = int.from_bytes(_bytes(jwk, "e"), "big")
        # Shorter is weak (RFC 7518, section 3.3); longer makes each check as slow as the issuer likes.
        if not 2048 <= modulus.bit_length() <= 8192 or exponent.bit_length() > 32:
            raise ValueError("an RSA key of this size is not used")
        return "RS256", rsa.RSAPublicNumbers(exponent, modulus).public_key()
    if jwk.get("kty") == "EC" and jwk.get("crv") == "P-256":
        x, y = _bytes(jwk, "x"), _bytes(jwk, "y")
        if len(x) != 32 or len(y) != 32:
            raise ValueError("a P-256 coordinate has 32 bytes")
        point = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1())
        return "ES256", point.public_key()
    # Above all "oct": a secret that is published is none.
    raise ValueError("a key of this type is not used")


def parse(body: bytes) -> Keys:
    """The usable keys of a JWK set; others are passed over. Raises ValueError where it is no JWK set, or too large."""
    if len(body) > MAX_BYTES:
        raise ValueError(f"the JWK set is larger than {MAX_BYTES} bytes")
    document = orjson.loads(body)
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise ValueError(f"a JWK set is an object with `keys`, a list of at most {MAX_KEYS}")
    keys = Keys()
    for jwk in listed:
        if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig" or "verify" not in _operations(jwk):
            continue
        try:
            algorithm, key = _public_key(jwk)
        except ValueError:
            continue
        if jwk.get("alg", algorithm) != algorithm:
            continue
        keys.by_algorithm.setdefault(algorithm, []).append(key)
        if isinstance(kid := jwk.get("kid"), str):
            keys.by_id.setdefault((algorithm, kid), key)
    return keys


def _operations(jwk: dict[str, Any]) -> list[Any]:
    operations = jwk.get("key_ops", ["verify"])
    return operations if isinstance(operations, list) else []


class KeySet:
    """The set at `url`, which `fetch` gets. It is fresh for 10 minutes; then one request waits for the next, and the
    others go on with what there is. While it cannot be fetched the last good set stands, for 24 hours at most.
    `clock` is monotonic, in seconds; `whose` names the set in the log.
    """

    def __init__(
        self, url: str, fetch: Fetch, clock: Callable[[], float], whose: str = "TOOLGATE_JWT_JWKS_URL"
    ) -> None:
        self._url = url
        self._whose = whose
        self._fetch = fetch
        self._clock = clock
        self._lock = asyncio.Lock()
        self._keys: Keys | None = None
        self._loaded_at = float("-inf")
        self._due_at = float("-inf")
        self._searched_at = float("-inf")
        self._attempts = 0
        # Raised whenever the keys change: what was verified under another number has to be verified again.
        self.version = 0

    @property
    def available(self) -> bool:
        """Whether there is a set at all, fresh or kept."""
        return self._keys is not None

    async def refresh(self) -> None:
        """Fetch the set if it is due. Raises nothing: what cannot be fetched leaves the last good set."""
        now = self._clock()
        if now < self._due_at or (self._lock.locked() and now - self._loaded_at <= KEPT):
            return
        await self._load()

    async def find(self, algorithm: str, kid: str | None) -> PublicKey | None:
        """The key for `RS256` or `ES256` of this id. An id that is not known has the set fetched again, at most once
        in 30 seconds: a new key counts soon, and invented ids cannot make us flood the issuer.
        """
        await self.refresh()
        key = self._pick(algorithm, kid)
        if key is not None:
            return key
        if self._lock.locked():
            await self._load()
        elif self._keys is not None and self._clock() - self._searched_at >= BETWEEN_SEARCHES:
            self._searched_at = self._clock()
            await self._load()
        return self._pick(algorithm, kid)

    def _pick(self, algorithm: str, kid: str | None) -> PublicKey | None:
        return self._keys.pick(algorithm, kid) if self._keys is not None else None

    async def _load(self) -> None:
        """Fetch the set, or wait for the fetch that is under way: one at a time."""
        attempts = self._attempts
        async with self._lock:
            if attempts != self._attempts:
                return
            try:
                async with asyncio.timeout(FETCH_TIMEOUT):
                    body = await self._fetch(self._url)
                self._replace(parse(body))
                self._loaded_at = self._clock()
                self._due_at = self._loaded_at + FRESH
            except Exception as error:  # noqa: BLE001 - whatever it fails with, the last good set has to stand
                # Neither may break a line of the log: one is an issuer's name, the other may quote what it answered.
                _log.warning(
                    "The JWK set of %.200r cannot be fetched: %s: %.300r",
                    self._whose,
                    type(error).__name__,
                    str(error),
                )
                self._due_at = self._clock() + AFTER_FAILURE
                if self._clock() - self._loaded_at > KEPT:
                    self._replace(None)
            self._attempts += 1

    def _replace(self, keys: Keys | None) -> None:
        if keys != self._keys:
            self._keys = keys
            self.version += 1
