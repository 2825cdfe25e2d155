"""The format of a sealed object, and the keys it takes: authenticated encryption in chunks, under an envelope.

A header of 64 bytes: ``PODSEAL1``, 8 bytes naming the key-encryption key, the object's own 256-bit key wrapped with it
(AES key wrap, RFC 3394, 40 bytes), the chunk size (4 bytes, big-endian), 4 zero bytes. Then chunks, each sealed with
AES-256-GCM. The nonce is 7 zero bytes, the number of the chunk (4 bytes) and 1 for the last chunk, else 0: the STREAM
construction (Hoang, Reyhanitabar, Rogaway and Vizár, 2015), so that chunks cannot be cut off, dropped or reordered
unnoticed; zeros, since no two objects share a key. Header and name are authenticated with every chunk, so that one
object cannot be put in the place of another.
"""

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from backup.store import DamagedError
from cluster.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"PODSEAL1"
HEADER = 64
TAG = 16
CHUNK = 1 << 20
_KEY_BYTES = 32
_MOST_CHUNKS = 1 << 32
_LARGEST_CHUNK = 64 << 20
"""Bytes. A chunk is in memory whole before it is known to be right."""


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """A key-encryption key and its name, which is derived from it."""

    secret: bytes = field(repr=False)

    @property
    def id(self) -> bytes:
        """8 bytes that name the key and tell nothing of it."""
        return hashlib.sha256(b"pods key-encryption key" + self.secret).digest()[:8]


def load_keys(path: Path) -> tuple[EncryptionKey, ...]:
    """The keys of a key file, one a line in base64; the first seals, all open. ``#`` begins a comment.

    Raises:
        UsageError: the file cannot be read, others may read it, or a line is not a key.
    """
    try:
        with path.open(encoding="ascii") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            lines = [text for line in file if (text := line.split("#")[0].strip())]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the key file {path} cannot be read: {error}", "name the right file") from None
    if mode & 0o077:
        raise UsageError(f"the key file {path} may be read by others (mode {mode:o})", f"chmod 600 {path}")
    if not lines:
        raise UsageError(f"the key file {path} holds no key", "head -c 32 /dev/urandom | base64 makes one")
    return tuple(_key(path, number, line) for number, line in enumerate(lines, 1))


def _key(path: Path, number: int, line: str) -> EncryptionKey:
    try:
        secret = base64.b64decode(line, validate=True)
    except binascii.Error:
        secret = b""
    if len(secret) != _KEY_BYTES:
        raise UsageError(f"key {number} of {path} is not 32 bytes in base64", "openssl rand -base64 32 makes one")
    return EncryptionKey(secret)


@dataclass(frozen=True, slots=True)
class ObjectCipher:
    """One object's key, header and name: seals and opens its chunks."""

    header: bytes
    chunk: int
    _cipher: "AESGCM"
    _bound: bytes

    @classmethod
    def new(cls, keys: Sequence[EncryptionKey], name: str, chunk: int = CHUNK) -> Self:
        """A fresh key for a new object called ``name``, under the first of ``keys``."""
        from cryptography.hazmat.primitives.keywrap import aes_key_wrap

        secret = secrets.token_bytes(_KEY_BYTES)
        header = MAGIC + keys[0].id + aes_key_wrap(keys[0].secret, secret) + chunk.to_bytes(4, "big") + bytes(4)
        return cls._with(header, chunk, secret, name)

    @classmethod
    def of(cls, header: bytes, keys: Sequence[EncryptionKey], name: str) -> Self:
        """That of an object that begins with ``header``.

        Raises:
            DamagedError: it is not a sealed object, or of a key that is not among ``keys``.
        """
        from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

        if len(header) != HEADER or not header.startswith(MAGIC) or header[-4:] != bytes(4):
            raise DamagedError(f"{name} is not sealed", "it was stored without encryption, or something else is there")
        key = next((key for key in keys if key.id == header[8:16]), None)
        if key is None:
            known = ", ".join(key.id.hex() for key in keys)
            raise DamagedError(
                f"{name} is sealed with key {header[8:16].hex()}",
                f"put the key that sealed it into secrets/backup_key, which holds only {known}",
            )
        try:
            secret = aes_key_unwrap(key.secret, header[16:56])
        except InvalidUnwrap:
            raise DamagedError(f"{name}: its header is damaged") from None
        chunk = int.from_bytes(header[56:60], "big")
        if not 0 < chunk <= _LARGEST_CHUNK:
            raise DamagedError(f"{name}: its header is damaged")
        return cls._with(header, chunk, secret, name)

    @classmethod
    def _with(cls, header: bytes, chunk: int, secret: bytes, name: str) -> Self:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return cls(header, chunk, AESGCM(secret), header + name.encode())

    def seal(self, number: int, data: bytes | bytearray | memoryview, *, last: bool) -> bytes:
        """Chunk ``number`` of the object, as it is stored."""
        return self._cipher.encrypt(_nonce(number, last=last), bytes(data), self._bound)

    def open(self, number: int, data: bytes | bytearray | memoryview, *, last: bool, name: str) -> bytes:
        """Chunk ``number`` of the object, as it was.

        Raises:
            DamagedError: it is not that chunk of that object.
        """
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(_nonce(number, last=last), bytes(data), self._bound)
        except InvalidTag:
            end = ", or the object is cut short" if last else ""
            raise DamagedError(f"{name} is damaged in chunk {number}{end}", "restore it from another store") from None


def _nonce(number: int, *, last: bool) -> bytes:
    if number >= _MOST_CHUNKS:
        raise ValueError("too many chunks")
    return bytes(7) + number.to_bytes(4, "big") + bytes([last])


def opened_size(stored: int, chunk: int) -> int:
    """Bytes of an object of which ``stored`` are stored; 0 where that cannot be a sealed one."""
    body = stored - HEADER
    chunks = max(1, -(-body // (chunk + TAG)))
    return max(0, body - chunks * TAG)
