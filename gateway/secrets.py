"""The secrets file: the keys of this installation, in `secrets.json` beside the database, for its owner's eyes only.

    {"version": 1, "tokenKey": "...", "vaultKeys": [{"name": "k0a1b2c3d", "key": "..."}]}

Keys are 32 random bytes as base64. The first vault key seals; the others still open what they have sealed. The file is
made with a new database and never again: without it, the credentials in an existing one cannot be opened.
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


def _create(path: Path) -> None:
    """Put a whole new file in place, unless another process has put one there meanwhile: then that one stands."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"k{secrets.token_hex(4)}"
    document = {
        "version": _VERSION,
        "tokenKey": b64encode(secrets.token_bytes(KEY_BYTES)).decode(),
        "vaultKeys": [{"name": name, "key": b64encode(secrets.token_bytes(KEY_BYTES)).decode()}],
    }
    temporary = path.with_name(f".{FILE}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(document, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link, unlike a rename, never takes the place of a file that is there.
            path.hardlink_to(temporary)
        except FileExistsError:
            return
    finally:
        temporary.unlink(missing_ok=True)
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    # The name of a new file is on the disk once its directory is; Windows has no such call and no need of it.
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
