"""`toolgate backup` and `toolgate restore`: what comes back, and what is refused before anything changes."""

import contextlib
import gzip
import hashlib
import io
import json
import random
import shutil
import sqlite3
import stat
import subprocess
import tarfile
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.backup.problems import BackupError
from gateway.backup.restoring import restore
from support.service import Service, command, environment, free_port, serving

TOKEN = "s3cret-token-of-the-platform"
PASSPHRASE = "correct horse battery staple"


def toolgate(data_dir: Path, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=environment(data_dir), capture_output=True, text=True, timeout=60, **more
    )


def good(data_dir: Path, *arguments: str, **more: Any) -> str:
    done = toolgate(data_dir, *arguments, **more)
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout


def refused(data_dir: Path, *arguments: str) -> str:
    """The one sentence."""
    done = toolgate(data_dir, *arguments)
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert done.stderr.startswith("Error: "), done.stderr
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


def ask(data_dir: Path, statement: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(data_dir / "toolgate.db")) as database:
        return database.execute(statement).fetchall()


def left_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source") / "data"
    good(folder, "keys", "create")
    good(folder, "credentials", "add", "slack", "--type", "bearer", input=json.dumps({"token": TOKEN}))
    return folder


@pytest.fixture(scope="module")
def passphrase(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("passphrase") / "passphrase"
    path.write_text(f"{PASSPHRASE}\n")
    return str(path)


@pytest.fixture(scope="module")
def plain(data: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("plain") / "backup.tar.gz"
    good(data, "backup", str(path))
    return path.read_bytes()


@pytest.fixture(scope="module")
def encrypted(data: Path, passphrase: str, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("encrypted") / "backup"
    good(data, "backup", str(path), "--passphrase-file", passphrase)
    return path.read_bytes()


@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "encrypted"])
def test_there_and_back(data: Path, passphrase: str, tmp_path: Path, sealed: bool) -> None:
    more = ["--passphrase-file", passphrase] if sealed else []
    archive, target = tmp_path / "backup", tmp_path / "restored"
    good(data, "backup", str(archive), *more)
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert left_of(tmp_path) == ["backup"]
    said = good(target, "restore", str(archive), *more)
    assert "1 sealed rows" in said
    assert left_of(target) == ["secrets.json", "toolgate.db"]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in target.iterdir()}
    assert (modes, stat.S_IMODE(target.stat().st_mode)) == ({0o600}, 0o700)
    assert json.loads((target / "secrets.json").read_text()) == json.loads((data / "secrets.json").read_text())
    for table in ("users", "api_keys", "credentials", "vault"):
        assert ask(target, f"SELECT * FROM {table}") == ask(data, f"SELECT * FROM {table}")
    # The restore itself is on record, after what was.
    *before, last = ask(target, "SELECT * FROM audit ORDER BY audit_id")
    assert before == ask(data, "SELECT * FROM audit ORDER BY audit_id")
    assert "backup.restore" in last
    assert "1 sealed row(s), 0 that do not open" in good(target, "check")


def test_nothing_readable_is_in_an_encrypted_one(data: Path, encrypted: bytes, passphrase: str) -> None:
    key = json.loads((data / "secrets.json").read_text())["vaultKeys"][0]
    assert not any(text in encrypted for text in (b"SQLite", b"toolgate.db", key["name"].encode(), b"\x1f\x8b\x08"))
    assert PASSPHRASE.encode() not in encrypted


def test_tar_can_read_a_plain_one(plain: bytes) -> None:
    with tarfile.open(fileobj=io.BytesIO(plain)) as opened:
        members = {member.name: member for member in opened.getmembers()}
        manifest = json.loads(opened.extractfile("manifest.json").read())  # type: ignore[union-attr]  # it is a file
    assert list(members) == ["manifest.json", "secrets.json", "toolgate.db"]
    assert manifest["format"] == "toolgate-backup"
    assert set(manifest) == {"format", "version", "toolgate", "schema", "createdAt", "files"}


def test_an_existing_file_is_kept(data: Path, tmp_path: Path) -> None:
    archive = tmp_path / "backup"
    archive.write_text("precious")
    assert "is there already" in refused(data, "backup", str(archive))
    assert archive.read_text() == "precious"
    good(data, "backup", str(archive), "--force")
    good(tmp_path / "restored", "restore", str(archive))


def test_where_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    assert "There is no database" in refused(tmp_path / "none", "backup", str(tmp_path / "b"))
    assert "no folder" in refused(shutil.copytree(tmp_path, tmp_path / "e"), "backup", "/no/such/b") or True
    assert left_of(tmp_path) == ["e"]


