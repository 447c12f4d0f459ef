"""The file of a backup: a gzipped tar of three plain files, which `tar xzf` reads too; perhaps encrypted as a whole.

    manifest.json   {"format": "toolgate-backup", "version": 1, "toolgate", "schema", "createdAt", "files"}
    secrets.json
    toolgate.db     files: name -> {"size", "sha256"} of these two

It is read without `tarfile`'s own reading, since nothing of what archives can hold is wanted: names that are paths,
links, devices, headers of any length. Another name, another kind, another size than the manifest says end the reading.
"""

import gzip
import hashlib
import json
import os
import re
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from gateway.backup.encryption import MAGIC, Decrypting, Encrypting, Source
from gateway.backup.problems import BackupError, damaged

MANIFEST, SECRETS, DATABASE = "manifest.json", "secrets.json", "toolgate.db"
_FORMAT, _VERSION = "toolgate-backup", 1
_BLOCK = 512
_CHUNK = 1024 * 1024
_MOST_MANIFEST, _MOST_SECRETS = 64 * 1024, 256 * 1024
_DATABASE_BEGINS = b"SQLite format 3\0"
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says about itself. `files` has the size in bytes and the SHA-256 of each."""

    toolgate: str
    schema: str
    created_at: str
    files: Mapping[str, tuple[int, str]]


class _Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


def write(target: BinaryIO, folder: Path, about: Mapping[str, str], passphrase: str | None) -> None:
    """Write the two files in `folder` into `target`; `about` has `toolgate`, `schema` and `createdAt`."""
    files = {name: ((folder / name).stat().st_size, _sum(folder / name)) for name in _FILES}
    named = {name: {"size": size, "sha256": digest} for name, (size, digest) in files.items()}
    manifest = json.dumps({"format": _FORMAT, "version": _VERSION, **about, "files": named}, indent=2).encode()
    sealed = None if passphrase is None else Encrypting(target, passphrase)
    # It writes, and no more is asked of it.
    onto = target if sealed is None else cast("BinaryIO", sealed)
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=onto, mtime=0) as sink:
        _begin(sink, MANIFEST, len(manifest))
        sink.write(manifest)
        _end(sink, len(manifest))
        for name, (size, _) in files.items():
            _begin(sink, name, size)
            with (folder / name).open("rb") as file:
                while chunk := file.read(_CHUNK):
                    sink.write(chunk)
            _end(sink, size)
        # Two empty blocks are the end of a tar.
        sink.write(bytes(2 * _BLOCK))
    if sealed is not None:
        sealed.finish()


def read(source: BinaryIO, folder: Path, passphrase: str | None, *, room: int) -> Manifest:
    """Unpack into the empty `folder` and return the manifest, with every sum checked.

    `room` is how many bytes there is place for. Raises BackupError; what was unpacked by then is still there.
    """
    try:
        # It reads, and no more is asked of it.
        opened = cast("BinaryIO", _opened(source, passphrase))
        with gzip.GzipFile(fileobj=opened, mode="rb") as stream:
            size = _header(stream, MANIFEST)
            if size > _MOST_MANIFEST:
                raise damaged("its manifest is too large")
            manifest = _manifest(_exactly(stream, size))
            _skip(stream, size)
            if sum(size for size, _ in manifest.files.values()) > room:
                raise BackupError("There is not enough room for what is in this backup.")
            for name in _FILES:
                _unpack(stream, name, manifest, folder / name)
            if _exactly(stream, 2 * _BLOCK) != bytes(2 * _BLOCK) or stream.read(1):
                raise damaged("there is something behind its end")
        return manifest
    except (gzip.BadGzipFile, zlib.error, EOFError, tarfile.TarError, UnicodeDecodeError):
        raise damaged("it is damaged or cut off") from None


_FILES = (SECRETS, DATABASE)


def _opened(source: BinaryIO, passphrase: str | None) -> Source:
    begin = source.read(len(MAGIC))
    if begin == MAGIC:
        if passphrase is None:
            raise BackupError("This backup is encrypted: give --passphrase-file.")
        return Decrypting(source, passphrase)
    if not begin.startswith(_GZIP):
        raise damaged("it is another kind of file")
    if passphrase is not None:
        raise BackupError("This backup is not encrypted: leave --passphrase-file out if you trust it.")
    source.seek(0)
    return source


def _begin(sink: _Sink, name: str, size: int) -> None:
    header = tarfile.TarInfo(name)
    header.size, header.mode = size, 0o600
    sink.write(header.tobuf(format=tarfile.GNU_FORMAT))


def _end(sink: _Sink, size: int) -> None:
    sink.write(bytes(-size % _BLOCK))


def _header(stream: Source, name: str) -> int:
    """The size of the next member, which must be the plain file `name`."""
    header = tarfile.TarInfo.frombuf(_exactly(stream, _BLOCK), "utf-8", "strict")
    if header.name != name or header.type != tarfile.REGTYPE or header.size < 0:
        raise damaged("it holds other files")
    return header.size


def _unpack(stream: Source, name: str, manifest: Manifest, path: Path) -> None:
    size, expected = manifest.files[name]
    if _header(stream, name) != size or (name == SECRETS and size > _MOST_SECRETS):
        raise damaged(f"the size of {name} is another one")
    digest, left, first = hashlib.sha256(), size, True
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while left:
            chunk = _exactly(stream, min(left, _CHUNK))
            if first and name == DATABASE and not chunk.startswith(_DATABASE_BEGINS):
                raise damaged(f"{name} is no database")
            first, left = False, left - len(chunk)
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if digest.hexdigest() != expected:
        raise damaged(f"the sum of {name} is another one")
    _skip(stream, size)


def _skip(stream: Source, size: int) -> None:
    _exactly(stream, -size % _BLOCK)


def _exactly(stream: Source, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        chunk = stream.read(size - len(found))
        if not chunk:
            raise damaged("it is cut off")
        found += chunk
    return bytes(found)


def _manifest(text: bytes) -> Manifest:
    try:
        found: Any = json.loads(text)
        if found["format"] != _FORMAT:
            raise damaged("it is another kind of file")
        if found["version"] != _VERSION:
            raise BackupError("This backup was written by a newer version of Toolgate: restore it with that one.")
        files = {name: (found["files"][name]["size"], found["files"][name]["sha256"]) for name in _FILES}
        about = (found["toolgate"], found["schema"], found["createdAt"])
        right = all(
            type(size) is int and size > 0 and re.fullmatch("[0-9a-f]{64}", sha) for size, sha in files.values()
        )
        if not right or len(found["files"]) != len(_FILES) or not all(isinstance(one, str) for one in about):
            raise ValueError
    except (ValueError, LookupError, TypeError, RecursionError):
        raise damaged("its manifest is not right") from None
    return Manifest(*about, files)


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
