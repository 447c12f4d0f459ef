"""What becomes of a key when things go wrong, with the real store and the real vault."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.access.caller import Caller
from gateway.credentials.vault import Vault
from gateway.errors import (
    Conflict,
    Forbidden,
    IdempotencyMismatch,
    InternalError,
    RateLimited,
    Unavailable,
    UpstreamError,
    UpstreamTimeout,
)
from gateway.http import idempotency as module
from gateway.http.answers import Finished
from gateway.http.idempotency import Idempotency, Keyed
from gateway.secrets import KeyRing
from storage import idempotency as statements
from storage.opening import open_store
from storage.runner import StoreBusy, StoreError, StoreUnsure
from storage.sqlite import SQLiteStore

RING = KeyRing({"k1": bytes(32)})
# By a JWT, whose users are made when they come.
CALLER = Caller(account_id="default", user_id="ana", principal_id="ana", door="jwt")
DONE = Finished(201, b'{"done":true}', [(b"content-type", b"application/json"), (b"location", b"/x")])


def keyed(key: bytes = b"k", caller: Caller = CALLER, body: bytes = b"{}", path: bytes = b"/things") -> Keyed:
    return Keyed.of(key, caller, "create-thing", "POST", path, b"", body)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = open_store(tmp_path / "toolgate.db")
    yield opened
    await opened.close()


@pytest.fixture
def idempotency(store: SQLiteStore) -> Idempotency:
    return Idempotency(store, Vault(RING))


class Work:
    """An operation that counts how often it runs; `failure` is what it raises."""

    def __init__(self, failure: BaseException | None = None, waits: asyncio.Event | None = None) -> None:
        self.runs = 0
        self.begun = asyncio.Event()
        self.failure = failure
        self.waits = waits

    async def __call__(self) -> Finished:
        self.runs += 1
        self.begun.set()
        if self.waits is not None:
            await self.waits.wait()
        if self.failure is not None:
            raise self.failure
        return DONE


async def test_once(idempotency: Idempotency) -> None:
    work = Work()
    assert await idempotency.once(keyed(), work, atomic=False) == (DONE, False)
    assert await idempotency.once(keyed(), work, atomic=False) == (DONE, True)
    assert work.runs == 1
    assert not idempotency._running


@pytest.mark.parametrize(
    "other",
    [
        keyed(caller=replace(CALLER, account_id="other")),
        keyed(caller=replace(CALLER, user_id="anak")),
        keyed(path=b"/things/1"),
        keyed(b"kk"),
        Keyed.of(b"k", CALLER, "create-other", "POST", b"/things", b"", b"{}"),
        # What is cut elsewhere must not read the same.
        Keyed.of(b"k", replace(CALLER, user_id="anacreate"), "-thing", "POST", b"/things", b"", b"{}"),
    ],
)
async def test_whose_key_it_is(store: SQLiteStore, idempotency: Idempotency, other: Keyed) -> None:
    assert other.scope != keyed().scope
    await idempotency.once(keyed(), Work(), atomic=True)
    assert await store.one(statements.FIND, other.row) is None
    # The scope alone does not open another account's row.
    assert await store.one(statements.FIND, {**keyed().row, "account_id_": "other"}) is None


@pytest.mark.parametrize(
    "changed", [keyed(body=b"{} "), Keyed.of(b"k", CALLER, "create-thing", "POST", b"/things", b"a=1", b"{}")]
)
async def test_another_request(idempotency: Idempotency, changed: Keyed) -> None:
    assert changed.scope == keyed().scope
    await idempotency.once(keyed(), Work(), atomic=True)
    work = Work()
    with pytest.raises(IdempotencyMismatch):
        await idempotency.once(changed, work, atomic=True)
    assert work.runs == 0


FREED = [Unavailable("x"), UpstreamError("x"), UpstreamTimeout("x"), StoreBusy("x"), StoreError("x"), RateLimited(1)]
TAKEN = [InternalError("x"), ValueError("x"), StoreUnsure("x"), asyncio.CancelledError()]


async def outcome(idempotency: Idempotency, failure: BaseException, *, atomic: bool) -> str:
    with pytest.raises(type(failure)):
        await idempotency.once(keyed(), Work(failure), atomic=atomic)
    assert not idempotency._running
    work = Work()
    (answer,) = await asyncio.gather(idempotency.once(keyed(), work, atomic=atomic), return_exceptions=True)
    if isinstance(answer, Conflict) and "unknown" in answer.message and not work.runs:
        return "taken"
    return "freed" if answer == (DONE, False) else repr(answer)


@pytest.mark.parametrize("failure", FREED, ids=lambda failure: type(failure).__name__)
async def test_an_atomic_operation_that_failed_may_be_repeated(
    idempotency: Idempotency, failure: BaseException
) -> None:
    assert await outcome(idempotency, failure, atomic=True) == "freed"


@pytest.mark.parametrize("failure", TAKEN, ids=lambda failure: type(failure).__name__)
@pytest.mark.parametrize("atomic", [True, False])
async def test_what_may_have_come_after_the_work_takes_the_key(
    idempotency: Idempotency, failure: BaseException, atomic: bool
) -> None:
    assert await outcome(idempotency, failure, atomic=atomic) == "taken"


@pytest.mark.parametrize("failure", FREED[:-1], ids=lambda failure: type(failure).__name__)
async def test_what_may_have_reached_a_platform_takes_the_key(idempotency: Idempotency, failure: BaseException) -> None:
    assert await outcome(idempotency, failure, atomic=False) == "taken"


async def test_a_limit_frees_the_key_of_any_operation(idempotency: Idempotency) -> None:
    assert await outcome(idempotency, RateLimited(1), atomic=False) == "freed"


async def test_a_refusal_is_an_answer(idempotency: Idempotency) -> None:
    work = Work(Forbidden("no"))
    first, replayed = await idempotency.once(keyed(), work, atomic=False)
    assert (first.status, replayed, b"FORBIDDEN" in first.body) == (403, False, True)
    assert await idempotency.once(keyed(), work, atomic=False) == (first, True)
    assert work.runs == 1


async def both(idempotency: Idempotency, first: Work, second: Work, go: asyncio.Event) -> list[object]:
    one = asyncio.create_task(idempotency.once(keyed(), first, atomic=True))
    await first.begun.wait()
    other = asyncio.create_task(idempotency.once(keyed(), second, atomic=True))
    await asyncio.sleep(0.01)
    assert second.runs == 0
    go.set()
    return await asyncio.gather(one, other, return_exceptions=True)


async def test_a_duplicate_waits_for_the_first(idempotency: Idempotency) -> None:
    go = asyncio.Event()
    assert await both(idempotency, Work(waits=go), second := Work(), go) == [(DONE, False), (DONE, True)]
    assert second.runs == 0


async def test_a_duplicate_takes_over_where_the_first_failed_without_a_trace(idempotency: Idempotency) -> None:
    go, failure = asyncio.Event(), Unavailable("x")
    assert await both(idempotency, Work(failure, go), Work(), go) == [failure, (DONE, False)]


async def test_a_duplicate_of_an_unknown_outcome_is_refused(idempotency: Idempotency) -> None:
    go, failure = asyncio.Event(), ValueError("x")
    first, second = await both(idempotency, Work(failure, go), work := Work(), go)
    assert first is failure
    assert isinstance(second, Conflict)
    assert work.runs == 0


async def test_another_request_does_not_wait(idempotency: Idempotency) -> None:
    go = asyncio.Event()
    first = asyncio.create_task(idempotency.once(keyed(), Work(waits=go), atomic=True))
    await asyncio.sleep(0)
    with pytest.raises(IdempotencyMismatch):
        await idempotency.once(keyed(body=b"other"), Work(), atomic=True)
    go.set()
    assert await first == (DONE, False)


async def test_nobody_waits_for_ever(idempotency: Idempotency, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.05)
    go = asyncio.Event()
    first = asyncio.create_task(idempotency.once(keyed(), Work(waits=go), atomic=True))
    await asyncio.sleep(0)
    with pytest.raises(Conflict, match="still running"):
        await idempotency.once(keyed(), Work(), atomic=True)
    go.set()
    assert await first == (DONE, False)


async def test_another_process_does_not_run_what_one_has_begun(store: SQLiteStore, idempotency: Idempotency) -> None:
    other = Idempotency(store, Vault(RING))
    go = asyncio.Event()
    first = asyncio.create_task(idempotency.once(keyed(), work := Work(waits=go), atomic=True))
    await work.begun.wait()
    with pytest.raises(Conflict):
        await other.once(keyed(), second := Work(), atomic=True)
    go.set()
    assert await first == (DONE, False)
    assert await other.once(keyed(), second, atomic=True) == (DONE, True)
    assert second.runs == 0


async def test_of_two_processes_that_begin_at_once_one_runs(store: SQLiteStore) -> None:
    gates = [Idempotency(store, Vault(RING)) for _ in range(5)]
    work = Work()
    found = await asyncio.gather(*(gate.once(keyed(), work, atomic=True) for gate in gates), return_exceptions=True)
    assert work.runs == 1
    assert sum(isinstance(answer, tuple) for answer in found) >= 1
    assert all(isinstance(answer, (tuple, Conflict)) for answer in found)


async def test_an_answer_that_cannot_be_kept_is_still_given(
    store: SQLiteStore, idempotency: Idempotency, monkeypatch: pytest.MonkeyPatch
) -> None:
    write: Callable[..., Awaitable[object]] = store.write
    calls = 0

    async def fails_second(job: Callable[..., object]) -> object:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise StoreBusy("full")
        return await write(job)

    monkeypatch.setattr(store, "write", fails_second)
    assert await idempotency.once(keyed(), Work(), atomic=True) == (DONE, False)
    with pytest.raises(Conflict, match="unknown"):
        await idempotency.once(keyed(), Work(), atomic=True)


async def test_a_key_that_is_gone_from_the_ring(store: SQLiteStore, idempotency: Idempotency) -> None:
    await idempotency.once(keyed(), Work(), atomic=True)
    rotated = Idempotency(store, Vault(KeyRing({"k2": bytes([1]) * 32})))
    with pytest.raises(Conflict) as refused:
        await rotated.once(keyed(), Work(), atomic=True)
    assert "no longer be opened" in refused.value.message
    assert "k1" not in refused.value.message


async def test_what_is_over_goes_in_bounded_batches(
    store: SQLiteStore, idempotency: Idempotency, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def count() -> int:
        return await store.write(
            lambda connection: connection.exec_driver_sql("SELECT count(*) FROM idempotency").scalar_one()
        )

    monkeypatch.setattr(module, "_KEPT_SECONDS", -1)
    for number in range(150):
        await idempotency.once(keyed(b"%d" % number), Work(), atomic=True)
    # The first of them purged, and for a minute nobody else did.
    assert await count() == 150
    monkeypatch.setattr(module, "_PURGE_EVERY_SECONDS", 0.0)
    await idempotency.once(keyed(b"a"), Work(), atomic=True)
    assert await count() == 51
    await idempotency.once(keyed(b"b"), Work(), atomic=True)
    assert await count() == 1
