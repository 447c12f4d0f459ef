"""The audit trail as a chain: whatever is done to it behind our back is found."""

import asyncio
import hashlib
import hmac
import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from store_samples import ACCOUNT, NOW, OWNER, USER, add_owner, add_server

from storage import audit, opening
from storage.chain import FIELDS, GENESIS, digest
from storage.export import exported
from storage.opening import MIGRATIONS, open_store
from storage.runner import Insertion, StoreError
from storage.sqlite import SQLiteStore
from storage.verification import Report, verify

KEY = bytes(range(32))
ROWS = 40
TRIGGERS = ("audit_update", "audit_delete", "audit_chain_delete")
Tamper = Callable[[sqlite3.Connection], object]


def entry(number: int) -> Insertion:
    about: dict[str, Any] = {"server_id": f"s{number % 3}", "duration_ms": number} if number % 2 else {}
    return audit.insertion(
        at=f"2026-11-{1 + number // 10:02}T00:00:00.000Z",
        account_id=ACCOUNT,
        user_id=USER,
        door="cli",
        event=f"event.{number}",
        **about,
    )


async def filled(path: Path, rows: int = ROWS) -> None:
    store = open_store(path, KEY)
    await store.write(add_owner)
    half = rows // 2
    # Some together, some alone, some as part of another job.
    await asyncio.gather(*(store.write(entry(number)) for number in range(half)))
    for number in range(half, rows):
        await store.write(lambda connection, number=number: audit.record(connection, **entry(number).row))
    await store.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("written") / "toolgate.db"
    asyncio.run(filled(path))
    return path


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch") / "toolgate.db"


def tampered(written: Path, scratch: Path, tamper: Tamper) -> Report:
    """What is found in a copy after `tamper`, by somebody who has dropped the triggers."""
    for suffix in ("-wal", "-shm"):
        scratch.with_name(f"{scratch.name}{suffix}").unlink(missing_ok=True)
    shutil.copyfile(written, scratch)
    with closing(sqlite3.connect(scratch)) as connection:
        for trigger in TRIGGERS:
            connection.execute(f"DROP TRIGGER {trigger}")
        tamper(connection)
        connection.commit()
    return verify(scratch, KEY)


def test_what_was_written_is_in_order(written: Path) -> None:
    report = verify(written, KEY)
    assert (report.rows, report.broken, report.expected, report.head.last_id) == (ROWS, None, None, ROWS)
    assert verify(written, KEY, report.head.last_hash).expected is True
    assert verify(written, KEY, bytes(31) + b"x").expected is False


def test_the_algorithm_is_the_documented_one(written: Path) -> None:
    """With nothing but the standard library, from what `export` hands out."""
    before = GENESIS
    for row in exported(written, None, None, None):
        text = json.dumps(list(row.values), ensure_ascii=False, separators=(",", ":")).encode()
        assert row.previous_hash == before
        assert row.hash == hashlib.sha256(before + text).digest()
        assert row.seal == hmac.new(KEY, b"toolgate audit row v1" + row.hash, "sha256").digest()[:16]
        before = row.hash
    assert before == verify(written, KEY).head.last_hash


@pytest.mark.parametrize("text", ["\x00\x1f\x7f\u2028", 'a"\\b/', "é😀\ufeff", "\b\f\n\r\t"])
def test_any_text_makes_the_hash_that_any_json_makes(text: str) -> None:
    values = (1, text, None)
    encoded = json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()
    assert digest(GENESIS, values) == hashlib.sha256(GENESIS + encoded).digest()


VALUES: dict[str, st.SearchStrategy[Any]] = {
    name: st.one_of(st.text(max_size=20), st.integers(-9, 999), st.none(), st.floats(), st.binary(max_size=4))
    for name in FIELDS[1:]
}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), number=st.integers(1, ROWS))
def test_any_change_of_a_row_is_found(written: Path, scratch: Path, data: st.DataObject, number: int) -> None:
    column = data.draw(st.sampled_from([*FIELDS[1:], "hash", "seal"]))
    value = data.draw(VALUES.get(column, st.binary(max_size=40)))
    changed = True

    def tamper(connection: sqlite3.Connection) -> None:
        nonlocal changed
        read = f"SELECT {column}, typeof({column}) FROM audit WHERE audit_id = ?"
        before = connection.execute(read, [number]).fetchone()
        try:
            connection.execute(f"UPDATE audit SET {column} = ? WHERE audit_id = ?", [value, number])
        except sqlite3.IntegrityError:
            changed = False
            return
        # SQLite may have made the same of it: 7.0 in a column of whole numbers is 7, and NaN is NULL.
        changed = connection.execute(read, [number]).fetchone() != before

    report = tampered(written, scratch, tamper)
    if changed:
        assert report.broken is not None
        assert report.broken.row == number
        assert report.broken.why == ("inserted" if column in ("hash", "seal") else "changed")
    else:
        assert report.broken is None


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(numbers=st.sets(st.integers(1, ROWS), min_size=1, max_size=ROWS))
def test_any_deletion_is_found(written: Path, scratch: Path, numbers: set[int]) -> None:
    marks = ", ".join("?" * len(numbers))
    report = tampered(
        written,
        scratch,
        lambda connection: connection.execute(f"DELETE FROM audit WHERE audit_id IN ({marks})", list(numbers)),
    )
    assert report.broken is not None
    assert (report.broken.row, report.broken.why) == (min(numbers), "missing")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pair=st.lists(st.integers(1, ROWS), min_size=2, max_size=2, unique=True))
