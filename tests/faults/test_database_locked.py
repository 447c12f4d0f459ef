"""Another process holds the write lock for longer than anybody waits: writes are told so in time, reads go on."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from writers import names_there, writing

from storage.sqlite import BUSY_TIMEOUT
from support.service import serving

HELD_SECONDS = BUSY_TIMEOUT + 2.5
HOLD = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute(f"BEGIN {sys.argv[2]}")
print("held", flush=True)
time.sleep(float(sys.argv[3]))
connection.execute("ROLLBACK")
print("free", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("kind", ["IMMEDIATE", "EXCLUSIVE"])
def test_writes_wait_no_longer_than_they_should(tmp_path: Path, kind: str, figures: Callable[[str], None]) -> None:
    with serving(tmp_path) as service:
        command = [sys.executable, "-c", HOLD, str(service.data_dir / "toolgate.db"), kind, str(HELD_SECONDS)]
        with writing(service, writers=16) as writers, subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            held = time.monotonic()
            assert holder.stdout.readline() == b"free\n"
            free = time.monotonic()
            time.sleep(1)
            holder.kill()
        waited = [told for told in writers.told if told.begun < free and told.ended > held + 0.5]
        refused = [told for told in waited if told.status == 503]
        assert len(refused) >= 16
        assert {told.code for told in refused} == {"UNAVAILABLE"}
        assert {told.message for told in refused} == {"The database is busy; try again"}
        assert {told.retry_after for told in refused} == {"1"}
        # Nobody waits for the wait of another: once, and what is left of the lock.
        longest = max(told.seconds for told in waited)
        assert longest < BUSY_TIMEOUT + 4
        reads = [read for read in writers.reads if held < read.begun and read.ended < free]
        assert {read.status for read in reads} == {200}
        slowest_read = max(read.seconds for read in reads)
        assert slowest_read < 3
        assert {told.status for told in writers.told if told.begun > free + 0.2} == {201}
        assert set(writers.statuses()) == {201, 503}
        there = names_there(service)
        assert there == writers.made()
    figures(
        f"BEGIN {kind} held for {free - held:.1f} s: {len(refused)} writes refused with 503, the longest wait "
        f"{longest:.1f} s; {len(reads)} reads answered meanwhile, the slowest in {slowest_read * 1000:.0f} ms; "
        f"{len(there)} answered writes, 0 lost"
    )
