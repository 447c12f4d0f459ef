"""A write whose caller was deleted after the request was let in brings neither account nor user back."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.access.caller import Caller
from gateway.access.keys import ApiKeys
from gateway.access.tokens import TokenIssuer
from gateway.access.users import Users
from gateway.credentials.vault import Vault
from gateway.errors import Unauthorized
from gateway.http.answers import Finished
from gateway.http.idempotency import Idempotency, Keyed
from gateway.secrets import KeyRing
from gateway.servers import Servers
from storage import identities
from storage.opening import open_store
from storage.sqlite import SQLiteStore

GONE = Caller(account_id="gone", user_id="ana", principal_id="ana", door="api_key")

Attempt = Callable[[SQLiteStore, Caller], Awaitable[Any]]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = open_store(tmp_path / "toolgate.db")
    yield opened
    await opened.close()


async def make_server(store: SQLiteStore, caller: Caller) -> None:
    await Servers(store, TokenIssuer(bytes(32)), "http://127.0.0.1").create(caller, {"name": "x"})


async def make_key(store: SQLiteStore, caller: Caller) -> None:
    await ApiKeys(store).create(caller.account_id, caller.user_id)


async def make_user(store: SQLiteStore, caller: Caller) -> None:
    await Users(store).ensure(caller.account_id, caller.user_id)


async def begin_under_a_key(store: SQLiteStore, caller: Caller) -> None:
    async def execute() -> Finished:
        raise AssertionError("nothing may run")

    keyed = Keyed.of(b"k", caller, "create-server", "POST", b"/api/servers", b"", b"{}")
    await Idempotency(store, Vault(KeyRing({"k1": bytes(32)}))).once(keyed, execute, atomic=True)


@pytest.mark.parametrize("attempt", [make_server, make_key, make_user, begin_under_a_key], ids=lambda f: f.__name__)
async def test_of_a_deleted_account(store: SQLiteStore, attempt: Attempt) -> None:
    with pytest.raises(Unauthorized, match="was deleted"):
        await attempt(store, GONE)
    assert await store.all(identities.ACCOUNTS, {"limit_": 10, "offset_": 0}) == []


@pytest.mark.parametrize("attempt", [make_server, begin_under_a_key], ids=lambda f: f.__name__)
async def test_of_a_deleted_user(store: SQLiteStore, attempt: Attempt) -> None:
    await ApiKeys(store).create("default", "admin")
    with pytest.raises(Unauthorized, match="The user was deleted"):
        await attempt(store, replace(GONE, account_id="default"))
    users = await store.all(identities.USERS, {"account_id_": "default", "limit_": 10, "offset_": 0})
    assert [user.user_id for user in users] == ["admin"]