def test_any_swap_is_found(written: Path, scratch: Path, pair: list[int]) -> None:
    def tamper(connection: sqlite3.Connection) -> None:
        for before, after in ((pair[0], -1), (pair[1], pair[0]), (-1, pair[1])):
            connection.execute("UPDATE audit SET audit_id = ? WHERE audit_id = ?", [after, before])

    report = tampered(written, scratch, tamper)
    assert report.broken is not None
    assert (report.broken.row, report.broken.why) == (min(pair), "reordered")
    assert str(max(pair)) in report.broken.sentence


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(1, ROWS + 1), model=st.integers(1, ROWS))
def test_any_insertion_is_found(written: Path, scratch: Path, number: int, model: int) -> None:
    """A copy of a row, with the rows behind it moved up: first without a hash of its own, then with one."""
    for forged in (False, True):

        def tamper(connection: sqlite3.Connection, forged: bool = forged) -> None:
            columns = ", ".join([*FIELDS[1:], "hash", "seal"])
            connection.execute("UPDATE audit SET audit_id = -audit_id - 1 WHERE audit_id >= ?", [number])
            connection.execute("UPDATE audit SET audit_id = -audit_id WHERE audit_id < 0")
            copied = model if model < number else model + 1
            connection.execute(
                f"INSERT INTO audit (audit_id, {columns}) SELECT ?, {columns} FROM audit WHERE audit_id = ?",
                [number, copied],
            )
            if forged:
                _relink(connection, number)

        report = tampered(written, scratch, tamper)
        assert report.broken is not None
        # A row that is put before itself stands where it stood: the second one is too many.
        assert report.broken.row == (number + 1 if model == number else number)


def _relink(connection: sqlite3.Connection, first: int) -> None:
    """What somebody without the key can do: all hashes anew, and the end noted as it is now."""
    rows = connection.execute(f"SELECT {', '.join(FIELDS)}, hash FROM audit ORDER BY audit_id").fetchall()
    before = GENESIS
    for row in rows:
        before = digest(before, row[:-1]) if row[0] >= first else row[-1]
        connection.execute("UPDATE audit SET hash = ? WHERE audit_id = ?", [before, row[0]])
    connection.execute("UPDATE audit_chain SET last_id = ?, last_hash = ?", [rows[-1][0], before])


def test_a_chain_made_anew_without_the_key_is_found(written: Path, scratch: Path) -> None:
    def tamper(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE audit SET user_id = 'ben' WHERE audit_id = 17")
        _relink(connection, 1)

    report = tampered(written, scratch, tamper)
    assert report.broken is not None
    # Before row 17 the hashes are the same.
    assert (report.broken.row, report.broken.why) == (17, "inserted")


@pytest.mark.parametrize("cut_off", [1, 5, ROWS])
def test_a_tail_cut_off_with_the_end_moved_is_found(written: Path, scratch: Path, cut_off: int) -> None:
    last = ROWS - cut_off

    def tamper(connection: sqlite3.Connection) -> None:
        row = connection.execute("SELECT hash FROM audit WHERE audit_id = ?", [last]).fetchone()
        connection.execute("DELETE FROM audit WHERE audit_id > ?", [last])
        connection.execute("UPDATE audit_chain SET last_id = ?, last_hash = ?", [last, row[0] if row else GENESIS])

    report = tampered(written, scratch, tamper)
    assert report.broken is not None
    assert "beginning and the end" in report.broken.sentence


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_chain",
        "UPDATE audit_chain SET cut_id = 3",
        "UPDATE audit_chain SET last_id = last_id + 1",
        "UPDATE audit_chain SET seal = zeroblob(32)",
        "UPDATE audit SET user_id = CAST(x'ff' AS TEXT) WHERE audit_id = 3",
        "UPDATE audit SET duration_ms = 9e999 WHERE audit_id = 1",
        "INSERT OR REPLACE INTO audit (audit_id, at, account_id, user_id, door, event, outcome, hash, seal) "
        "SELECT audit_id, at, account_id, 'ben', door, event, outcome, hash, seal FROM audit WHERE audit_id = 7",
    ],
)
async def test_whatever_else_is_found_and_goes_on_being_found(written: Path, scratch: Path, statement: str) -> None:
    """To write on does not heal it."""
    assert tampered(written, scratch, lambda connection: connection.execute(statement)).broken is not None
    store = open_store(scratch, KEY)
    for number in range(3):
        await store.write(entry(number))
    await store.close()
    report = verify(scratch, KEY)
    assert report.broken is not None


