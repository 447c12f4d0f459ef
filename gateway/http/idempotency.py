"""`Idempotency-Key`: what was done once under a key is answered again, and not done again.

A row is written before the operation runs and completed with its answer afterwards, sealed. What follows for the key:

    the operation answered, or refused with 4xx        the answer is kept for 24 hours and replayed
    ... and something in it ends before (a sign-in)    the answer is kept until then, and made anew afterwards
    it wants an approval first (409, `approvalId`)     nothing was done: the key is free for the same request again
    it wants a credential first (CREDENTIAL_NOT_FOUND) the same
    5xx, and the operation says `x-atomic: true`       nothing was kept of it: the key is free again
    any other 5xx, a crash, a cancelled request        nobody knows what was done: 409 for 24 hours, never a second time

What is refused before the operation runs (401, 400 and so on) never gets here. Keys are counted by account, user,
operation and path, and only after the caller was authenticated and permitted, for a replay as for the first request.
"""

import asyncio
import hashlib
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Row

from gateway.access.caller import Caller
from gateway.access.users import ensure_caller
from gateway.credentials.sealed import bound_answer
from gateway.credentials.vault import Vault, VaultError
from gateway.current import noting_ends
from gateway.errors import (
    ApprovalRequired,
    Conflict,
    CredentialNotFound,
    IdempotencyMismatch,
    InternalError,
    InvalidRequest,
    RateLimited,
    ToolgateError,
)
from gateway.http.answers import Finished
from gateway.http.errors import STATUS, finished_error, to_toolgate_error
from gateway.moments import epoch
from storage import idempotency as statements
from storage.runner import Store, StoreError, StoreUnsure

HEADER = b"idempotency-key"
REPLAYED = (b"idempotent-replayed", b"true")
_KEY = re.compile(rb"[!-~]{1,255}").fullmatch
_KEPT_SECONDS = 24 * 3600
# How long a duplicate waits for the first.
_WAIT_SECONDS = 30.0
_PURGE_EVERY_SECONDS = 60.0

log = logging.getLogger("toolgate.http")
Execute = Callable[[], Awaitable[Finished]]


@dataclass(frozen=True, slots=True)
class Keyed:
    """One request under a key. `scope` says whose key it is and for what, `fingerprint` what the request says."""

    caller: Caller
    scope: bytes
    fingerprint: bytes

    @classmethod
    def of(
        cls, key: bytes, caller: Caller, operation_id: str, method: str, path: bytes, query: bytes, body: bytes
    ) -> "Keyed":
        """`path` as it came, so that an encoded slash is none. Raises InvalidRequest for a key that is not 1 to 255
        visible ASCII characters."""
        if not _KEY(key):
            raise InvalidRequest.of(
                "Idempotency-Key", "pattern", "Idempotency-Key must be 1 to 255 visible ASCII characters"
            )
        whose = (text.encode("utf-8", "surrogatepass") for text in (caller.account_id, caller.user_id, operation_id))
        return cls(
            caller,
            _digest((*whose, path, key)),
            _digest((method.encode(), path, query, body)),
        )

    @property
    def row(self) -> dict[str, Any]:
        return {"account_id_": self.caller.account_id, "scope_": self.scope}

    @property
    def associated(self) -> tuple[str, ...]:
        """What the sealed answer is bound to."""
        return bound_answer(self.caller.account_id, self.caller.user_id, self.scope)


