"""The secrets file: made once, private, and never replaced by a new one."""

import json
import logging
import multiprocessing
import os
import stat
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway import secrets
from gateway.secrets import KeyRing, Secrets, SecretsError, load_or_create

KEY = b64encode(b"t" * 32).decode()
OTHER = b64encode(b"o" * 32).decode()


def document(**more: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "tokenKey": KEY,
        "vaultKeys": [{"name": "new", "key": KEY}, {"name": "old", "key": OTHER}],
    } | more


def put(data_dir: Path, content: Any, mode: int = 0o600) -> Path:
    path = data_dir / "secrets.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    path.chmod(mode)
    return path


def same(one: Secrets, other: Secrets) -> bool:
    rings = [[(name, ring.get(name)) for name in ring.names] for ring in (one.ring, other.ring)]
    return one.token_key == other.token_key and rings[0] == rings[1]


def refusal(data_dir: Path, *, fresh: bool = False) -> str:
    with pytest.raises(SecretsError) as caught:
        load_or_create(data_dir, fresh=fresh)
    message = str(caught.value)
    assert message.startswith(str(data_dir / "secrets.json"))
    assert message.endswith(".")
    assert "\n" not in message
    return message


def test_a_fresh_directory_gets_secrets_that_stay(tmp_path: Path) -> None:
    data_dir = tmp_path / "new" / "data"
    made = load_or_create(data_dir, fresh=True)
    assert len(made.token_key) == 32
    assert len(made.ring.names) == 1
    key = made.ring.get(made.ring.current)
    assert key is not None
    assert len(key) == 32
    assert key != made.token_key
    for fresh in (True, False):
        assert same(load_or_create(data_dir, fresh=fresh), made)
    assert [path.name for path in data_dir.iterdir()] == ["secrets.json"]


def test_two_installations_share_nothing(tmp_path: Path) -> None:
    one, other = (load_or_create(tmp_path / name, fresh=True) for name in ("a", "b"))
    assert one.token_key != other.token_key
    assert one.ring.names != other.ring.names


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
def test_the_file_is_its_owners_alone(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        load_or_create(tmp_path, fresh=True)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) & 0o077 == 0


def test_a_folder_it_has_to_make_is_its_owners_alone(tmp_path: Path) -> None:
    load_or_create(tmp_path / "data", fresh=True)
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_the_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, fsync = tmp_path / "secrets.json", os.fsync
    synced = []

    def watched(descriptor: int) -> None:
        state = os.fstat(descriptor)
        synced.append(("folder", path.exists()) if stat.S_ISDIR(state.st_mode) else (state.st_size, path.exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    load_or_create(tmp_path, fresh=True)
    assert synced == [(path.stat().st_size, False), ("folder", True)]


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: Any, **more: Any) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    assert "Permission denied" in refusal(tmp_path, fresh=True)


def test_beside_a_database_nothing_new_is_made(tmp_path: Path) -> None:
    assert "is missing" in refusal(tmp_path, fresh=False)
    assert list(tmp_path.iterdir()) == []


def _start(data_dir: Path, barrier: Any, results: Any) -> None:
    barrier.wait()
    made = load_or_create(data_dir, fresh=True)
    results.put(made.token_key)


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(4), context.Queue()
    started = [context.Process(target=_start, args=(tmp_path, barrier, results)) for _ in range(4)]
    for process in started:
        process.start()
    assert len({results.get(timeout=20) for _ in started}) == 1
    for process in started:
        process.join()
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.json"]


def test_a_file_that_another_process_made_meanwhile_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync

    def made_meanwhile(descriptor: int) -> None:
        put(tmp_path, document())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", made_meanwhile)
    assert load_or_create(tmp_path, fresh=True).ring.names == ("new", "old")
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.json"]


def test_a_disk_that_is_full_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    assert "No space left on device" in refusal(tmp_path, fresh=True)
    assert list(tmp_path.iterdir()) == []


def test_the_first_key_is_the_current_one(tmp_path: Path) -> None:
    put(tmp_path, document())
    loaded = load_or_create(tmp_path, fresh=False)
    assert loaded.token_key == b"t" * 32
    assert loaded.ring.current == "new"
    assert loaded.ring.get("new") == b"t" * 32
    assert loaded.ring.get("old") == b"o" * 32
    assert loaded.ring.get("none") is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"null",
        b"[]",
        b'"text"',
        b"[" * 10_000,
        {},
        document(tokenKey=None),
        document(tokenKey="short"),
        document(tokenKey=KEY[:-4]),
        document(tokenKey=KEY + "!"),
        document(tokenKey=b64encode(b"t" * 33).decode()),
        document(tokenKey="ключ"),
        document(vaultKeys=None),
        document(vaultKeys=[]),
        document(vaultKeys={}),
        document(vaultKeys=["new"]),
        document(vaultKeys=[{"name": "new"}]),
        document(vaultKeys=[{"name": "new", "key": "short"}]),
        document(vaultKeys=[{"name": "", "key": KEY}]),
        document(vaultKeys=[{"name": 7, "key": KEY}]),
        document(vaultKeys=[{"name": ["new"], "key": KEY}]),
        document(vaultKeys=[{"name": "n" * 33, "key": KEY}]),
        document(vaultKeys=[{"name": "new", "key": KEY}, {"name": "new", "key": OTHER}]),
        json.dumps(document()).encode() + b" " * 256 * 1024,
    ],
)
def test_a_damaged_file_is_said_to_be_so_and_left_alone(tmp_path: Path, content: Any) -> None:
    path = put(tmp_path, content)
    before = path.read_bytes()
    for fresh in (True, False):
        assert refusal(tmp_path, fresh=fresh) == f"{path} is damaged: put the file back from a backup."
    assert path.read_bytes() == before


def test_a_file_of_a_newer_version(tmp_path: Path) -> None:
    put(tmp_path, document(version=2))
    assert "newer" in refusal(tmp_path)


@pytest.mark.parametrize(
    "make",
    [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("nowhere")],
    ids=["folder", "pipe", "broken link"],
)
def test_what_is_no_file(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "secrets.json")
    assert "is not a file" in refusal(tmp_path, fresh=True)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refusal(tmp_path / "file", fresh=True)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o620])
def test_a_loose_file_is_made_private_and_the_operator_hears_of_it(
    tmp_path: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    path = put(tmp_path, document(), mode)
    load_or_create(tmp_path, fresh=False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    caplog.clear()
    load_or_create(tmp_path, fresh=False)
    assert not caplog.records


def test_a_loose_file_that_cannot_be_made_private_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, document(), 0o644)

    def refused(descriptor: int, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchmod", refused)
    assert "set its mode to 0600" in refusal(tmp_path)


def test_secrets_are_in_no_repr(tmp_path: Path) -> None:
    put(tmp_path, document())
    shown = repr(load_or_create(tmp_path, fresh=False))
    assert shown == "Secrets(ring=KeyRing(new, old))"


@pytest.mark.parametrize("keys", [{}, {"a": b"short"}, {"": b"k" * 32}, {"a b": b"k" * 32}])
def test_a_ring_has_whole_keys_with_names(keys: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match="key ring"):
        KeyRing(keys)


def test_the_name_of_a_key_fits_its_column(tmp_path: Path) -> None:
    assert len(load_or_create(tmp_path, fresh=True).ring.current) <= 32
    assert secrets.FILE == "secrets.json"