async def test_an_older_state_of_the_end_is_noticed_while_the_service_runs(path: Path) -> None:
    store = open_store(path, KEY)
    await store.write(add_owner)
    await store.write(entry(1))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        old = connection.execute("SELECT last_id, last_hash, seal FROM audit_chain").fetchone()
        await store.write(entry(2))
        connection.execute("DROP TRIGGER audit_delete")
        connection.execute("DELETE FROM audit WHERE audit_id = 2")
        connection.execute("UPDATE audit_chain SET last_id = ?, last_hash = ?, seal = ?", old)
    assert verify(path, KEY).broken is None
    await store.write(entry(3))
    await store.close()
    report = verify(path, KEY)
    assert report.broken is not None
    assert (report.broken.row, report.broken.why) == (2, "missing")


def test_other_secrets_do_not_pass(written: Path) -> None:
    report = verify(written, b"another key of an installation..")
    assert report.broken is not None
    assert (report.broken.row, report.broken.why) == (1, "inserted")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET user_id = 'x'",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE audit_id = 40",
        "DELETE FROM audit_chain",
    ],
)
def test_triggers_refuse_what_nobody_is_to_do(written: Path, statement: str) -> None:
    with closing(sqlite3.connect(written)) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)


async def test_what_fails_leaves_no_gap(path: Path) -> None:
    store = open_store(path, KEY)
    await store.write(add_owner)

    def fails(connection: Connection) -> None:
        audit.record(connection, **entry(0).row)
        raise RuntimeError

    broken = Insertion(entry(1).statement, {**entry(1).row, "event": None})
    jobs: list[Any] = [entry(1), fails, broken, entry(2), add_server("s1"), fails, entry(3)] * 5
    await asyncio.gather(*(store.write(job) for job in jobs), return_exceptions=True)
    await store.close()
    report = verify(path, KEY)
    assert (report.rows, report.broken) == (15, None)


async def test_two_processes_write_one_chain(path: Path) -> None:
    """Two stores are two connections, each with a writer of its own, as two processes have."""
    first, second = open_store(path, KEY), open_store(path, KEY)
    await first.write(add_owner)
    chance = random.Random(7)
    await asyncio.gather(*(chance.choice((first, second)).write(entry(number)) for number in range(300)))
    for number in range(20):
        await chance.choice((first, second)).write(entry(number))
    await asyncio.gather(first.close(), second.close())
    report = verify(path, KEY)
    assert (report.rows, report.broken) == (320, None)


async def test_an_audit_row_is_written_by_the_store_alone(store: SQLiteStore) -> None:
    with pytest.raises(StoreError, match="write jobs of the store"):
        audit.record(object(), **entry(1).row)  # type: ignore[arg-type]  # any connection that is not the store's


async def test_the_subject_of_one_job_is_not_the_next_ones(store: SQLiteStore) -> None:
    def job(connection: Connection) -> None:
        audit.about(connection, "k1")
        audit.record(connection, **entry(1).row)

    await asyncio.gather(store.write(job), store.write(lambda connection: audit.record(connection, **entry(2).row)))
    rows = await store.all(audit.PAGES[None], {**EVERYTHING, "limit_": 9})
    assert sorted((row.event, row.subject) for row in rows) == [("event.1", "k1"), ("event.2", None)]


EVERYTHING = {
    "account_id_": ACCOUNT,
    "before_at_": "a",
    "before_id_": 0,
    "from_at_": "",
    "from_id_": 0,
    **{f"{column.name}_": None for column in audit._FILTERS},
}


@pytest.fixture
async def old_rows(path: Path) -> None:
    await filled(path)


