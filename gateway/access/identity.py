"""Who calls: an API key or a JWT as Bearer, `x-alloy-user-token`, `x-alloy-userid`.

Token URLs are the business of gateway/protocol/doors.py.

The rules stand in docs/authentication.md. Whoever is not proved is Unauthorized; whoever is proved and claims to be
somebody else is Forbidden.
"""

from collections.abc import Mapping
from functools import lru_cache

from gateway.access.caller import ME, Caller, header_value
from gateway.access.keys import ApiKey, ApiKeys
from gateway.access.proofs import Proof, Proofs
from gateway.access.users import Users
from gateway.errors import Forbidden, Unauthorized

AUTHORIZATION = b"authorization"
USER_ID = b"x-alloy-userid"
USER_TOKEN = b"x-alloy-user-token"

Headers = Mapping[bytes, bytes]


def text_of(headers: Headers, name: bytes) -> str | None:
    """A header's value, without surrounding blanks; None where it is absent or empty. UTF-8, else Latin-1."""
    value = headers.get(name)
    if not value or not (value := value.strip(b" \t")):
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


class Identity:
    """Proves who calls by the headers of a request."""

    def __init__(self, keys: ApiKeys, proofs: Proofs, users: Users) -> None:
        self._keys = keys
        self._proofs = proofs
        self.users = users

    async def bearer(self, headers: Headers, resource: str | None = None) -> Caller:
        """The caller of an operation that is secured by `bearerAuth`; `resource` is the MCP server's URL, if it is one.

        Raises Unauthorized (missing, wrong, expired, a JWT for another server), Forbidden (disabled, or proved but
        asking to be another user, or without the scopes that are needed) or Unavailable (an issuer's keys).
        """
        presented = text_of(headers, AUTHORIZATION)
        user_token = text_of(headers, USER_TOKEN)
        named = text_of(headers, USER_ID)
        if presented is None:
            if user_token is None:
                raise Unauthorized(presented=False)
            return await self._by_jwt(user_token, named, resource)
        scheme, _, credential = presented.partition(" ")
        credential = credential.strip(" ")
        if scheme.lower() != "bearer" or not credential:
            raise Unauthorized("The Authorization header must be `Bearer` and an API key or JWT")
        if "." not in credential:
            return await self._by_key(credential, user_token, named, resource)
        caller = await self._by_jwt(credential, named, resource)
        same = Proof(caller.account_id, caller.user_id)
        if user_token is not None and await self.proved_user(user_token, resource) != same:
            raise Forbidden("x-alloy-user-token proves another user than the Authorization header")
        return caller

    async def refuse_disabled(self, caller: Caller) -> None:
        """Raise Forbidden where who counts, or who proved themselves, is disabled. `bearer` has asked already."""
        await self.users.refuse_disabled(caller.account_id, caller.user_id)
        if caller.principal_id != caller.user_id:
            await self.users.refuse_disabled(caller.account_id, caller.principal_id)

    async def proved_user(self, token: str, resource: str | None = None) -> Proof:
        """The user whom a JWT proves at this MCP server, or at any other door; made if this is the first time.

        Raises Unauthorized, Forbidden (disabled, scopes), Unavailable.
        """
        proof = await self._proofs.prove(token, resource)
        if proof.user_id == ME:
            raise Unauthorized(f"The user id {ME!r} is reserved")
        await self.users.ensure(proof.account_id, proof.user_id)
        await self.users.refuse_disabled(proof.account_id, proof.user_id)
        return proof

    async def _by_jwt(self, token: str, named: str | None, resource: str | None) -> Caller:
        account_id, user_id = await self.proved_user(token, resource)
        if named not in (None, ME, user_id):
            raise Forbidden("x-alloy-userid names another user than the JWT proves")
        return Caller(
            account_id=account_id,
            user_id=user_id,
            principal_id=user_id,
            door="jwt",
            rate_key=f"jwt:{account_id}:{user_id}",
            header=header_value(user_id),
        )

    async def _by_key(self, key: str, user_token: str | None, named: str | None, resource: str | None) -> Caller:
        found = await self._keys.find(key)
        if found is None:
            raise Unauthorized
        if found.refusal is not None:
            raise Forbidden(found.refusal)
        self._keys.used(found)
        user_id, known = found.user_id, True
        if user_token is not None:
            account_id, user_id = await self.proved_user(user_token, resource)
            if found.account_id != account_id:
                raise Unauthorized
            if named not in (None, ME, user_id):
                raise Forbidden("x-alloy-userid names another user than x-alloy-user-token proves")
        elif named is not None and named not in (ME, user_id):
            known = await self.users.exists(found.account_id, named)
            await self.users.refuse_disabled(found.account_id, named)
            user_id = named if known else user_id
        return _holder(found, user_id, known)


@lru_cache(maxsize=4096)
def _holder(key: ApiKey, user_id: str, known: bool) -> Caller:
    """The same for each request with one key, so that it is made once."""
    return Caller(
        account_id=key.account_id,
        user_id=user_id,
        principal_id=key.user_id,
        door="api_key",
        key_id=key.key_id,
        scopes=key.scopes,
        rate_key=f"key:{key.key_id}",
        known=known,
        header=header_value(user_id),
    )
