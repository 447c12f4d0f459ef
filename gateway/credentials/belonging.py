"""Whether the secrets file belongs to the database beside it: asked once, when a process starts.

The database keeps a proof: a digest of the token key, sealed by the vault key that seals. Another installation's file,
a key that was changed, and a key that is missing all show, before anything is answered.
"""

import hashlib
from pathlib import Path

from sqlalchemy import Connection, select

from gateway.credentials.sealed import SEALED
from gateway.credentials.vault import Vault, VaultError
from gateway.secrets import FILE, KeyRing, Secrets, SecretsError, load
from storage import vault as statements
from storage.runner import Store

_REMEDY = "put the file back that was beside it, or see docs/backup.md for a lost key"


def proof_of(secrets: Secrets, key_name: str) -> bytes:
    """What the database keeps while `key_name` seals. Raises KeyError for a key that is not in the ring."""
    key = secrets.ring.get(key_name)
    if key is None:
        raise KeyError(key_name)
    sealed, _ = Vault(KeyRing({key_name: key})).seal(_digest(secrets), ("vault", key_name))
    return sealed


def refusal(secrets: Secrets, key_name: str, proof: bytes) -> str | None:
    """Why these secrets are not those of the database that holds this proof, or None."""
    if secrets.ring.get(key_name) is None:
        return f"the vault key {key_name!r}, which seals its credentials, is missing"
    try:
        digest = Vault(secrets.ring).open(proof, key_name, ("vault", key_name))
    except VaultError:
        return f"the vault key {key_name!r} is not the one that sealed its credentials"
    return None if digest == _digest(secrets) else "the key of its token URLs is another one"


class Belonging:
    """Asked by every process before it does anything else."""

    def __init__(self, store: Store, data_dir: Path, secrets: Secrets) -> None:
        self._store = store
        self._data_dir = data_dir
        self._secrets = secrets

    async def check(self) -> None:
        """Raises SecretsError with a sentence for the operator. A database that holds no proof yet is given one."""
        row = await self._store.one(statements.STATE)
        if row is None:
            await self._refuse_strangers()
            await self._store.write(self._begin)
            return
        why = refusal(self._secrets, row.key_name, row.proof)
        if why is not None:
            # A rotation may have replaced the file since it was read.
            why = refusal(load(self._data_dir), row.key_name, row.proof)
        if why is not None:
            raise SecretsError(f"{self._data_dir / FILE} does not belong to the database beside it ({why}): {_REMEDY}.")

    async def _refuse_strangers(self) -> None:
        """A database of before there was a proof: something in it has to open."""
        opener, seen, opened = Vault(self._secrets.ring), False, False
        for sealed in SEALED:
            for row in await self._store.all(select(sealed.table).where(sealed.table.c.sealed.is_not(None)).limit(100)):
                seen = True
                try:
                    opener.open(row.sealed, row.sealed_by, sealed.bound_to(row))
                    opened = True
                except VaultError:
                    continue
        if seen and not opened:
            raise self._refused("it opens nothing there")

    def _refused(self, why: str) -> SecretsError:
        path = self._data_dir / FILE
        return SecretsError(f"{path} does not belong to the database beside it ({why}): {_REMEDY}.")

    def _begin(self, connection: Connection) -> None:
        # Another process may have been faster.
        if statements.key_name(connection) is None:
            name = self._secrets.ring.current
            statements.name_key(connection, name, proof_of(self._secrets, name))


def _digest(secrets: Secrets) -> bytes:
    return hashlib.sha256(b"toolgate belonging\0" + secrets.token_key).digest()