class Idempotency:
    """Runs what stands under a key once. In this process a duplicate waits for the first; elsewhere it is 409."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault
        # Scope -> fingerprint, and the answer once there is one (None: ask again).
        self._running: dict[bytes, tuple[bytes, asyncio.Future[Finished | None]]] = {}
        self._purged_at = 0.0

    async def once(self, request: Keyed, execute: Execute, *, atomic: bool) -> tuple[Finished, bool]:
        """The answer, and whether it is a replay.

        Raises IdempotencyMismatch for another request under the same key, Conflict where the first still runs after 30
        seconds or its outcome is not known, and what `execute` raises.
        """
        end = time.monotonic() + _WAIT_SECONDS
        while (running := self._running.get(request.scope)) is not None:
            _compare(running[0], request)
            if (answer := await _wait(running[1], end)) is not None:
                return answer, True
        future: asyncio.Future[Finished | None] = asyncio.get_running_loop().create_future()
        self._running[request.scope] = (request.fingerprint, future)
        answer = None
        try:
            answer = await self._begin(request)
            if answer is not None:
                return answer, True
            answer = await self._execute(request, execute, atomic)
            return answer, False
        finally:
            del self._running[request.scope]
            future.set_result(answer)

    async def _begin(self, request: Keyed) -> Finished | None:
        """The answer that is kept; None: the row is written, and the operation is to run."""
        row = await self._store.one(statements.FIND, request.row)
        if row is None or row.expires_at <= epoch():
            row = await self._store.write(lambda connection: self._insert(connection, request))
        return None if row is None else self._opened(request, row)

    def _insert(self, connection: Connection, request: Keyed) -> Row[Any] | None:
        """Part of a write job. The row of another process that was faster, or None."""
        seconds = epoch()
        row = connection.execute(statements.FIND, request.row).first()
        if row is not None and row.expires_at > seconds:
            return row
        if time.monotonic() - self._purged_at >= _PURGE_EVERY_SECONDS:
            self._purged_at = time.monotonic()
            connection.execute(statements.PURGE, {"now_": seconds})
        ensure_caller(connection, request.caller)
        connection.execute(statements.REMOVE, request.row)
        values = {
            "account_id": request.caller.account_id,
            "scope": request.scope,
            "user_id": request.caller.user_id,
            "fingerprint": request.fingerprint,
            "expires_at": seconds + _KEPT_SECONDS,
        }
        connection.execute(statements.BEGIN, values)
        return None

    def _opened(self, request: Keyed, row: Row[Any]) -> Finished:
        _compare(row.fingerprint, request)
        if row.status is None:
            raise Conflict(
                "A request with this Idempotency-Key was begun and its outcome is unknown; look whether it was done "
                "before you send it under another key"
            )
        try:
            headers, body = orjson.loads(self._vault.open(row.sealed, row.sealed_by, request.associated))
        except VaultError as error:
            raise Conflict(
                "A request with this Idempotency-Key was answered, and the answer can no longer be opened",
                internal=error.internal,
            ) from None
        return Finished(
            row.status, body.encode(), [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        )

    async def _execute(self, request: Keyed, execute: Execute, atomic: bool) -> Finished:
        try:
            with noting_ends() as ends:
                answer = await execute()
        except StoreError as error:
            if atomic and not isinstance(error, StoreUnsure):
                await self._release(request)
            raise
        except ToolgateError as error:
            # Refused before anything was done; a platform that refuses a credential (401) has done nothing either.
            untouched = isinstance(error, RateLimited | ApprovalRequired | CredentialNotFound)
            if STATUS[error.code] >= 500 or untouched:
                # An internal error may have come after the work was done.
                if untouched or (atomic and not isinstance(error, InternalError)):
                    await self._release(request)
                raise
            answer = finished_error(to_toolgate_error(error))
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers]
        plain = orjson.dumps([headers, answer.body.decode()])

        def finish(connection: Connection) -> None:
            sealed, sealed_by = self._vault.seal(plain, request.associated, connection)
            values = {**request.row, "status_": answer.status, "sealed_": sealed, "sealed_by_": sealed_by}
            values["expires_at_"] = min([epoch() + _KEPT_SECONDS, *ends])
            connection.execute(statements.FINISH, values)

        try:
            await self._store.write(finish)
        except (StoreError, VaultError) as error:
            # It was done, and whoever asked is told so. Who asks again hears that the outcome is unknown.
            log.warning("the answer under an Idempotency-Key could not be kept: %s", error)
        return answer

    async def _release(self, request: Keyed) -> None:
        try:
            await self._store.write(lambda connection: connection.execute(statements.RELEASE, request.row).rowcount)
        except StoreError as error:
            log.warning("an Idempotency-Key could not be released: %s", error)


def _compare(fingerprint: bytes, request: Keyed) -> None:
    if fingerprint != request.fingerprint:
        raise IdempotencyMismatch(
            "This Idempotency-Key was used with another request; use a new key for each",
            details={"field": "Idempotency-Key", "rule": "mismatch"},
        )


async def _wait(first: asyncio.Future[Finished | None], end: float) -> Finished | None:
    try:
        return await asyncio.wait_for(asyncio.shield(first), max(0.0, end - time.monotonic()))
    except TimeoutError:
        raise Conflict("The first request with this Idempotency-Key is still running; try again later") from None


def _digest(parts: Iterable[bytes]) -> bytes:
    # Each part carries its length, so that no two lists make the same bytes.
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()
