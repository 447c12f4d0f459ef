"""Users: create, list, get, update, delete; and their credentials, for the operator."""

from typing import Any

from gateway.access.caller import ME, Caller
from gateway.disconnecting import disconnect, revoke_all
from gateway.gate import Gate


async def create_user(*, gate: Gate, caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
    return {"userId": await gate.identity.users.create(caller, body["username"], body.get("fullName"))}


async def list_users(*, gate: Gate, caller: Caller, limit: int, offset: int) -> dict[str, Any]:
    users, total = await gate.identity.users.page(caller.account_id, limit, offset)
    return {
        "users": users,
        "count": total,
        "total": total,
        "limit": limit,
        "offset": offset,
        "hasMore": offset + len(users) < total,
    }


async def get_user(*, gate: Gate, caller: Caller, user_id: str) -> dict[str, Any]:
    return await gate.identity.users.get(caller.account_id, _named(caller, user_id))


async def update_user(*, gate: Gate, caller: Caller, user_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return await gate.identity.users.update(caller, _named(caller, user_id), body)


async def delete_user(*, gate: Gate, caller: Caller, user_id: str) -> dict[str, Any]:
    user_id = _named(caller, user_id)
    await gate.identity.users.get(caller.account_id, user_id)
    tokens = await gate.keeper.fetched(caller.account_id, user_id)
    await gate.identity.users.delete(caller, user_id)
    await revoke_all(gate, caller, tokens)
    return {"message": "User deleted", "userId": user_id}


async def list_user_credentials(*, gate: Gate, caller: Caller, user_id: str) -> dict[str, Any]:
    user = await gate.identity.users.get(caller.account_id, _named(caller, user_id))
    return {"data": await gate.keeper.all(caller.account_id, user["userId"])}


async def delete_user_credential(*, gate: Gate, caller: Caller, user_id: str, credential_id: str) -> dict[str, Any]:
    user = await gate.identity.users.get(caller.account_id, _named(caller, user_id))
    return await disconnect(gate, caller, user["userId"], credential_id)


def _named(caller: Caller, user_id: str) -> str:
    return caller.user_id if user_id == ME else user_id
