"""What the audit trail costs: `python -m benchmarks.audit --output benchmarks/results/audit.json`, on Linux.

Rows: the CPU (all threads of this process) and the time of a row that is on disk before its writer hears of it, one at
a time, 16 and 256 at once; before, which is the table as it was without the chain and without what came with it
(request, principal, two indexes); unchained, which has those, and no chain; and now. Calls: `tools/call` through a
running service, durable and behind, as benchmarks.http measures it. And a trail of a million rows: taken into the
chain by the migration, verified, asked, cut.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Index, Insert, Integer, MetaData, String, Table, Text, insert
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from benchmarks.http import Bench, Figures, about, load, medians
from benchmarks.processes import free_port, running
from benchmarks.works import prepare, works
from gateway.access.caller import Caller
from gateway.access.cursors import Cursors
from gateway.audit import AuditTrail, Wanted
from gateway.http.request_id import new_request_id
from storage import audit, opening, tables
from storage.chain import FIELDS, GENESIS, digest, seal_of_row
from storage.opening import MIGRATIONS, open_store
from storage.runner import Insertion
from storage.sqlite import SQLiteStore
from storage.verification import verify

KEY = bytes(range(32))
_AT_ONCE = (1, 16, 256)
_ROWS = {1: 500, 16: 4_000, 256: 10_240}
_BEFORE = Table(
    "audit_before",
    MetaData(),
    Column("audit_id", Integer, primary_key=True),
    Column("at", String(24), nullable=False),
    Column("account_id", String(24), nullable=False),
    Column("user_id", Text, nullable=False),
    Column("door", String(16), nullable=False),
    Column("event", String(32), nullable=False),
    Column("server_id", String(128)),
    Column("connector_id", String(64)),
    Column("action_id", Text),
    Column("outcome", String(32), nullable=False),
    Column("upstream_status", Integer),
    Column("duration_ms", Integer),
    Index("ix_before_1", "account_id", "audit_id"),
    Index("ix_before_2", "account_id", "server_id", "audit_id"),
)
# As it is now, but for the chain: whatever is inserted there is not linked.
_UNCHAINED = tables.audit.to_metadata(MetaData(), name="audit_unchained")
_INSERT_UNCHAINED: Insert = insert(_UNCHAINED)
_WAYS = ("before", "unchained", "now")
# Time goes on from round to round.
_moments = itertools.count()
_INSERT: Insert = insert(_BEFORE)
_CALLER = Caller(account_id="default", user_id="admin", principal_id="admin", door="api_key")


def _row(number: int) -> dict[str, Any]:
    return {
        "at": f"2026-11-23T16:{number // 60_000 % 60:02}:{number // 1_000 % 60:02}.{number % 1_000:03}Z",
        "account_id": "default",
        "user_id": "admin",
        "door": "token",
        "event": "action.execute",
        "outcome": "ok",
        "server_id": "production-server-a1b2c3d4",
        "connector_id": "messages",
        "action_id": "postMessage",
        "upstream_status": 200,
        "duration_ms": number % 300,
    }


def _job(way: str, number: int) -> Insertion:
    if way == "before":
        return Insertion(_INSERT, _row(number))
    job = audit.insertion(**_row(number), principal_id="admin", request_id=new_request_id().decode())
    if way == "now":
        return job
    return Insertion(_INSERT_UNCHAINED, {**job.row, "audit_id": None, "hash": bytes(32), "seal": bytes(16)})


async def _write(store: SQLiteStore, way: str, at_once: int) -> Figures:
    """One round. Every writer waits for its own row before the next, as a caller of an action does."""
    rows = _ROWS[at_once]

    async def writer(first: int) -> None:
        for _ in range(first, rows, at_once):
            await store.write(_job(way, next(_moments)))

    cpu, begun = time.process_time(), time.perf_counter()
    await asyncio.gather(*(writer(first) for first in range(at_once)))
    spent = time.perf_counter() - begun
    return {"cpu_us": (time.process_time() - cpu) / rows * 1e6, "rows_per_s": rows / spent}


async def _rows(folder: Path, rounds: int) -> dict[str, Any]:
    store = open_store(folder / "rows.db", KEY)
    with contextlib.closing(sqlite3.connect(folder / "rows.db")) as connection:
        for statement in _schema():
            connection.execute(statement)
    found: dict[str, dict[str, list[Figures]]] = {}
    # The first round only warms up.
    for number in range(rounds + 1):
        for at_once in _AT_ONCE:
            for way in _WAYS:
                figures = await _write(store, way, at_once)
                if number:
                    found.setdefault(str(at_once), {}).setdefault(way, []).append(figures)
    await store.close()
    return {at_once: {way: medians(each) for way, each in by.items()} for at_once, by in found.items()}


def _schema() -> Iterator[str]:
    for table in (_BEFORE, _UNCHAINED):
        yield str(CreateTable(table).compile(dialect=sqlite.dialect()))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            # The names of indexes are the whole database's.
            made = str(CreateIndex(index).compile(dialect=sqlite.dialect()))
            yield made.replace("ix_audit_", "ix_unchained_", 1)


def _link_us() -> float:
    """The CPU of a hash and a seal alone, in microseconds."""
    values = tuple(
        {**dict.fromkeys(FIELDS), **_row(1), "principal_id": "admin", "request_id": "5f2c1d0e9b8a7c6d"}.values()
    )
    times = []
    for _ in range(7):
        before, begun = GENESIS, time.process_time()
        for _ in range(20_000):
            before = digest(before, values)
            seal_of_row(KEY, before)
        times.append((time.process_time() - begun) / 20_000 * 1e6)
    return round(min(times), 2)


def _calls(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """`tools/call`, by what TOOLGATE_AUDIT says."""
    port = free_port()
    with contextlib.ExitStack() as stack:
        upstream = ["-m", "benchmarks.peers.upstream", str(port)]
        stack.enter_context(running(upstream, port, {}, folder / "upstream.log"))
        bench = Bench(folder, f"http://127.0.0.1:{port}")
        with bench.server("toolgate", "made") as process:
            todo = works(prepare(process.port, f"http://127.0.0.1:{port}"))
        (call,) = (work for work in todo if work.name == "tools/call")
        ways = {
            "durable": {},
            "behind": {"TOOLGATE_AUDIT": "behind"},
            "durable, values": {"TOOLGATE_AUDIT_ARGUMENTS": "values"},
        }
        processes = {}
        for way, settings in ways.items():
            shutil.copytree(folder / "made", folder / way)
            processes[way] = stack.enter_context(bench.server("toolgate", way, **settings))
        request = folder / "request"
        request.write_bytes(call.encoded("toolgate"))
        found: dict[str, list[Figures]] = {way: [] for way in ways}
        for number in range(options.rounds + 1):
            for way, process in processes.items():
                figures = load(process, request, options)
                if number:
                    found[way].append(figures)
    return {way: medians(each) for way, each in found.items()}


async def _many(folder: Path, rows: int) -> dict[str, Any]:
    """A trail of so many rows that were there before the chain."""
    path, here = folder / "many.db", opening.MIGRATIONS
    later = [file.name for file in (MIGRATIONS / "versions").glob("[0-9]*.py") if file.name.partition("_")[0] > "0009"]
    then = shutil.copytree(MIGRATIONS, folder / "then", ignore=shutil.ignore_patterns("__pycache__", *later))
    try:
        opening.MIGRATIONS = Path(then)
        await open_store(path, KEY).close()
    finally:
        opening.MIGRATIONS = here
    names = list(_row(0))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executemany(
            f"INSERT INTO audit ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
            (tuple({**_row(n), "user_id": f"u{n % 50}", "server_id": f"s{n % 20}"}.values()) for n in range(rows)),
        )
        connection.commit()
    begun = time.perf_counter()
    store = open_store(path, KEY)
    found: dict[str, Any] = {"rows": rows, "migrate_s": round(time.perf_counter() - begun, 2)}
    begun = time.perf_counter()
    report = verify(path, KEY)
    assert report.broken is None
    found |= {"verify_s": round(time.perf_counter() - begun, 2)}
    trail = AuditTrail(store, path, KEY, Cursors(KEY))
    asked = {
        "account": Wanted(),
        "user": Wanted(user_id="u7"),
        "server": Wanted(server_id="s7"),
        "request": Wanted(request_id="5f2c1d0e9b8a7c6d"),
        "moments": Wanted(since="2026-11-23T16:10:00Z", until="2026-11-23T16:10:01Z"),
        "nothing fits": Wanted(event="no.such.event"),
    }
    for name, wanted in asked.items():
        times = []
        for _ in range(20):
            begun = time.perf_counter()
            await trail.page(_CALLER, wanted, 100, None)
            times.append((time.perf_counter() - begun) * 1e3)
        found.setdefault("page_ms", {})[name] = round(statistics.median(times), 2)
    begun = time.perf_counter()
    removed = await trail.prune(_CALLER, "2026-11-23T16:05:00.000Z")
    found |= {"pruned": removed, "prune_s": round(time.perf_counter() - begun, 2)}
    assert verify(path, KEY).broken is None
    await store.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what the audit trail costs.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each service is called in a round")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--many", type=int, default=1_000_000, help="the rows of the long trail")
    parser.add_argument("--output", type=Path, help="file to write the figures to, as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = {
            **about("benchmarks.audit", ("sqlalchemy", "orjson", "uvicorn")),
            "rows": asyncio.run(_rows(folder, options.rounds)),
            "link_us": _link_us(),
            "calls": _calls(folder, options),
            "many": asyncio.run(_many(folder, options.many)),
        }
    json.dump(figures, sys.stdout, indent=2)
    if options.output:
        options.output.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
