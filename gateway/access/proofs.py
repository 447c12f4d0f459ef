"""Which issuer a JWT is of, and therefore which account: the settings' issuer, or one that an account owns."""

import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import jwt
from jwt.algorithms import HMACAlgorithm

from gateway.access.caller import DEFAULT_ACCOUNT
from gateway.access.claims import unverified_issuer
from gateway.access.jwks import Fetch, KeySet
from gateway.access.jwt import MAX_LENGTH, JwtVerifier, NotSigned, Trust
from gateway.errors import Forbidden, Unauthorized
from gateway.settings import Settings, SettingsError


class Owned(NamedTuple):
    """An account's issuer. The same verifier as long as nothing about the issuer has changed."""

    verifier: JwtVerifier
    # Whether the account is.
    disabled: bool


# An account's issuer by its `iss`; None where no account has one of this name.
Find = Callable[[str], Awaitable[Owned | None]]


class Proof(NamedTuple):
    """Whom a JWT proves."""

    account_id: str
    user_id: str


def looks_public(secret: str) -> bool:
    """Whether what is meant as a secret is a public key or certificate, which everybody may know."""
    try:
        HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(secret)
    except jwt.InvalidKeyError:
        return True
    return False


def of_settings(
    settings: Settings,
    fetch: Fetch,
    *,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
) -> JwtVerifier:
    """The verifier of the default account's issuer. `fetch` gets the body of a URL; `monotonic` only goes forward.

    Raises SettingsError for a secret that looks like a public key: it would be known to everybody.
    """
    available: tuple[str, ...] = ()
    if settings.jwt_secret:
        available += ("HS256",)
        if looks_public(settings.jwt_secret):
            raise SettingsError("TOOLGATE_JWT_SECRET must not be a public key or certificate.")
    if settings.jwt_jwks_url:
        available += ("RS256", "ES256")
    trust = Trust(
        account_id=DEFAULT_ACCOUNT,
        algorithms=tuple(name for name in available if name in (settings.jwt_algorithms or available)),
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        scopes=settings.jwt_scopes,
        resources=resources(settings.public_url),
        secret=settings.jwt_secret.encode(),
        key_set=KeySet(settings.jwt_jwks_url, fetch, monotonic) if settings.jwt_jwks_url else None,
    )
    return JwtVerifier(trust, clock=clock)


def resources(public_url: str) -> str:
    """What the URL of every MCP server begins with."""
    return f"{public_url}/mcp/"


class Proofs:
    """Proves users by JWTs of any account. `own` is the settings' issuer, `find` knows those of accounts."""

    def __init__(self, own: JwtVerifier, find: Find) -> None:
        self.own = own
        self._find = find

    async def prove(self, token: str, resource: str | None) -> Proof:
        """Whom the token proves; `resource` as JwtVerifier.verify has it.

        Raises what that does, and Forbidden where the account is disabled.
        """
        # Read before anything is proved, only to choose the keys. Whatever it claims, those have to fit.
        issuer = unverified_issuer(token) if len(token) <= MAX_LENGTH and token.isascii() else None
        owned = None
        if issuer is not None and issuer != self.own.trust.issuer:
            owned = await self._find(issuer)
        if owned is None or issuer is None:
            return Proof(self.own.trust.account_id, (await self.own.verify(token, resource)).user_id)
        try:
            claims = await owned.verifier.verify(token, resource)
        except NotSigned:
            # Anybody can name an issuer. Who proves nothing is answered as if no account had it, or they could ask
            # which company's issuers are here.
            await self.own.verify(token, resource)
            raise NotSigned("Token signature is wrong") from None
        # To fetch keys takes time, in which the issuer, or the account, may have been removed.
        if (now := await self._find(issuer)) is None or now.verifier is not owned.verifier:
            raise Unauthorized
        if now.disabled:
            raise Forbidden("Account is disabled")
        return Proof(owned.verifier.trust.account_id, claims.user_id)
