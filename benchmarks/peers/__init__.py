"""The same work on other frameworks, so that only the HTTP layer differs.

A peer uses Toolgate's own `ApiKeys`, `Servers` and `SQLiteStore`: the same look-up of the hashed key, the same kept
servers, the same UPDATE and audit row in one transaction that the same writer thread commits, with the same settings
of the file. Whatever lies between the socket and these calls is the peer's own, as its documentation shows it.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from gateway.access.caller import Caller, header_value
from gateway.access.chain_key import audit_key
from gateway.access.keys import ApiKeys
from gateway.access.tokens import TokenIssuer
from gateway.secrets import load_or_create
from gateway.servers import Servers
from gateway.settings import load
from storage.opening import open_store
from storage.runner import Store

UPSTREAM = os.environ.get("BENCHMARK_UPSTREAM", "")
TOOL_LIST = os.environ.get("BENCHMARK_TOOL_LIST", "").encode()
# Answers by name; a long one has no room in the environment.
_LISTS = os.environ.get("BENCHMARK_TOOL_LISTS")
TOOL_LISTS = {path.stem: path.read_bytes() for path in Path(_LISTS).glob("*.json")} if _LISTS else {}


@dataclass(frozen=True, slots=True)
class Parts:
    """What a peer shares with Toolgate."""

    store: Store
    keys: ApiKeys
    servers: Servers

    async def caller(self, key: str) -> Caller | None:
        """Who calls, by an API key; None if nobody does."""
        found = await self.keys.find(key)
        if found is None:
            return None
        return Caller(
            account_id=found.account_id,
            user_id=found.user_id,
            principal_id=found.user_id,
            door="api_key",
            scopes=found.scopes,
            header=header_value(found.user_id),
        )


def open_parts() -> Parts:
    """From the settings that Toolgate has too: the environment names the data directory and the base URL."""
    settings = load()
    secrets = load_or_create(settings.data_dir, fresh=False)
    store = open_store(settings.data_dir / "toolgate.db", audit_key(secrets.token_key))
    return Parts(store, ApiKeys(store), Servers(store, TokenIssuer(secrets.token_key), settings.public_url))


def serve(app: Any) -> None:
    """Serve as Toolgate does: uvicorn, one worker, uvloop, httptools, no access log."""
    uvicorn.run(
        app,
        port=load().port,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
    )
