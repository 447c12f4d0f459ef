"""Who a JWT proves (RFC 7519): signed with the configured secret, or with a key of the configured JWK set.

The algorithm is pinned to the kind of key (RFC 8725, sections 3.1 and 3.2): HS256 is checked with the secret alone,
RS256 and ES256 with public keys alone, and nothing else is accepted, `none` least of all.
"""

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import jwt
import orjson
from jwt.algorithms import HMACAlgorithm

from gateway.access.jwks import KeySet, PublicKey
from gateway.access.users import is_user_id
from gateway.errors import Unauthorized
from gateway.settings import Settings, SettingsError

MAX_LENGTH = 16 * 1024
# How far, in seconds, the issuer's clock may be from ours; it counts for `exp` and `nbf`.
LEEWAY = 10.0
_CACHED = 1024
_JWS = jwt.PyJWS()

_MALFORMED = "Token is not a well-formed JWT"
_UNCONFIGURED = "JWTs are not accepted here: neither a secret nor a JWK set is configured"
_UNAVAILABLE = "The keys of the token's issuer cannot be fetched just now"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified JWT says. `claims` is the whole payload, read-only."""

    user_id: str
    claims: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Verified:
    claims: Claims
    # Seconds since the epoch, leeway included.
    until: float
    # Of the key set it was verified with; None where that was the secret.
    version: int | None


class JwtVerifier:
    """Verifies JWTs as the settings say. `fetch` gets the body of a URL; `clock` is the time since the epoch and
    `monotonic` a clock that only goes forward, both in seconds.

    Raises SettingsError for a secret that looks like a public key: it would be known to everybody.
    """

    def __init__(
        self,
        settings: Settings,
        fetch: Callable[[str], Awaitable[bytes]],
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        available: tuple[str, ...] = ()
        if settings.jwt_secret:
            available += ("HS256",)
            try:
                HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(settings.jwt_secret)
            except jwt.InvalidKeyError:
                raise SettingsError("TOOLGATE_JWT_SECRET must not be a public key or certificate.") from None
        if settings.jwt_jwks_url:
            available += ("RS256", "ES256")
        self._algorithms = tuple(name for name in available if name in (settings.jwt_algorithms or available))
        self._secret = settings.jwt_secret.encode()
        self._key_set = KeySet(settings.jwt_jwks_url, fetch, monotonic)
        self._issuer = settings.jwt_issuer
        self._audience = settings.jwt_audience
        self._clock = clock
        # By the SHA-256 of the token: a signature costs 40 to 100 us, and a token is shown many times.
        self._cache: OrderedDict[bytes, _Verified] = OrderedDict()

    @property
    def configured(self) -> bool:
        """Whether any JWT can be accepted."""
        return bool(self._algorithms)

    async def verify(self, token: str) -> Claims:
        """Whom the token proves. Raises Unauthorized, and nothing else, with a sentence that says what is wrong."""
        if not self._algorithms:
            raise Unauthorized(_UNCONFIGURED)
        if len(token) > MAX_LENGTH:
            raise Unauthorized(f"Token is longer than {MAX_LENGTH} characters")
        if not token.isascii():
            raise Unauthorized(_MALFORMED)
        digest = hashlib.sha256(token.encode("ascii")).digest()
        known = self._cache.get(digest)
        if known is not None and await self._still_counts(known):
            self._cache[digest] = known
            self._cache.move_to_end(digest)
            return known.claims
        self._cache.pop(digest, None)
        verified = await self._verify(token)
        self._cache[digest] = verified
        if len(self._cache) > _CACHED:
            self._cache.popitem(last=False)
        return verified.claims

    async def _still_counts(self, known: _Verified) -> bool:
        if self._clock() >= known.until:
            return False
        if known.version is None:
            return True
        # A key that its issuer has withdrawn must not live on in this cache.
        await self._key_set.refresh()
        return known.version == self._key_set.version

    async def _verify(self, token: str) -> _Verified:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise Unauthorized(_MALFORMED) from None
        algorithm = header.get("alg")
        if algorithm not in self._algorithms:
            raise Unauthorized(f"Token must be signed with {' or '.join(self._algorithms)}")
        key: PublicKey | bytes = self._secret
        version = None
        if algorithm != "HS256":
            key = await self._public_key(algorithm, header.get("kid"))
            version = self._key_set.version
        try:
            payload = _JWS.decode(token, key, algorithms=[algorithm])
        except jwt.InvalidSignatureError:
            raise Unauthorized("Token signature is wrong") from None
        except jwt.PyJWTError:
            raise Unauthorized(_MALFORMED) from None
        claims = _object(payload)
        until = self._check_times(claims)
        self._check_issuer_and_audience(claims)
        return _Verified(Claims(_user_id(claims), MappingProxyType(claims)), until, version)

    async def _public_key(self, algorithm: str, kid: str | None) -> PublicKey:
        key = await self._key_set.find(algorithm, kid)
        if key is not None:
            return key
        raise Unauthorized("Token is signed with an unknown key" if self._key_set.available else _UNAVAILABLE)

    def _check_times(self, claims: dict[str, Any]) -> float:
        """When it ends: RFC 7519, sections 4.1.4 (`exp`, which we require) and 4.1.5 (`nbf`)."""
        if "exp" not in claims:
            raise Unauthorized("Token has no exp claim, which is required")
        until = _seconds(claims, "exp") + LEEWAY
        if self._clock() >= until:
            raise Unauthorized("Token expired")
        if "nbf" in claims and self._clock() < _seconds(claims, "nbf") - LEEWAY:
            raise Unauthorized("Token is not valid yet")
        return until

    def _check_issuer_and_audience(self, claims: dict[str, Any]) -> None:
        if self._issuer and claims.get("iss") != self._issuer:
            raise Unauthorized("Token has no iss claim, or that of another issuer")
        if self._audience:
            audience = claims.get("aud")
            if audience != self._audience and not (isinstance(audience, list) and self._audience in audience):
                raise Unauthorized("Token has no aud claim, or one for somebody else")


def _object(payload: bytes) -> dict[str, Any]:
    try:
        claims = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise Unauthorized(_MALFORMED) from None
    if not isinstance(claims, dict):
        raise Unauthorized(_MALFORMED)
    return claims


def _seconds(claims: dict[str, Any], name: str) -> float:
    value = claims[name]
    # bool is an int to Python, not to JSON.
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise Unauthorized(f"Token's {name} claim must be a number of seconds")
    return float(value)


def _user_id(claims: dict[str, Any]) -> str:
    # A userId that cannot be used is not passed over for `sub`, which may name somebody else.
    value = claims["userId"] if "userId" in claims else claims.get("sub")
    if not isinstance(value, str) or not is_user_id(value):
        raise Unauthorized(
            "Token must name its user in userId, or else sub: 1 to 10000 characters without NUL, and not `me`"
        )
    return value
