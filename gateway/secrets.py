"""The secrets file: the keys of this installation, in `secrets.json` beside the database, for its owner's eyes only.

    {"version": 1, "tokenKey": "...", "vaultKeys": [{"name": "k0a1b2c3d", "key": "..."}]}

Keys are 32 random bytes as base64. The first vault key seals, unless the database names another one while a rotation
begins; all of them open what they have sealed. The file is made with a new database and never again: without it, the
credentials in an existing one cannot be opened. A rotation (gateway.credentials.rotation) replaces it, whole each time.
"""

import binascii
import json
import logging
import os
import re
import secrets
import stat
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = "secrets.json"
KEY_BYTES = 32
_VERSION = 1
_NEXT = f".{FILE}.next-"
_LONGEST = 256 * 1024
_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}\Z")
_log = logging.getLogger(__name__)


class SecretsError(Exception):
    """The secrets cannot be used; the message is one sentence for the operator, without anything secret."""


class KeyRing:
    """Named keys of 32 bytes each, in order: the first one seals, all of them open. Its repr shows names only."""

    __slots__ = ("_keys", "current")

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES or not _NAME.match(name) for name, key in keys.items()):
            raise ValueError("a key ring has at least one key, each with a name of 1 to 32 characters and 32 bytes")
        self._keys = dict(keys)
        # The name of the key that seals.
        self.current = next(iter(self._keys))

    @property
    def names(self) -> tuple[str, ...]:
        """All names, the current one first."""
        return tuple(self._keys)

    def get(self, name: str) -> bytes | None:
        """The key of this name, or None."""
        return self._keys.get(name)

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._keys)})"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the file holds. `token_key` is for token URLs (gateway.access.tokens), `ring` for the vault."""

    token_key: bytes = field(repr=False)
    ring: KeyRing


def load_or_create(data_dir: Path, *, fresh: bool) -> Secrets:
    """The secrets in `data_dir`, made if they are missing and `fresh` says that there is no database yet, or an empty
    one. Processes that do this at once get the same.

    Raises SecretsError where the file is missing beside a database, is damaged, or cannot be made private.
    """
    path = data_dir / FILE
    try:
        if not path.exists():
            if not fresh:
                raise SecretsError(
                    f"{path} is missing, and the database beside it cannot be used without the keys in it: "
                    "put the file back from a backup."
                )
            _create(path)
        return _parse(path, _read(path))
    except OSError as error:
        raise SecretsError(f"{path} cannot be used: {error.strerror or type(error).__name__}.") from None


def load(data_dir: Path) -> Secrets:
    """The secrets in `data_dir`. Raises SecretsError where they are missing or damaged."""
    path = data_dir / FILE
    if not path.exists():
        raise SecretsError(f"{path} is missing.")
    return load_or_create(data_dir, fresh=False)


def new_secrets() -> Secrets:
    """Secrets of one new vault key and a new token key."""
    return Secrets(secrets.token_bytes(KEY_BYTES), KeyRing({new_key_name(): secrets.token_bytes(KEY_BYTES)}))


def new_key_name() -> str:
    return f"k{secrets.token_hex(4)}"


def rewrite(data_dir: Path, new: Secrets) -> None:
    """Put a file with these secrets in place of the one that is there, as a whole; on the disk when this returns.

    For one process at a time. Raises SecretsError, and then the file is as it was.
    """
    path = data_dir / FILE
    # What a process left that was killed while it wrote.
    for left in data_dir.glob(f"{_NEXT}*"):
        left.unlink(missing_ok=True)
    temporary = path.with_name(f"{_NEXT}{secrets.token_hex(8)}")
    try:
        try:
            _write(temporary, new)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_directory(data_dir)
    except OSError as error:
        raise SecretsError(f"{path} cannot be written: {error.strerror or type(error).__name__}.") from None


def as_text(held: Secrets) -> bytes:
    """The file that holds these secrets."""
    keys = [{"name": name, "key": b64encode(held.ring.get(name) or b"").decode()} for name in held.ring.names]
    document = {"version": _VERSION, "tokenKey": b64encode(held.token_key).decode(), "vaultKeys": keys}
    return json.dumps(document, indent=2).encode() + b"\n"


class RingFile:
    """Reads the key ring again once the file is another than it was when it was last read."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._seen: tuple[int, int, int] | None = None

    def again(self) -> KeyRing | None:
        """The ring as the file has it now; None where that is known already, or cannot be read."""
        try:
            about = (self._data_dir / FILE).stat()
            found = (about.st_ino, about.st_mtime_ns, about.st_size)
            if found == self._seen:
                return None
            ring = load(self._data_dir).ring
        except (OSError, SecretsError) as error:
            _log.error("the secrets file cannot be read again: %s", error)
            return None
        self._seen = found
        return ring


def _create(path: Path) -> None:
    """Put a whole new file in place, unless another process has put one there meanwhile: then that one stands."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{FILE}.{secrets.token_hex(8)}")
    try:
        _write(temporary, new_secrets())
        try:
            # A link, unlike a rename, never takes the place of a file that is there.
            path.hardlink_to(temporary)
        except FileExistsError:
            return
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)


def _write(path: Path, held: Secrets) -> None:
    """A new file, for its owner's eyes, on the disk when this returns."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(as_text(held))
        file.flush()
        os.fsync(file.fileno())


def sync_directory(directory: Path) -> None:
    """Bring the names in a directory to the disk; Windows has no such call and no need of it."""
    if os.name != "nt":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _read(path: Path) -> bytes:
    # Asked first, since to open a pipe would be to wait for its other end.
    if not path.is_file():
        raise SecretsError(f"{path} is not a file.")
    with path.open("rb") as file:
        if os.name != "nt" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            try:
                os.fchmod(file.fileno(), 0o600)
            except OSError:
                raise SecretsError(
                    f"{path} can be read by others, and that cannot be changed: set its mode to 0600."
                ) from None
            _log.warning("%s could be read by others; its mode is 0600 now.", path)
        text = file.read(_LONGEST + 1)
    if len(text) > _LONGEST:
        raise _damaged(path)
    return text


def _parse(path: Path, text: bytes) -> Secrets:
    try:
        document = json.loads(text)
        if document["version"] != _VERSION:
            raise SecretsError(
                f"{path} has version {document['version']!r}, which this version of Toolgate does not know."
            )
        entries = document["vaultKeys"]
        keys = {entry["name"]: _key(entry["key"]) for entry in entries}
        if len(keys) != len(entries):
            raise ValueError("two keys of one name")
        return Secrets(_key(document["tokenKey"]), KeyRing(keys))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        # From None: what these say may quote what the file holds.
        raise _damaged(path) from None


def _key(value: Any) -> bytes:
    key = b64decode(value, validate=True)
    if len(key) != KEY_BYTES:
        raise binascii.Error("not 32 bytes")
    return key


def _damaged(path: Path) -> SecretsError:
    return SecretsError(f"{path} is damaged: put the file back from a backup.")
