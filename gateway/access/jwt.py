"""Who a JWT proves (RFC 7519), by one issuer's secret, public key or JWK set.

The algorithm is pinned to the kind of key (RFC 8725, sections 3.1 and 3.2): HS256 is checked with the secret alone,
RS256 and ES256 with public keys alone, and nothing else is accepted, `none` least of all.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import jwt
from jwt.utils import base64url_decode

from gateway.access.claims import MALFORMED, audiences_of, granted, one_object, seconds, user_id_of
from gateway.access.jwks import KeySet, PublicKey
from gateway.errors import InsufficientScope, Unauthorized, Unavailable

MAX_LENGTH = 16 * 1024
# How far, in seconds, the issuer's clock may be from ours; it counts for `exp`, `nbf` and `iat`.
LEEWAY = 10.0
# The audience that stands for the URL of the MCP server that is called.
SERVER = "server"
_CACHED = 1024
_JWS = jwt.PyJWS()

# True of an account's issuer as well, whether there is such a one or not: who proves nothing must not learn that.
_UNCONFIGURED = "Token is not signed by an issuer that is known here, and neither a secret nor a JWK set is configured"
_UNAVAILABLE = "The keys of the token's issuer cannot be fetched just now"


class NotSigned(Unauthorized):
    """Nothing in the token is proved: not even that it is of the issuer whom it names."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified JWT says. `claims` is the whole payload, read-only."""

    user_id: str
    claims: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whose tokens count, for which account, and what they must say. What is empty is not asked for.

    `algorithms` has those whose key is there: HS256 with `secret`; RS256 and ES256 with `key_set`; one of these two
    with `public_key`. `resources` is what the URLs of all MCP servers begin with.
    """

    account_id: str
    algorithms: tuple[str, ...]
    issuer: str = ""
    audience: str = ""
    scopes: tuple[str, ...] = ()
    resources: str = ""
    secret: bytes = field(default=b"", repr=False)
    public_key: PublicKey | None = None
    key_set: KeySet | None = None


@dataclass(frozen=True, slots=True)
class _Verified:
    claims: Claims
    # Seconds since the epoch, leeway included.
    until: float
    # Of the key set it was verified with; None where that was another key.
    version: int | None
    # The MCP servers that it is for, by URL, and no other door; None: every door.
    servers: frozenset[str] | None


class JwtVerifier:
    """Verifies one issuer's JWTs. `clock` is the time since the epoch, in seconds."""

    def __init__(self, trust: Trust, *, clock: Callable[[], float] = time.time) -> None:
        self.trust = trust
        self._clock = clock
        # By the SHA-256 of the token: a signature costs 40 to 100 us, and a token is shown many times.
        self._cache: OrderedDict[bytes, _Verified] = OrderedDict()

    @property
    def configured(self) -> bool:
        """Whether any JWT can be accepted."""
        return bool(self.trust.algorithms)

    async def verify(self, token: str, resource: str | None = None) -> Claims:
        """Whom the token proves, at the MCP server of this URL, or (None) at any other door.

        Raises NotSigned or another Unauthorized, with a sentence that says what is wrong, InsufficientScope, and
        Unavailable where the issuer's keys are not known and cannot be fetched.
        """
        if not self.configured:
            raise NotSigned(_UNCONFIGURED)
        if len(token) > MAX_LENGTH:
            raise NotSigned(f"Token is longer than {MAX_LENGTH} characters")
        if not token.isascii():
            raise NotSigned(MALFORMED)
        digest = hashlib.sha256(token.encode("ascii")).digest()
        verified = self._cache.get(digest)
        if verified is None or not await self._still_counts(verified):
            self._cache.pop(digest, None)
            verified = await self._verify(token)
        self._cache[digest] = verified
        self._cache.move_to_end(digest)
        if len(self._cache) > _CACHED:
            self._cache.popitem(last=False)
        if verified.servers is not None and resource not in verified.servers:
            if resource is None:
                raise Unauthorized("Token opens the MCP server that its aud names, and nothing else here")
            raise Unauthorized("Token's aud must name this MCP server by its URL")
        self._check_scopes(verified.claims.claims)
        return verified.claims

    async def _still_counts(self, known: _Verified) -> bool:
        if self._clock() >= known.until:
            return False
        if known.version is None or self.trust.key_set is None:
            return True
        # A key that its issuer has withdrawn must not live on in this cache.
        await self.trust.key_set.refresh()
        return known.version == self.trust.key_set.version

    async def _verify(self, token: str) -> _Verified:
        try:
            header = jwt.get_unverified_header(token)
            one_object(base64url_decode(token.partition(".")[0]))
        except (jwt.PyJWTError, RecursionError, Unauthorized):
            raise NotSigned(MALFORMED) from None
        algorithm = header.get("alg")
        if algorithm not in self.trust.algorithms:
            raise NotSigned(f"Token must be signed with {' or '.join(self.trust.algorithms)}")
        key, version = await self._key(algorithm, header.get("kid"))
        try:
            payload = _JWS.decode(token, key, algorithms=[algorithm])
        except jwt.InvalidSignatureError:
            raise NotSigned("Token signature is wrong") from None
        except (jwt.PyJWTError, RecursionError):
            raise NotSigned(MALFORMED) from None
        claims = one_object(payload)
        until = self._check_times(claims)
        servers = self._check_issuer_and_audience(claims)
        return _Verified(Claims(user_id_of(claims), MappingProxyType(claims)), until, version, servers)

    async def _key(self, algorithm: str, kid: str | None) -> tuple[PublicKey | bytes, int | None]:
        """What the signature is checked with, and the version of the key set that it is of."""
        if algorithm == "HS256":
            return self.trust.secret, None
        key_set = self.trust.key_set
        if key_set is None:
            assert self.trust.public_key is not None
            return self.trust.public_key, None
        key = await key_set.find(algorithm, kid)
        if key is not None:
            return key, key_set.version
        if not key_set.available:
            # Not 401, upon which a client would throw its token away: nothing is known to be wrong with it.
            raise Unavailable(_UNAVAILABLE)
        raise NotSigned("Token is signed with an unknown key")

    def _check_times(self, claims: dict[str, Any]) -> float:
        """When it ends: RFC 7519, sections 4.1.4 (`exp`, which we require), 4.1.5 (`nbf`) and 4.1.6 (`iat`)."""
        if "exp" not in claims:
            raise Unauthorized("Token has no exp claim, which is required")
        until = seconds(claims, "exp") + LEEWAY
        if self._clock() >= until:
            raise Unauthorized("Token expired")
        for name in ("nbf", "iat"):
            # Who signs for the future may have signed for later than anybody is to be let in.
            if name in claims and self._clock() < seconds(claims, name) - LEEWAY:
                raise Unauthorized("Token is not valid yet")
        return until

    def _check_issuer_and_audience(self, claims: dict[str, Any]) -> frozenset[str] | None:
        """The MCP servers that the token is bound to (RFC 8707, section 2); None: it is bound to none."""
        trust = self.trust
        if trust.issuer and claims.get("iss") != trust.issuer:
            raise Unauthorized("Token has no iss claim, or that of another issuer")
        audiences = audiences_of(claims)
        if trust.audience and trust.audience != SERVER:
            if trust.audience not in audiences:
                raise Unauthorized("Token has no aud claim, or one for somebody else")
            return None
        # Spelt otherwise it is no server's URL, and not for every door either.
        begins = trust.resources.lower()
        servers = frozenset(audience for audience in audiences if begins and audience.lower().startswith(begins))
        return servers if servers or trust.audience else None

    def _check_scopes(self, claims: Mapping[str, Any]) -> None:
        if self.trust.scopes and not granted(claims).issuperset(self.trust.scopes):
            raise InsufficientScope(self.trust.scopes)