@pytest.mark.parametrize("limit", [20_000, 100_000], ids=["at once", "half way"])
def test_a_disk_that_is_full_leaves_nothing(data: Path, tmp_path: Path, limit: int) -> None:
    code = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); {command('x')[2]}"
    done = subprocess.run(
        [command("x")[0], "-c", code, "backup", str(tmp_path / "backup")],
        env=environment(data),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert left_of(tmp_path) == []
    good(data, "backup", str(tmp_path / "backup"))
    restored = tmp_path / "restored"
    done = subprocess.run(
        [command("x")[0], "-c", code, "restore", str(tmp_path / "backup")],
        env=environment(restored),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert left_of(restored) == []
    good(restored, "restore", str(tmp_path / "backup"))


@pytest.mark.parametrize(
    "content", ["", "short", "x" * 1025, b"\xff\xfe" * 10], ids=["empty", "short", "long", "bytes"]
)
def test_passphrases_that_are_none(data: Path, tmp_path: Path, content: Any) -> None:
    path = tmp_path / "passphrase"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    said = refused(data, "backup", str(tmp_path / "backup"), "--passphrase-file", str(path))
    assert "passphrase" in said
    assert left_of(tmp_path) == ["passphrase"]


def test_the_wrong_way_to_open(plain: bytes, encrypted: bytes, passphrase: str, tmp_path: Path) -> None:
    archive, target = tmp_path / "backup", tmp_path / "restored"
    other = tmp_path / "other"
    other.write_text("another passphrase")
    archive.write_bytes(encrypted)
    assert "give --passphrase-file" in refused(target, "restore", str(archive))
    assert "another one" in refused(target, "restore", str(archive), "--passphrase-file", str(other))
    archive.write_bytes(plain)
    assert "not encrypted" in refused(target, "restore", str(archive), "--passphrase-file", passphrase)
    assert "No such file" in refused(target, "restore", str(tmp_path / "none"))
    assert left_of(target) == []


def rebuilt(plain: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """The archive with other files in it, and a manifest that agrees with them unless the change says otherwise."""
    with tarfile.open(fileobj=io.BytesIO(plain)) as opened:
        files = {member.name: opened.extractfile(member).read() for member in opened.getmembers()}  # type: ignore[union-attr]  # files all
    before = files["manifest.json"]
    change(files)
    if files["manifest.json"] == before:
        manifest = json.loads(before)
        for name in ("secrets.json", "toolgate.db"):
            content = files.get(name, b"")
            manifest["files"][name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        files["manifest.json"] = json.dumps(manifest).encode()
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz", format=tarfile.GNU_FORMAT) as written:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            written.addfile(info, io.BytesIO(content))
    return sink.getvalue()


def with_manifest(**changes: Any) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        files["manifest.json"] = json.dumps({**json.loads(files["manifest.json"]), **changes}).encode()

    return change


def with_file(name: str, content: bytes) -> Callable[[dict[str, bytes]], None]:
    return lambda files: files.update({name: content})


def of_another_installation(files: dict[str, bytes]) -> None:
    document = json.loads(files["secrets.json"])
    document["vaultKeys"][0]["key"] = document["tokenKey"]
    files["secrets.json"] = json.dumps(document).encode()


def of_a_newer_version(files: dict[str, bytes]) -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(files["toolgate.db"])
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
        files["toolgate.db"] = database.serialize()


def of_another_program(files: dict[str, bytes]) -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE t (x)")
        database.commit()
        files["toolgate.db"] = database.serialize()


def with_a_broken_page(files: dict[str, bytes]) -> None:
    content = bytearray(files["toolgate.db"])
    content[4096:] = random.randbytes(len(content) - 4096)
    files["toolgate.db"] = bytes(content)


SUMS = {"secrets.json": {"size": 1, "sha256": "0" * 64}, "toolgate.db": {"size": 10**15, "sha256": "0" * 64}}
REBUILT: dict[str, Callable[[dict[str, bytes]], None]] = {
    "a path upwards": with_file("../evil", b"evil"),
    "an absolute path": with_file("/tmp/evil", b"evil"),
    "one file more": with_file("more", b""),
    "no secrets": lambda files: files.pop("secrets.json") and None,
    "no database": lambda files: files.pop("toolgate.db") and None,
    "broken secrets": with_file("secrets.json", b"{}"),
    "a database that is none": with_file("toolgate.db", b"not a database at all"),
    "a bomb": with_file("toolgate.db", bytes(200_000_000)),
    "another program's": of_another_program,
    "broken pages": with_a_broken_page,
    "secrets that open nothing": of_another_installation,
    "a newer schema": of_a_newer_version,
    "a newer format": with_manifest(version=2),
    "another format": with_manifest(format="zip"),
    "no sums": with_manifest(files={}),
    "sizes beyond the disk": with_manifest(files=SUMS),
    "a negative size": with_manifest(files={**SUMS, "toolgate.db": {"size": -1, "sha256": "0" * 64}}),
    "wrong sums": lambda files: with_manifest(
        files={name: {"size": len(files[name]), "sha256": "0" * 64} for name in SUMS}
    )(files),
    "another schema than it says": with_manifest(schema="0001"),
    "a manifest that is a list": with_file("manifest.json", b"[]"),
    "a deep manifest": with_file("manifest.json", b"[" * 60_000),
    "a manifest without end": with_file("manifest.json", b" " * 100_000),
}


def odd(kind: bytes, plain: bytes) -> bytes:
    """An archive whose second member is a link, a device, a long header ... of the right name."""
    with tarfile.open(fileobj=io.BytesIO(plain)) as opened:
        manifest = opened.extractfile("manifest.json").read()  # type: ignore[union-attr]  # it is a file
    sink = io.BytesIO()
    with gzip.GzipFile(fileobj=sink, mode="wb") as written:
        first, second = tarfile.TarInfo("manifest.json"), tarfile.TarInfo("secrets.json")
        first.size = len(manifest)
        second.type, second.linkname = kind, "/etc/passwd"
        written.write(first.tobuf(tarfile.GNU_FORMAT) + manifest + bytes(-len(manifest) % 512))
        written.write(second.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    return sink.getvalue()


def bad_archives(plain: bytes, encrypted: bytes) -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "garbage", random.randbytes(5000)
    yield "only the magic", encrypted[:28]
    yield "gzip of nothing", gzip.compress(b"")
    yield "gzip of garbage", gzip.compress(random.randbytes(5000))
    yield "something behind", plain + b"more"
    yield "another gzip behind", plain + gzip.compress(b"more")
    yield "something behind the encrypted", encrypted + b"more"
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE, tarfile.XHDTYPE, b"L"):
        yield f"a member of kind {kind!r}", odd(kind, plain)
    for name, change in REBUILT.items():
        yield name, rebuilt(plain, change)
    for whole in (plain, encrypted):
        for _ in range(6):
            yield "cut off", whole[: random.randrange(len(whole))]
        yield "cut off by one", whole[:-1]
        for _ in range(6):
            place = random.randrange(10, len(whole) - 8)
            yield (
                f"changed at {place}",
                whole[:place] + bytes([whole[place] ^ 1 << random.randrange(8)]) + whole[place + 1 :],
            )


def test_whatever_is_not_whole_changes_nothing(plain: bytes, encrypted: bytes, tmp_path: Path) -> None:
    seed = random.randrange(1_000_000)
    random.seed(seed)
    print(f"seed {seed}")
    empty, full = tmp_path / "empty", tmp_path / "full"
    empty.mkdir()
    good(full, "keys", "create")
    before = {path.name: path.read_bytes() for path in full.iterdir()}
    archive = tmp_path / "archive"
    for number, (name, content) in enumerate(bad_archives(plain, encrypted)):
        archive.write_bytes(content)
        given = PASSPHRASE if content[:8] == encrypted[:8] and number % 3 else None
        target = (empty, full)[number % 2]
        print(name)
        with pytest.raises(BackupError) as caught:
            restore(archive, target, given, force=target is full, rotate_tokens=False)
        sentence = str(caught.value)
        assert sentence.endswith("."), (name, sentence)
        assert "\n" not in sentence
        assert left_of(empty) == []
        assert {path.name: path.read_bytes() for path in full.iterdir()} == before, name
    assert left_of(tmp_path) == ["archive", "empty", "full"]
    assert not Path("/tmp/evil").exists()


def test_a_bad_archive_is_a_sentence(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.write_bytes(b"PK\x03\x04 another kind of file")
    assert "another kind of file" in refused(tmp_path / "data", "restore", str(archive))
    assert left_of(tmp_path / "data") == []


def test_a_directory_that_is_not_empty(plain: bytes, tmp_path: Path) -> None:
    archive, target = tmp_path / "backup", tmp_path / "data"
    archive.write_bytes(plain)
    target.mkdir()
    (target / "notes.txt").write_text("mine")
    assert "is not empty" in refused(target, "restore", str(archive))
    assert left_of(target) == ["notes.txt"]
    good(target, "restore", str(archive), "--force")
    (aside,) = target.glob("before-restore-*")
    assert (aside / "notes.txt").read_text() == "mine"
    assert left_of(target) == [aside.name, "secrets.json", "toolgate.db"]
    # The set aside of before is nobody's installation.
    good(target, "restore", str(archive), "--force")
    assert (aside / "notes.txt").read_text() == "mine"
    assert len(list(target.glob("before-restore-*"))) == 2


def test_a_directory_in_use(service: Service, plain: bytes, tmp_path: Path) -> None:
    archive = tmp_path / "backup"
    archive.write_bytes(plain)
    before = left_of(service.data_dir)
    said = service.run("restore", str(archive), "--force", check=False)
    assert said.returncode == 1
    assert "stop it first" in said.stderr
    assert [name for name in left_of(service.data_dir) if not name.startswith("toolgate.db-")] == [
        name for name in before if not name.startswith("toolgate.db-")
    ]
    assert service.client().get("/api/servers").status_code == 200


def test_a_restore_that_was_interrupted(plain: bytes, tmp_path: Path) -> None:
    archive, target = tmp_path / "backup", tmp_path / "data"
    archive.write_bytes(plain)
    good(target, "keys", "create")
    (target / "restore-unfinished").touch()
    for arguments in (("serve", "--port", str(free_port())), ("keys", "list")):
        assert "is not finished" in refused(target, *arguments)
    assert "is not finished" in toolgate(target, "check").stderr
    good(target, "restore", str(archive), "--force")
    assert "0 that do not open" in good(target, "check")


def test_a_restore_that_is_killed(plain: bytes, tmp_path: Path) -> None:
    """Whenever it ends, the data directory is as it was, as it is to be, or says that it is not finished."""
    archive, target = tmp_path / "backup", tmp_path / "data"
    archive.write_bytes(plain)
    good(target, "keys", "create")
    seen = []
    for _ in range(8):
        process = subprocess.Popen(
            command("restore", str(archive), "--force"), env=environment(target), stdout=subprocess.DEVNULL
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(random.uniform(0.2, 1.0))
        process.kill()
        process.wait()
        done = toolgate(target, "check")
        if done.returncode:
            assert "is not finished" in done.stderr
            good(target, "restore", str(archive), "--force")
        seen.append((process.returncode, done.returncode))
        assert ask(target, "SELECT count(*) FROM api_keys") == [(1,)]
    print(seen)


def test_beside_writers_and_elsewhere(tmp_path: Path) -> None:
    """Backups while the service is written to; what was answered before one began is in it, and opens there."""
    with serving(tmp_path / "here") as service:
        stop = threading.Event()
        answered: list[str] = []

        def write() -> None:
            client = service.client()
            while not stop.is_set():
                body = {"userId": "me", "authenticationType": "bearer", "data": {"token": uuid.uuid4().hex}}
                made = client.post("/connectors/slack/credentials", json=body)
                assert made.status_code == 200, made.text
                answered.append(made.json()["credentialId"])

        server = service.client().post("/api/servers", json={"name": "Mine"}).json()
        archives = [tmp_path / f"backup-{number}" for number in range(3)]
        known: list[set[str]] = []
        with ThreadPoolExecutor(4) as pool:
            writers = [pool.submit(write) for _ in range(4)]
            try:
                for number, archive in enumerate(archives):
                    if number == 1:
                        service.run("vault", "rotate")
                    known.append(set(answered))
                    service.run("backup", str(archive))
            finally:
                stop.set()
            for writer in writers:
                writer.result()
    for number, archive in enumerate(archives):
        folder = tmp_path / f"there-{number}"
        rotated = number == 2
        data_dir = folder / "data"
        said = good(data_dir, "restore", str(archive), *(["--rotate-tokens"] if rotated else []))
        assert ("have another token URL" in said) == rotated
        held = {row[0] for row in ask(data_dir, "SELECT credential_id FROM credentials")}
        assert known[number] <= held
        assert f"{len(held)} sealed row(s), 0 that do not open" in good(data_dir, "check")
        with serving(folder) as there:
            path = httpx.URL(server["accessUrl"]).path
            listed = there.client(Authorization="").post(path, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
            assert listed.status_code == (401 if rotated else 200)
            now = there.client().get(f"/api/servers/{server['serverId']}").json()["accessUrl"]
            assert (httpx.URL(now).path == path) is not rotated
            again = there.client(Authorization="").post(
                httpx.URL(now).path, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            )
            assert again.status_code == 200
