"""BASE_BACKUP as the replication protocol gives it: the archives and the manifest, exactly as the server sent them.

Source: PostgreSQL 18 documentation, "Streaming Replication Protocol", BASE_BACKUP: results in order are the start
position, the tablespaces, one COPY with everything, the stop position; every message of the COPY begins with a letter.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from cluster.errors import MachineError
from cluster.postgres.lsn import Lsn
from cluster.postgres.replication import Replication, Reply

SILENCE = 900.0
"""Seconds a server may be silent: during a checkpoint, or while an incremental backup passes over a large table."""
_PIECE = 1 << 20
_DATA, _ARCHIVE, _MANIFEST, _PROGRESS = b"dnmp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Options of BASE_BACKUP; ``level`` and ``workers`` are zstd's, codec "none": plain tar; ``rate`` in kB/s or 0."""

    label: str
    codec: str = "zstd"
    level: int = 3
    workers: int = 2
    rate: int = 0
    incremental: bool = False

    def command(self) -> str:
        """The command's text. WAL is left out: the archive has it."""
        options = [
            f"LABEL '{self.label}'",
            "PROGRESS",
            "CHECKPOINT 'fast'",
            "WAL false",
            "WAIT false",  # for archive_command, which is none of our business
            "TABLESPACE_MAP",
            "VERIFY_CHECKSUMS true",
            "MANIFEST 'yes'",
            "MANIFEST_CHECKSUMS 'SHA256'",
        ]
        if self.codec == "zstd":
            workers = f",workers={self.workers}" if self.workers else ""
            options += ["COMPRESSION 'zstd'", f"COMPRESSION_DETAIL 'level={self.level}{workers}'"]
        if self.rate:
            options.append(f"MAX_RATE {self.rate}")
        if self.incremental:
            options.append("INCREMENTAL")
        return f"BASE_BACKUP ({', '.join(options)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupHeader:
    """The results before the first byte; ``size``: bytes that the server expects to read."""

    start: Lsn
    timeline: int
    tablespaces: tuple[tuple[int, str], ...]
    size: int


class BackupSink(Protocol):
    """What takes the stream."""

    def begin(self, archive: str) -> None:
        """An archive of this name begins, and the one before is complete."""

    def write(self, data: bytes) -> None:
        """More of the archive that began last."""

    def write_manifest(self, data: bytes) -> None:
        """More of the manifest; all archives are complete."""

    def progress(self, done: int) -> None:
        """The server has read so many bytes in all."""


def upload_manifest(connection: Replication, manifest: bytes) -> None:
    """Send the manifest of the parent of an incremental backup."""
    connection.send("UPLOAD_MANIFEST")
    connection.answer()
    connection.copy_in(manifest[at : at + _PIECE] for at in range(0, len(manifest), _PIECE))
    while connection.answer(timeout=SILENCE) is not None:
        pass


def begin(connection: Replication, request: Request) -> BackupHeader:
    """Start a backup.

    Raises:
        ServerError: the server refuses; nothing was sent.
    """
    connection.send(request.command())
    ((start, timeline),) = _expect(connection.answer(timeout=SILENCE)).rows
    spaces = _expect(connection.answer(timeout=SILENCE)).rows
    _expect(connection.answer(timeout=SILENCE), kind="copy out")
    return BackupHeader(
        start=Lsn.parse(start or ""),
        timeline=int(timeline or 0),
        tablespaces=tuple((int(oid), location or "") for oid, location, _ in spaces if oid),
        size=sum(int(size or 0) for _, _, size in spaces) << 10,
    )


def receive(connection: Replication, sink: BackupSink) -> Lsn:
    """Hand the whole stream to ``sink``; the position up to which its WAL is needed.

    Raises:
        ServerError: the server gave up, for instance because a page's checksum is wrong or it was promoted.
        LostError: the connection broke.
    """
    pieces: list[bytes | memoryview] = []
    held = 0
    current = 0
    for message in connection.copy_out(timeout=SILENCE):
        kind = message[0]
        if kind == _DATA:
            pieces.append(message[1:])
            held += len(message)
            if held < _PIECE:
                continue
        _hand_over(sink, pieces, current)
        held = 0
        if kind in (_ARCHIVE, _MANIFEST):
            current = kind
            _begin_archive(sink, message)
        elif kind == _PROGRESS:
            sink.progress(struct.unpack("!q", message[1:9])[0])
    _hand_over(sink, pieces, current)
    return _stop(connection)


def _hand_over(sink: BackupSink, pieces: list[bytes | memoryview], current: int) -> None:
    """Messages are small; what is stored and hashed is about a MiB at a time."""
    if pieces:
        (sink.write_manifest if current == _MANIFEST else sink.write)(b"".join(pieces))
        pieces.clear()


def _begin_archive(sink: BackupSink, message: bytes | memoryview) -> None:
    if message[0] == _ARCHIVE:
        sink.begin(bytes(message[1:]).split(b"\0")[0].decode())


def _stop(connection: Replication) -> Lsn:
    ((stop, _),) = _expect(connection.answer(timeout=SILENCE)).rows
    while connection.answer(timeout=SILENCE) is not None:
        pass
    return Lsn.parse(stop or "")


def _expect(answer: Reply | None, kind: str = "rows") -> Reply:
    if answer is None or answer.kind != kind:
        raise MachineError("the server answered a base backup with something else than it should", "see its log")
    return answer


def archive_names(tablespaces: Sequence[tuple[int, str]], codec: str) -> Iterator[str]:
    """The archives that a backup with these tablespaces has."""
    ending = "tar.zst" if codec == "zstd" else "tar"
    yield from (f"{name}.{ending}" for name in (*(oid for oid, _ in tablespaces), "base"))
