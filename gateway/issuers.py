"""JWT issuers of accounts: whose tokens prove users of which account.

The operator gives an issuer to an account: its name decides whose users its tokens prove, so that who could claim any
name could claim the users of others with it.
"""

import ipaddress
import logging
import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sqlalchemy import Connection, Row
from sqlalchemy.exc import IntegrityError

from gateway.access.caller import DEFAULT_ACCOUNT, Caller
from gateway.access.jwks import Fetch, KeySet, PublicKey, algorithm_of
from gateway.access.jwt import JwtVerifier, Trust
from gateway.access.proofs import Owned, looks_public, resources
from gateway.access.trail import record
from gateway.credentials.sealed import bound_issuer
from gateway.credentials.vault import Vault, VaultError
from gateway.errors import Conflict, Forbidden, InvalidRequest, NotFound
from gateway.moments import new_id
from gateway.outbound.messages import origin_of
from gateway.settings import Settings
from storage import identities
from storage import jwt_issuers as statements
from storage.runner import Store
from storage.times import now

_MOST_REMEMBERED = 1_000
# As the contract has it.
_LONGEST_NAME = 1_000
_KEYS = {"secret": ("HS256",), "publicKey": ("RS256", "ES256"), "jwksUrl": ("RS256", "ES256")}

log = logging.getLogger(__name__)


class SignIn(NamedTuple):
    """Where the users of an account sign in: issuers that a client can find by their URL, and what to ask them for."""

    issuers: tuple[str, ...]
    scopes: tuple[str, ...]


