"""The database is moved, deleted or replaced while the service writes: nothing is answered that will not be there."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from stored import problems_of_the_file
from writers import LONG_RUN, names_there, writing

from support.service import serving

AWAY_SECONDS = LONG_RUN if os.environ.get("TOOLGATE_FAULTS_LONG") else 3.0
Back = Callable[[], object]


def move_file(data: Path) -> Back:
    aside = data / "aside.db"
    (data / "toolgate.db").rename(aside)
    return lambda: aside.rename(data / "toolgate.db")


def move_folder(data: Path) -> Back:
    aside = data.with_name("aside")
    data.rename(aside)
    return lambda: aside.rename(data)


def put_garbage_in_its_place(data: Path) -> Back:
    back = move_file(data)
    (data / "toolgate.db").write_bytes(b"no database at all " * 500)
    return back


def put_a_copy_in_its_place(data: Path) -> Back:
    back = move_file(data)
    shutil.copyfile(data / "aside.db", data / "toolgate.db")
    return back


def lock_the_folder(data: Path) -> Back:
    data.chmod(0)
    return lambda: data.chmod(0o700)


WAYS = [
    move_file,
    move_folder,
    put_garbage_in_its_place,
    put_a_copy_in_its_place,
    pytest.param(lock_the_folder, marks=pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")),
]


@pytest.mark.parametrize("take_away", WAYS)
def test_away_and_back(tmp_path: Path, take_away: Callable[[Path], Back], figures: Callable[[str], None]) -> None:
    with serving(tmp_path) as service:
        with writing(service) as writers, service.client() as client:
            time.sleep(0.7)
            put_back = take_away(service.data_dir)
            gone = time.monotonic()
            time.sleep(0.5)
            ready = client.get("/health/ready")
            alive = client.get("/health/live")
            time.sleep(AWAY_SECONDS)
            back = time.monotonic()
            put_back()
            time.sleep(0.7)
        assert (ready.status_code, alive.status_code) == (503, 200)
        assert int(ready.headers["retry-after"]) > 0
        meanwhile = writers.between(gone, back)
        assert meanwhile
        assert {(told.status, told.code) for told in meanwhile} == {(503, "UNAVAILABLE")}
        # Reads stop as well, after a moment: what they would say may have been changed where the file is now.
        late = [read for read in writers.reads if gone + 0.3 < read.begun and read.ended < back]
        assert {read.status for read in late} == {503}
        longest = max(told.seconds for told in meanwhile)
        assert longest < 5
        # The same process goes on, and has everything that it ever answered.
        after = [told for told in writers.told if told.begun > back + 0.1]
        assert after
        assert {told.status for told in after} == {201}
        assert set(writers.statuses()) == {201, 503}
        there = names_there(service)
        assert writers.made() - there == set()
        # What was refused while it was away is not there; what was refused in the very moment may be.
        assert there & {told.name for told in meanwhile} == set()
        assert problems_of_the_file(service.data_dir) == []
    figures(
        f"{take_away.__name__}: away for {back - gone:.1f} s, {len(meanwhile)} writes refused with 503 within "
        f"{longest * 1000:.0f} ms each, {len(writers.made())} answered, 0 lost"
    )


def test_deleted_for_good(tmp_path: Path, figures: Callable[[str], None]) -> None:
    with serving(tmp_path) as service:
        with writing(service) as writers:
            time.sleep(0.5)
            for file in service.data_dir.glob("toolgate.db*"):
                file.unlink()
            gone = time.monotonic()
            time.sleep(1)
        late = [told for told in writers.told if told.begun > gone]
        assert {told.status for told in late} == {503}
        assert "is not the one that was opened" in service.log()
    # The next start makes a new one; it does not fail for the secrets that are already there.
    with serving(tmp_path) as service:
        assert names_there(service) == set()
    figures(f"deleted under load: {len(late)} later writes, each refused with 503; the next start begins anew")
