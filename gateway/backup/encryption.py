"""An archive under a passphrase: scrypt (RFC 7914) makes the key, AES-256-GCM seals chunk after chunk.

    magic, salt (16 bytes), nonce prefix (7 bytes), then chunks of 64 KiB, each sealed with its number and whether it is
    the last one in its nonce (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizar)

So chunks cannot be exchanged, left out or added, and the end cannot be cut off, without its being noticed.
"""

import hashlib
import secrets
from typing import BinaryIO, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.backup.problems import BackupError, damaged

MAGIC = b"toolgate-backup-encrypted-1\n"
_SALT, _PREFIX, _TAG = 16, 7, 16
_CHUNK = 64 * 1024
# 128 MiB and a quarter of a second for one guess.
_COST, _BLOCK = 2**17, 8


class Source(Protocol):
    """What can be read from."""

    def read(self, size: int, /) -> bytes: ...


class Encrypting:
    """Takes what is written and writes it on, sealed. `finish` writes the last chunk."""

    def __init__(self, sink: BinaryIO, passphrase: str) -> None:
        salt, self._prefix = secrets.token_bytes(_SALT), secrets.token_bytes(_PREFIX)
        self._header = MAGIC + salt + self._prefix
        self._cipher = _cipher(passphrase, salt)
        self._sink, self._held, self._number = sink, bytearray(), 0
        sink.write(self._header)

    def write(self, data: bytes) -> int:
        self._held += data
        # The last chunk is known as such: so one byte at least is kept back.
        while len(self._held) > _CHUNK:
            self._seal(bytes(self._held[:_CHUNK]), last=False)
            del self._held[:_CHUNK]
        return len(data)

    def flush(self) -> None:
        """Nothing: chunks have one size."""

    def finish(self) -> None:
        self._seal(bytes(self._held), last=True)
        self._held.clear()

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        self._sink.write(self._cipher.encrypt(_nonce(self._prefix, self._number, last), chunk, self._header))
        self._number += 1


class Decrypting:
    """Gives back what `Encrypting` was given. Reading raises BackupError for a wrong passphrase or changed bytes."""

    def __init__(self, source: Source, passphrase: str) -> None:
        """`source` stands behind the magic."""
        salt, self._prefix = source.read(_SALT), source.read(_PREFIX)
        if len(salt) + len(self._prefix) != _SALT + _PREFIX:
            raise damaged("it is cut off")
        self._header = MAGIC + salt + self._prefix
        self._cipher = _cipher(passphrase, salt)
        self._source, self._number, self._ended = source, 0, False
        self._next = source.read(_CHUNK + _TAG)
        self._held = b""

    def read(self, size: int = -1, /) -> bytes:
        while not self._ended and (size < 0 or len(self._held) < size):
            self._open()
        taken = self._held if size < 0 else self._held[:size]
        self._held = self._held[len(taken) :]
        return taken

    def _open(self) -> None:
        chunk, self._next = self._next, self._source.read(_CHUNK + _TAG)
        last = not self._next
        try:
            self._held += self._cipher.decrypt(_nonce(self._prefix, self._number, last), chunk, self._header)
        except InvalidTag:
            if self._number == 0:
                raise BackupError("The passphrase is another one, or the backup has been changed.") from None
            raise damaged("it has been changed or cut off") from None
        self._number += 1
        self._ended = last


def _cipher(passphrase: str, salt: bytes) -> AESGCM:
    most = 256 * _COST * _BLOCK
    return AESGCM(hashlib.scrypt(passphrase.encode(), salt=salt, n=_COST, r=_BLOCK, p=1, maxmem=most, dklen=32))


def _nonce(prefix: bytes, number: int, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])