class Issuers:
    """Everything that is done to issuers. What was found is kept until the store's generation changes."""

    def __init__(
        self, store: Store, vault: Vault, fetch: Callable[[str], Fetch], settings: Settings, own: JwtVerifier
    ) -> None:
        self._store = store
        self._vault = vault
        self._fetch = fetch
        self._resources = resources(settings.public_url)
        self._own = own
        self._generation = -1
        self._known: dict[str, Owned | None] = {}
        self._sign_in: dict[str, SignIn] = {}
        # By the issuer's id, whose row never changes: keys that were fetched outlive a change of something else.
        self._verifiers: dict[str, JwtVerifier] = {}

    async def page(self, caller: Caller, account_id: str, limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
        """The account's issuers from `offset`, the oldest first, and how many there are in all.

        Raises Forbidden unless it is the caller's own account or the caller is the operator, and NotFound.
        """
        if account_id != caller.account_id:
            _permit(caller)
        await self._check_account(account_id)
        this = {"account_id_": account_id}
        rows = await self._store.all(statements.PAGE, {**this, "limit_": limit, "offset_": offset})
        total = await self._store.one(statements.COUNT, this)
        return [_public(row) for row in rows], total[0] if total else 0

    async def create(self, caller: Caller, account_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Give an issuer to an account. `body` is a valid `CreateJwtIssuer`.

        Raises Forbidden unless the caller is the operator, NotFound, InvalidRequest for keys that do not fit the
        algorithm, and Conflict where any account has the issuer.
        """
        _permit(caller)
        _check_keys(body)
        await self._check_account(account_id)
        row: dict[str, Any] = {
            "issuer_id": new_id(),
            "account_id": account_id,
            "issuer": body["issuer"],
            "algorithm": body["algorithm"],
            "public_key": body.get("publicKey"),
            "jwks_url": body.get("jwksUrl"),
            "sealed": None,
            "sealed_by": None,
            "audience": body.get("audience"),
            "scopes": " ".join(body.get("scopes", ())),
            "created_at": now(),
        }
        if body["issuer"] == self._own.trust.issuer:
            raise _taken()

        def job(connection: Connection) -> Row[Any]:
            if "secret" in body:
                bound = bound_issuer(SimpleNamespace(**row))
                row["sealed"], row["sealed_by"] = self._vault.seal(body["secret"].encode(), bound, connection)
            made = connection.execute(statements.INSERT, row).one()
            record(connection, caller, "jwtIssuer.create", subject=row["issuer_id"])
            return made

        try:
            return _public(await self._store.write(job))
        except IntegrityError:
            await self._check_account(account_id)
            raise _taken() from None

    async def delete(self, caller: Caller, account_id: str, issuer_id: str) -> None:
        """Take an issuer from an account: its tokens are refused from now on. Raises Forbidden, NotFound."""
        _permit(caller)
        this = {"account_id_": account_id, "issuer_id_": issuer_id}
        # Text that a database cannot hold names nothing.
        if "\0" in account_id + issuer_id:
            raise _not_found(issuer_id)

        def job(connection: Connection) -> None:
            if connection.execute(statements.DELETE, this).first() is None:
                raise _not_found(issuer_id)
            record(connection, caller, "jwtIssuer.delete", subject=issuer_id)

        await self._store.write(job)
        self._verifiers.pop(issuer_id, None)

    async def find(self, issuer: str) -> Owned | None:
        """Whoever's issuer has this name."""
        generation = self._current()
        try:
            return self._known[issuer]
        except KeyError:
            pass
        # No issuer has such a name, and whoever invents them must not fill the memory.
        if len(issuer) > _LONGEST_NAME or "\0" in issuer or not _is_text(issuer):
            return None
        row = await self._store.one(statements.FIND, {"issuer_": issuer})
        found = None if row is None else self._owned(row)
        if generation == self._generation:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[issuer] = found
        return found

    async def sign_in(self, account_id: str) -> SignIn:
        """Where the account's users can sign in; empty where no issuer of it is to be found by a URL."""
        generation = self._current()
        if (known := self._sign_in.get(account_id)) is not None:
            return known
        rows = await self._store.all(statements.OF_ACCOUNT, {"account_id_": account_id})
        asked = [(row.issuer, tuple(row.scopes.split())) for row in rows]
        if account_id == DEFAULT_ACCOUNT and self._own.configured:
            asked.insert(0, (self._own.trust.issuer, self._own.trust.scopes))
        found = [(issuer, scopes) for issuer, scopes in asked if is_sign_in_url(issuer)]
        # What one of them does not know, it would refuse to give.
        common = [scope for scope in found[0][1] if all(scope in scopes for _, scopes in found)] if found else []
        sign_in = SignIn(tuple(issuer for issuer, _ in found), tuple(common))
        if generation == self._generation:
            if len(self._sign_in) >= _MOST_REMEMBERED:
                self._sign_in.clear()
            self._sign_in[account_id] = sign_in
        return sign_in

    def _current(self) -> int:
        generation = self._store.generation()
        if generation != self._generation:
            self._known.clear()
            self._sign_in.clear()
            self._generation = generation
        return generation

    def _owned(self, row: Row[Any]) -> Owned | None:
        try:
            return Owned(self._verifier(row), row.account_disabled)
        except VaultError as error:
            # Whoever names it has proved nothing, and must not learn from this that it is here.
            log.error("JWTs of issuer %s are refused, for its secret does not open: %s", row.issuer_id, error.internal)
            return None

    def _verifier(self, row: Row[Any]) -> JwtVerifier:
        known = self._verifiers.get(row.issuer_id)
        if known is None:
            if len(self._verifiers) >= _MOST_REMEMBERED:
                self._verifiers.clear()
            known = self._verifiers[row.issuer_id] = JwtVerifier(self._trust(row))
        return known

    def _trust(self, row: Row[Any]) -> Trust:
        key_set = None
        if row.jwks_url is not None:
            key_set = KeySet(row.jwks_url, self._fetch(row.account_id), time.monotonic, row.issuer)
        return Trust(
            account_id=row.account_id,
            algorithms=(row.algorithm,),
            issuer=row.issuer,
            audience=row.audience or "",
            scopes=tuple(row.scopes.split()),
            resources=self._resources,
            secret=b"" if row.sealed is None else self._vault.open(row.sealed, row.sealed_by, bound_issuer(row)),
            public_key=None if row.public_key is None else _public_key(row.public_key, row.algorithm),
            key_set=key_set,
        )

    async def _check_account(self, account_id: str) -> None:
        known = "\0" not in account_id and _is_text(account_id)
        if not known or await self._store.one(identities.ACCOUNT, {"account_id_": account_id}) is None:
            raise NotFound("Account not found", details={"accountId": account_id[:200]})


def is_sign_in_url(issuer: str) -> bool:
    """Whether clients can find an authorization server by this issuer (RFC 8414, section 2): https, or loopback."""
    try:
        parts = urlsplit(issuer)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    # It is quoted in documents and headers, and compared as it stands.
    plain = issuer.isascii() and issuer.isprintable() and not set(issuer) & set(' "\\<>')
    if not plain or not host or parts.query or parts.fragment or "?" in issuer or "#" in issuer or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_keys(body: Mapping[str, Any]) -> None:
    given = [name for name in _KEYS if name in body]
    if len(given) != 1:
        raise InvalidRequest.of("body", "oneOf", "Exactly one of secret, publicKey and jwksUrl must be given")
    (name,) = given
    if body["algorithm"] not in _KEYS[name]:
        raise InvalidRequest.of(
            "algorithm", "enum", f"algorithm must be {' or '.join(_KEYS[name])} where {name} is given"
        )
    if name == "secret" and looks_public(body["secret"]):
        raise InvalidRequest.of("secret", "format", "secret must not be a public key or certificate")
    if name == "publicKey":
        _public_key(body["publicKey"], body["algorithm"])
    if name == "jwksUrl":
        try:
            origin_of(body["jwksUrl"])
        except InvalidRequest:
            raise InvalidRequest.of(
                "jwksUrl", "format", "jwksUrl must be an http or https URL, percent-encoded, without user or fragment"
            ) from None


def _public_key(pem: str, algorithm: str) -> PublicKey:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        # From None: what it says may quote what was given, a private key for example.
        raise InvalidRequest.of("publicKey", "format", "publicKey must be a public key in PEM form") from None
    if algorithm_of(key) != algorithm:
        kind = "of RSA, 2048 to 8192 bits" if algorithm == "RS256" else "on the curve P-256"
        raise InvalidRequest.of("publicKey", "algorithm", f"publicKey must be a key {kind}, for {algorithm}")
    assert not isinstance(key, bytes)
    return key  # type: ignore[return-value]  # algorithm_of knows no other kinds


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate: bytes that were no UTF-8
        return False
    return True


def _permit(caller: Caller) -> None:
    if caller.account_id != DEFAULT_ACCOUNT:
        raise Forbidden("Only the operator's own account may do this")


def _public(row: Row[Any]) -> dict[str, Any]:
    """The schema `JwtIssuer` of the contract; never the secret."""
    optional = {"publicKey": row.public_key, "jwksUrl": row.jwks_url, "audience": row.audience}
    return {
        "issuerId": row.issuer_id,
        "accountId": row.account_id,
        "issuer": row.issuer,
        "algorithm": row.algorithm,
        **{name: value for name, value in optional.items() if value is not None},
        "scopes": row.scopes.split(),
        "createdAt": row.created_at,
    }


def _taken() -> Conflict:
    return Conflict("issuer is taken, by this account or another", details={"field": "issuer", "rule": "unique"})


def _not_found(issuer_id: str) -> NotFound:
    return NotFound("JWT issuer not found", details={"issuerId": issuer_id[:200]})
