"""`toolgate vault rotate`: another vault key, while services run, and whatever happens in between.

    1. the new key is put into the secrets file, before the old ones          any process can open with it
    2. the database names it as the one that seals (storage.vault)            nothing is sealed by an old one now
    3. rows that an old key has sealed are sealed anew, some at a time        only if they are still as they were read
    4. the old keys are taken out of the file                                 once no row needs them

Each step is whole or has not happened, and each can be repeated, so that a rotation which was killed is gone on with by
the next one. Between 1 and 4 two keys are in the file: that is how it is known.
"""

import asyncio
import contextlib
import os
import secrets as random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row

from gateway.credentials.belonging import proof_of
from gateway.credentials.inspection import name_of
from gateway.credentials.sealed import SEALED, Sealed
from gateway.credentials.vault import Vault, VaultError
from gateway.secrets import KEY_BYTES, KeyRing, Secrets, SecretsError, load, new_key_name, rewrite
from storage import vault as statements
from storage.runner import Store

BATCH = 100
_SAY_EVERY_SECONDS = 0.5
_SETTLE_SECONDS = 1.0
_LOCK = ".vault-rotation"


@dataclass(slots=True)
class Count:
    """One table: rows by the name of the key that sealed them."""

    table: str
    by_key: dict[str, int]


@dataclass(slots=True)
class Rotated:
    """What came of a rotation. `unreadable` are rows that do not open, each as its table and its key."""

    key_name: str
    continued: bool
    rows: int = 0
    removed: tuple[str, ...] = ()
    unreadable: set[str] = field(default_factory=set)
    # One of them was sealed by a key that is there: nobody should throw that key away unasked.
    opened_by_none: bool = False


async def counts(store: Store) -> list[Count]:
    """How many rows each key has sealed, table by table."""
    found = []
    for sealed in SEALED:
        rows = await store.all(statements.by_key(sealed.table))
        found.append(Count(sealed.table.name, {row.sealed_by: row.rows for row in rows}))
    return found


async def rotate(
    store: Store,
    data_dir: Path,
    say: Callable[[str], object],
    *,
    also: Callable[[Connection], object],
    batch: int = BATCH,
    leave_unreadable: bool = False,
) -> Rotated:
    """Do, or finish, a rotation. `say` is given lines of progress; `also` runs in the transaction that names a new key.

    With `leave_unreadable` the old keys are removed although there are rows that do not open. Raises SecretsError
    where the secrets file cannot be written, or another rotation runs; StoreError where the database fails.
    """
    with _alone(data_dir):
        held = load(data_dir)
        done = Rotated(held.ring.current, await _is_under_way(store, held.ring))
        if done.continued:
            say(f"A rotation to the key {done.key_name} was begun; going on with it.")
        else:
            held = _with_new_key(held)
            done.key_name = held.ring.current
            rewrite(data_dir, held)
            say(f"The key {done.key_name} is in the secrets file.")
        await _name(store, held, done, also)
        say(f"The key {done.key_name} seals from now on.")
        await _seal_all_anew(store, Vault(held.ring), done, say, batch)
        if leave_unreadable or not done.opened_by_none:
            done.removed = _without_old_keys(data_dir, held)
        return done


async def _name(store: Store, held: Secrets, done: Rotated, also: Callable[[Connection], object]) -> None:
    proof = proof_of(held, done.key_name)

    def job(connection: Connection) -> None:
        if statements.key_name(connection) != done.key_name:
            statements.name_key(connection, done.key_name, proof)
            also(connection)

    await store.write(job)


async def _seal_all_anew(store: Store, vault: Vault, done: Rotated, say: Callable[[str], object], batch: int) -> None:
    while True:
        before = done.rows
        for sealed in SEALED:
            await _seal_anew(store, vault, sealed, done, say, batch)
        if done.rows == before:
            return
        # Whatever was sealed just before the new key was named has found its row by then: look once more.
        await asyncio.sleep(_SETTLE_SECONDS)


def _without_old_keys(data_dir: Path, held: Secrets) -> tuple[str, ...]:
    first = held.ring.current
    old = tuple(name for name in held.ring.names if name != first)
    if old:
        rewrite(data_dir, Secrets(held.token_key, KeyRing({first: held.ring.get(first) or b""})))
    return old


async def _is_under_way(store: Store, ring: KeyRing) -> bool:
    row = await store.one(statements.STATE)
    return len(ring.names) > 1 or (row is not None and row.key_name != ring.current)


def _with_new_key(held: Secrets) -> Secrets:
    old = {name: key for name in held.ring.names if (key := held.ring.get(name)) is not None}
    return Secrets(held.token_key, KeyRing({new_key_name(): random.token_bytes(KEY_BYTES), **old}))


async def _seal_anew(
    store: Store, vault: Vault, sealed: Sealed, done: Rotated, say: Callable[[str], object], batch: int
) -> None:
    table = sealed.table
    begun, said = done.rows, time.monotonic()
    after: dict[str, Any] = {}
    update = statements.seal_anew(table)
    pages = {more: statements.page(table, after=more) for more in (False, True)}
    while found := await store.all(pages[bool(after)], {"key_": done.key_name, "limit_": batch, **after}):
        anew = [values for row in found if (values := _sealed_anew(vault, sealed, row, done)) is not None]

        def write(connection: Connection, anew: list[dict[str, Any]] = anew) -> int:
            return sum(connection.execute(update, values).rowcount for values in anew)

        done.rows += await store.write(write)
        after = {f"after_{place}": value for place, value in enumerate(statements.key_of(table, found[-1]))}
        if time.monotonic() - said > _SAY_EVERY_SECONDS:
            said = time.monotonic()
            say(f"{table.name}: {done.rows - begun} rows so far")
    if done.rows > begun:
        say(f"{table.name}: {done.rows - begun} rows are sealed anew")


def _sealed_anew(vault: Vault, sealed: Sealed, row: Row[Any], done: Rotated) -> dict[str, Any] | None:
    bound_to = sealed.bound_to(row)
    key = statements.key_of(sealed.table, row)
    try:
        plaintext = vault.open(row.sealed, row.sealed_by, bound_to)
    except VaultError:
        done.unreadable.add(name_of(sealed, row))
        done.opened_by_none |= vault.knows(row.sealed_by)
        return None
    anew, by = vault.seal(plaintext, bound_to)
    return {
        **{f"of_{place}": value for place, value in enumerate(key)},
        "before_": row.sealed,
        "key_before_": row.sealed_by,
        "sealed_": anew,
        "sealed_by_": by,
    }


@contextlib.contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """Held by one process at a time; the system lets go of it with the process. Raises SecretsError."""
    descriptor = os.open(data_dir / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 (of that system alone)

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415 (not of Windows)

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise SecretsError("Another `toolgate vault rotate` is at work here: wait for its end.") from None
