"""Accounts: API keys of one's own, and, for the operator, whole accounts."""

from typing import Any

from gateway.access.caller import ME, Caller
from gateway.access.keys import SCOPES
from gateway.access.trail import record
from gateway.disconnecting import remove_account
from gateway.gate import Gate


async def list_keys(*, gate: Gate, caller: Caller, limit: int, offset: int) -> dict[str, Any]:
    found = await gate.keys.list(caller.account_id)
    shown = found[offset : offset + limit]
    return {
        "keys": shown,
        "count": len(found),
        "total": len(found),
        "limit": limit,
        "offset": offset,
        "hasMore": offset + len(shown) < len(found),
    }


async def create_key(*, gate: Gate, caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
    named = body.get("userId", ME)
    user_id = caller.user_id if named == ME else named
    scopes = sorted(body.get("scopes", SCOPES))
    name = body.get("name")
    new = await gate.keys.create(
        caller.account_id,
        user_id,
        scopes,
        name=name,
        expires_at=body.get("expiresAt"),
        also=lambda connection, made: record(connection, caller, "key.create", subject=made),
    )
    optional = {"name": name, "expiresAt": new.expires_at}
    return {
        "keyId": new.key_id,
        "key": new.key,
        "userId": user_id,
        "scopes": scopes,
        **{field: value for field, value in optional.items() if value is not None},
    }


async def revoke_key(*, gate: Gate, caller: Caller, key_id: str) -> dict[str, Any]:
    await gate.keys.revoke(
        caller.account_id,
        key_id,
        also=lambda connection, gone: record(connection, caller, "key.revoke", subject=gone),
        keep_manager=True,
    )
    return {"message": "API key revoked", "keyId": key_id}


async def list_jwt_issuers(*, gate: Gate, caller: Caller, account_id: str, limit: int, offset: int) -> dict[str, Any]:
    issuers, total = await gate.issuers.page(caller, account_id, limit, offset)
    return {
        "issuers": issuers,
        "count": total,
        "total": total,
        "limit": limit,
        "offset": offset,
        "hasMore": offset + len(issuers) < total,
    }


async def create_jwt_issuer(*, gate: Gate, caller: Caller, account_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return await gate.issuers.create(caller, account_id, body)


async def delete_jwt_issuer(*, gate: Gate, caller: Caller, account_id: str, issuer_id: str) -> dict[str, Any]:
    await gate.issuers.delete(caller, account_id, issuer_id)
    return {"message": "JWT issuer deleted", "issuerId": issuer_id}


async def list_accounts(*, gate: Gate, caller: Caller, limit: int, offset: int) -> dict[str, Any]:
    accounts, total = await gate.accounts.page(caller, limit, offset)
    return {
        "accounts": accounts,
        "count": total,
        "total": total,
        "limit": limit,
        "offset": offset,
        "hasMore": offset + len(accounts) < total,
    }


async def create_account(*, gate: Gate, caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
    new = await gate.accounts.create(caller, body["name"])
    return {**new.account, "userId": new.user_id, "keyId": new.key.key_id, "key": new.key.key}


async def update_account(*, gate: Gate, caller: Caller, account_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return await gate.accounts.update(caller, account_id, body)


async def delete_account(*, gate: Gate, caller: Caller, account_id: str) -> dict[str, Any]:
    await remove_account(gate, caller, account_id)
    return {"message": "Account deleted", "accountId": account_id}
