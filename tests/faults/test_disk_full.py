"""The disk is full: writes are refused, reads go on, nothing is half written, and the same process recovers."""

import os
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from stored import problems_of_the_file

from support.service import Service, command, environment, serving
from support.upstream import running

BIG = "x" * 9_000
REFUSED = "The database cannot be written now: its disk may be full"


class SmallDisk:
    """A file system of 8 MB in a mount namespace of the service's own: full is really full."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.data.mkdir()

    def launch(self, line: list[str]) -> list[str]:
        # The log goes to the same disk.
        script = 'mount -t tmpfs -o size=8m tmpfs "$0" && exec "$@" 2>"$0/service.log"'
        return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, str(self.data), *line]

    def seen(self, service: Service) -> Path:
        return Path(f"/proc/{service.process.pid}/root{self.data}")

    def fill(self, service: Service) -> None:
        with (self.seen(service) / "ballast").open("wb", buffering=0) as ballast:
            for size in (65536, 4096):
                try:
                    while ballast.write(bytes(size)) == size:
                        pass
                except OSError:
                    continue

    def free(self, service: Service) -> None:
        (self.seen(service) / "ballast").unlink()


class FileLimit:
    """No file may grow beyond a page (`ulimit -f`): works everywhere, with another error."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"

    def launch(self, line: list[str]) -> list[str]:
        return line

    def seen(self, service: Service) -> Path:
        return service.data_dir

    def fill(self, service: Service) -> None:
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

    def free(self, service: Service) -> None:
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, unlimited)


def _namespaces() -> bool:
    if shutil.which("unshare") is None:
        return False
    script = "mount -t tmpfs -o size=1m tmpfs /tmp"
    line = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    return subprocess.run(line, capture_output=True).returncode == 0


KINDS = [
    pytest.param(SmallDisk, marks=pytest.mark.skipif(not _namespaces(), reason="no mount namespaces here")),
    FileLimit,
]


@contextmanager
def filled(disk: SmallDisk | FileLimit, service: Service) -> Iterator[None]:
    disk.fill(service)
    try:
        yield
    finally:
        disk.free(service)


def create(client: httpx.Client, name: str) -> httpx.Response:
    return client.post("/api/servers", json={"name": name, "customInstructions": BIG})


@pytest.mark.parametrize("kind", KINDS)
def test_full_and_free_again(
    tmp_path: Path, kind: type[SmallDisk] | type[FileLimit], figures: Callable[[str], None]
) -> None:
    disk = kind(tmp_path)
    with running() as platform, serving(tmp_path, launch=disk.launch) as service:
        client = service.client()
        assert client.post("/connectors", json={"id": "tasks", "document": platform.document()}).status_code == 201
        credential = {"userId": "me", "authenticationType": "bearer", "data": {"token": "t"}}
        credential_id = client.post("/connectors/tasks/credentials", json=credential).json()["credentialId"]
        path = "/connectors/tasks/actions/getTask/execute"
        run = {"pathParams": {"id": "1"}, "credentialId": credential_id}
        made = [name for name in (f"before {number}" for number in range(5)) if create(client, name).status_code == 201]
        assert len(made) == 5
        refused: list[httpx.Response] = []
        with filled(disk, service):
            # The log has room in what it took before: a few more may fit.
            while len(refused) < 20:
                name = f"full {len(made)} {len(refused)}"
                answer = create(client, name)
                if answer.status_code == 201:
                    made.append(name)
                    assert len(made) < 3000
                else:
                    refused.append(answer)
            errors = [answer.json()["error"] for answer in refused]
            assert {answer.status_code for answer in refused} == {503}
            assert {error["message"] for error in errors} == {REFUSED}
            assert {answer.headers["retry-after"] for answer in refused} == {"10"}
            # What cannot be put on record is not done.
            runs = [client.post(path, json=run) for _ in range(3)]
            assert {answer.status_code for answer in runs} == {503}
            assert platform.received == []
            begun = time.monotonic()
            listed = client.get("/api/servers", params={"limit": 1000})
            assert listed.status_code == 200
            assert {server["name"] for server in listed.json()["servers"]} == set(made)
            assert client.get("/health/ready").status_code == 200
            reading = time.monotonic() - begun
        assert create(client, "after").status_code == 201
        assert client.post(path, json=run).status_code == 200
        assert len(platform.received) == 1
        there = {server["name"] for server in client.get("/api/servers", params={"limit": 1000}).json()["servers"]}
        assert there == {*made, "after"}
        assert problems_of_the_file(disk.seen(service)) == []
        assert service.process.poll() is None
    figures(
        f"{kind.__name__}: {len(refused)} writes and 3 executions refused with 503, nothing of them kept or sent; "
        f"reads went on ({reading * 1000:.0f} ms for two); the first write after there was room succeeded; file whole"
    )


def test_a_first_start_without_room(tmp_path: Path) -> None:
    data = tmp_path / "data"
    line = command("serve", "--port", "0")
    script = 'ulimit -f 0; exec "$@"'
    # Without the measuring of coverage, which could not write what it measured either.
    values = {name: value for name, value in environment(data).items() if not name.startswith("COV")}
    begun = subprocess.run(["sh", "-c", script, "sh", *line], env=values, capture_output=True, text=True, timeout=60)
    assert begun.returncode == 1
    assert "Traceback" not in begun.stderr
    assert str(data) in begun.stderr
    # What it left behind does not stand in the way of the next.
    with serving(tmp_path) as service:
        assert create(service.client(), "now").status_code == 201
    assert not [name for name in os.listdir(data) if name.startswith(".secrets")]  # noqa: PTH208 (names are all it is about)