@pytest.mark.parametrize(("before", "removed"), [("2026-11-01", 0), ("2026-11-02", 10), ("2026-11-04", 30), ("3", 40)])
async def test_what_is_left_after_retention_is_in_order(path: Path, old_rows: None, before: str, removed: int) -> None:
    noted = list(exported(path, None, None, None))
    store = open_store(path, KEY)
    total = 0
    while count := (await store.write(lambda connection: audit.prune(connection, before, 7)))[0]:
        total += count
    await store.write(entry(99))
    await store.close()
    report = verify(path, KEY, noted[removed - 1].hash if removed else None)
    assert (total, report.rows, report.broken) == (removed, ROWS - removed + 1, None)
    assert (report.head.cut_id, report.head.last_id) == (removed, ROWS + 1)
    if removed:
        # The anchor is the hash of the last row that went, and no hash before it is known any more.
        assert report.head.cut_hash == noted[removed - 1].hash
        assert report.expected is True
        assert verify(path, KEY, noted[removed - 2].hash).expected is False


@pytest.mark.parametrize(
    "statement",
    [
        # So that retention takes for old what is young.
        "UPDATE audit SET at = '2001-01-01T00:00:00.000Z' WHERE audit_id <= 30",
        "DELETE FROM audit WHERE audit_id BETWEEN 4 AND 6",
        "DELETE FROM audit WHERE audit_id = 1",
        "UPDATE audit SET user_id = 'bob' WHERE audit_id = 30",
        "UPDATE audit SET user_id = CAST(x'ff' AS TEXT) WHERE audit_id = 5",
        "UPDATE audit SET duration_ms = 1.5 WHERE audit_id = 5",
        "UPDATE audit SET audit_id = 0 WHERE audit_id = 5",
    ],
)
async def test_retention_does_not_hide_what_was_changed(path: Path, old_rows: None, statement: str) -> None:
    """Somebody without the secrets changes rows, and lets the service itself remove the traces."""
    with closing(sqlite3.connect(path)) as connection:
        for trigger in TRIGGERS:
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute(statement)
        connection.commit()
    store = open_store(path, KEY)
    removed = 0
    while count := (await store.write(lambda connection: audit.prune(connection, "2026-11-04", 7)))[0]:
        removed += count
    assert removed >= 27
    await store.write(entry(99))
    await store.close()
    report = verify(path, KEY)
    # Whatever else is found: the rows of before are gone, and a row says that they were not in order.
    assert report.broken is not None
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        found = connection.execute("SELECT door, outcome FROM audit WHERE event = 'audit.broken'").fetchall()
        assert set(found) == {(b"service", b"ok")}
        assert connection.execute("SELECT count(*) FROM audit WHERE audit_id <= 30").fetchone() == (0,)


@pytest.fixture
def before(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of before the chain."""
    later = [file.name for file in (MIGRATIONS / "versions").glob("[0-9]*.py") if file.name.partition("_")[0] > "0009"]
    then = shutil.copytree(MIGRATIONS, tmp_path / "then", ignore=shutil.ignore_patterns("__pycache__", *later))
    with monkeypatch.context() as patched:
        patched.setattr(opening, "MIGRATIONS", Path(then))
        asyncio.run(open_store(path).close())
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany(
            "INSERT INTO audit (audit_id, at, account_id, user_id, door, event, outcome, duration_ms) "
            "VALUES (?, ?, ?, ?, 'cli', ?, 'ok', ?)",
            # One was taken out by hand, when nothing kept anybody from it.
            [(number, NOW, *OWNER.values(), f"e{number}", number) for number in range(1, 51) if number != 20],
        )
        connection.commit()


def test_rows_of_before_are_taken_into_the_chain(before: None, path: Path) -> None:
    asyncio.run(open_store(path, KEY).close())
    report = verify(path, KEY)
    assert (report.rows, report.broken) == (49, None)
    events = [row.values[FIELDS.index("event")] for row in exported(path, None, None, None)]
    assert events == [f"e{number}" for number in range(1, 51) if number != 20]


@pytest.mark.parametrize(
    ("column", "index"),
    [
        (None, "ix_audit_account_id_at (account_id=? AND at"),
        ("user_id", "ix_audit_account_id_user_id_at (account_id=? AND user_id=? AND at"),
        ("server_id", "ix_audit_account_id_server_id_at (account_id=? AND server_id=? AND at"),
        ("request_id", "ix_audit_account_id_request_id_at (account_id=? AND request_id=? AND at"),
    ],
)
async def test_an_index_leads_to_the_rows_in_their_order(path: Path, column: str | None, index: str) -> None:
    from sqlalchemy.dialects import sqlite  # noqa: PLC0415 - only this asks for it

    await filled(path)
    for statement in (audit.PAGES[column], audit.REACHES[column]):
        compiled = statement.compile(dialect=sqlite.dialect(paramstyle="named"))
        sql, parameters = str(compiled), dict.fromkeys(compiled.params)
        with closing(sqlite3.connect(path)) as connection:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
        assert len(plan) == 1, plan
        assert index in plan[0]
