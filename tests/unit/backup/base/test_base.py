import io
import struct
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.base import basebackup_protocol
from backup.base.archive_reader import HashedPieces, decompressed, prefetch
from backup.base.attempt import plan_attempts
from backup.base.backup_lock import LOCK, acquire_lock
from backup.base.basebackup_protocol import Request, archive_names, receive
from backup.base.parent import decide, newest_common
from backup.base.source import SourceNode, choose
from backup.base.tar import BrokenTarError, members
from backup.catalog import Backup, File
from backup.store import DamagedError
from cluster.errors import MachineError, RefusedError
from cluster.postgres.lsn import Lsn
from cluster.postgres.replication import Reply

SYSTEM = "7711210876113264662"
NAMES = [f"20261101T0{n}0000Z-{kind}-00000{n}" for n, kind in enumerate(["full", "incr", "incr", "incr", "full"])]


def node(name: str = "primary", **changes: Any) -> SourceNode:
    given: dict[str, Any] = {
        "system_identifier": SYSTEM,
        "timeline": 1,
        "flushed": Lsn.parse("1/0"),
        "version": "18.7",
        "in_recovery": name != "primary",
        "checksums": True,
        "summaries": True,
        "wal_segment_size": 16 << 20,
    }
    return SourceNode(name=name, **(given | changes))


def backup(number: int, parent: int | None = None, **changes: Any) -> Backup:
    given: dict[str, Any] = {
        "name": NAMES[number],
        "kind": "full" if parent is None else "incremental",
        "parent": None if parent is None else NAMES[parent],
        "system_identifier": SYSTEM,
        "server_version": "18.7",
        "node": "primary",
        "timeline": 1,
        "start_lsn": f"0/{number + 1}000028",
        "stop_lsn": f"0/{number + 1}000120",
        "started": 1000.0 * number,
        "stopped": 1000.0 * number + 10,
        "wal_segment_size": 16 << 20,
        "data_bytes": 1 << 30,
        "tablespaces": (),
        "files": (),
        "checksums": True,
    }
    return Backup(**(given | changes))


CHAIN = (backup(0), backup(1, 0), backup(2, 1))


class TestNode:
    def test_the_replica_that_is_ahead_of_the_others_is_asked(self) -> None:
        behind, ahead_ = node("replica1", flushed=Lsn.parse("0/FF000000")), node("replica2")

        assert choose([node(), behind, ahead_], "primary") == (ahead_, node())

    @pytest.mark.parametrize(
        "unfit",
        [
            {"flushed": Lsn.parse("0/0")},
            {"timeline": 2},
            {"system_identifier": "1"},
            {"in_recovery": False},
            {"version": "18.8"},
        ],
    )
    def test_a_replica_that_is_not_the_primarys_or_far_behind_is_not_asked(self, unfit: dict[str, Any]) -> None:
        assert choose([node(), node("replica1", **unfit)], "primary") == (node(), node())

    def test_without_the_primary_nothing_is_done(self) -> None:
        with pytest.raises(MachineError, match="the primary primary does not answer"):
            choose([node("replica1")], "primary")

    def test_a_primary_in_recovery_is_none(self) -> None:
        with pytest.raises(RefusedError, match="is in recovery"):
            choose([node(in_recovery=True)], "primary")


class TestKind:
    def test_the_newest_backup_is_built_on(self) -> None:
        assert decide("incremental", [CHAIN], node(), 6).parent == CHAIN[-1]

    def test_a_full_one_is_what_was_asked_for(self) -> None:
        assert decide("full", [CHAIN], node(), 6).parent is None

    @pytest.mark.parametrize(
        ("changes", "why"),
        [
            ({"timeline": 2}, "the timeline changed from 1 to 2"),
            ({"version": "18.8"}, "PostgreSQL 18.7 became 18.8"),
            ({"checksums": False}, "data checksums were switched off"),
            ({"summaries": False}, "primary does not summarize WAL"),
        ],
    )
    def test_what_makes_incremental_backups_doubtful_forces_a_full_one_in_words(
        self, changes: dict[str, Any], why: str
    ) -> None:
        basis = decide("incremental", [CHAIN], node(**changes), 6)

        assert (basis.parent, basis.why) == (None, why)

    def test_a_chain_is_bounded(self) -> None:
        assert decide("incremental", [CHAIN], node(), 3).parent is not None
        basis = decide("incremental", [CHAIN], node(), 2)
        assert (basis.parent, basis.why) == (None, "2 incremental backups stand on one full one")

    def test_without_any_a_full_one_is_taken(self) -> None:
        assert decide("incremental", [()], node(), 6).why == "there is no earlier backup in every store"

    def test_a_parent_has_to_be_in_every_store_with_all_it_stands_on(self) -> None:
        assert newest_common([CHAIN, CHAIN[:2]]) == CHAIN[1]
        assert newest_common([CHAIN, (CHAIN[0], CHAIN[2])]) == CHAIN[0]
        assert newest_common([CHAIN, ()]) is None

    def test_the_replica_is_tried_first_and_a_full_backup_last(self) -> None:
        primary, replica = node(), node("replica1")
        basis = decide("incremental", [CHAIN], replica, 6)

        ways = [(way.node.name, way.parent is None) for way in plan_attempts(basis, replica, primary)]

        assert ways == [("replica1", False), ("primary", False), ("replica1", True), ("primary", True)]
        full = decide("full", [CHAIN], primary, 6)
        assert [way.node.name for way in plan_attempts(full, primary, primary)] == ["primary"]


class TestStream:
    def test_the_command_asks_for_everything_but_wal(self) -> None:
        command = Request(label="pods", level=5, workers=4, incremental=True).command()

        for option in ("WAL false", "TABLESPACE_MAP", "'SHA256'", "'level=5,workers=4'", "INCREMENTAL"):
            assert option in command
        assert "'level=3'" in Request(label="pods", workers=0).command()
        assert "COMPRESSION" not in Request(label="pods", codec="none").command()

    def test_archives_are_named_as_the_server_names_them(self) -> None:
        assert list(archive_names([(16384, "/x")], "zstd")) == ["16384.tar.zst", "base.tar.zst"]
        assert list(archive_names([], "none")) == ["base.tar"]

    @given(st.lists(st.binary(min_size=1, max_size=400_000), max_size=8))
    def test_every_byte_reaches_the_archive_that_began_before_it_in_order(self, pieces: list[bytes]) -> None:
        connection = Scripted(
            [
                b"n16384.tar\0/x\0",
                *(b"d" + data for data in pieces),
                b"p" + struct.pack("!q", 17),
                b"nbase.tar\0\0",
                *(b"d" + data for data in reversed(pieces)),
                b"m",
                b"d{}",
            ]
        )
        sink = Sink()

        stop = receive(connection, sink)  # type: ignore[arg-type]

        assert stop == Lsn.parse("0/2000120")
        assert sink.archives["16384.tar"] == b"".join(pieces)
        assert sink.archives["base.tar"] == b"".join(reversed(pieces))
        assert sink.manifest == b"{}"
        assert sink.done == [17]


class Scripted:
    """A server that sends these messages and then the stop position."""

    def __init__(self, messages: list[bytes]) -> None:
        self.messages = messages
        self.answers = iter([Reply(rows=(("0/2000120", "1"),)), Reply()])

    def copy_out(self, *, timeout: float) -> Iterator[memoryview]:
        assert timeout == basebackup_protocol.SILENCE
        return (memoryview(message) for message in self.messages)

    def answer(self, *, timeout: float) -> Reply | None:
        return next(self.answers, None)


class Sink:
    """Remembers."""

    def __init__(self) -> None:
        self.archives: dict[str, bytes] = {}
        self.manifest = b""
        self.done: list[int] = []
        self.open = ""

    def begin(self, archive: str) -> None:
        self.open = archive
        self.archives[archive] = b""

    def write(self, data: bytes) -> None:
        self.archives[self.open] += data

    def write_manifest(self, data: bytes) -> None:
        self.manifest += data

    def progress(self, done: int) -> None:
        self.done.append(done)


def packed(files: dict[str, bytes], **extra: Any) -> bytes:
    """A tar archive of Python's making."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for key, value in extra.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(content))
    return body.getvalue()


def cut(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


NAME = st.from_regex(r"[a-z]{1,20}(/[a-z]{1,20}){0,3}", fullmatch=True)


class TestTar:
    @given(st.dictionaries(NAME, st.binary(max_size=3000), max_size=6), st.integers(1, 5000))
    def test_files_come_out_as_they_went_in_whatever_the_pieces(self, files: dict[str, bytes], size: int) -> None:
        found = {member.path: b"".join(content) for member, content in members(cut(packed(files), size))}

        assert found == files

    @given(st.dictionaries(NAME, st.binary(max_size=2000), min_size=1, max_size=3), st.data())
    def test_a_cut_archive_is_noticed(self, files: dict[str, bytes], data: st.DataObject) -> None:
        whole = packed(files)
        needed = sum(512 + len(content) + -len(content) % 512 for content in files.values())

        with pytest.raises(BrokenTarError, match="ends too early"):
            list(members([whole[: data.draw(st.integers(0, needed))]]))

    def test_content_that_nobody_takes_is_passed_over(self) -> None:
        body = packed({"a": b"x" * 1000, "b": b"y"})

        assert [member.path for member, _ in members([body])] == ["a", "b"]

    @pytest.mark.parametrize("path", ["/etc/passwd", "../up", "a/../../up", "."])
    def test_a_path_that_leads_out_is_refused(self, path: str) -> None:
        with pytest.raises(BrokenTarError, match="leads out of it"):
            list(members([packed({path: b""})]))

    @given(st.integers(0, 147) | st.integers(156, 511), st.integers(1, 255))
    def test_a_changed_header_is_noticed(self, at: int, change: int) -> None:
        body = bytearray(packed({"a": b""}))
        body[at] ^= change

        with pytest.raises(BrokenTarError, match="does not match its checksum"):
            list(members([bytes(body)]))

    def test_a_device_is_refused(self) -> None:
        with pytest.raises(BrokenTarError, match="unknown kind"):
            list(members([packed({"a": b""}, type=tarfile.CHRTYPE)]))

    def test_sizes_above_eight_gib_are_read(self) -> None:
        info = tarfile.TarInfo("large")
        info.size = 9 << 30
        header = info.tobuf(tarfile.GNU_FORMAT)

        member, _ = next(members([header]))

        assert member.size == 9 << 30


class TestContents:
    @given(st.binary(max_size=100_000), st.integers(1, 9000))
    def test_what_was_compressed_comes_out(self, body: bytes, size: int) -> None:
        import zstandard

        file = File(name="base.tar.zst", size=0, sha256="")

        assert b"".join(decompressed(cut(zstandard.compress(body), size), file)) == body

    def test_a_flood_of_zeros_comes_in_small_pieces(self) -> None:
        import zstandard

        bomb = zstandard.compress(bytes(64 << 20))

        sizes = [len(piece) for piece in decompressed([bomb], File(name="base.tar.zst", size=0, sha256=""))]

        assert sum(sizes) == 64 << 20
        assert max(sizes) <= 1 << 20

    def test_what_is_no_zstd_is_told_as_damage(self) -> None:
        with pytest.raises(DamagedError, match=r"base\.tar\.zst is damaged"):
            list(decompressed([b"x" * 100], File(name="base.tar.zst", size=0, sha256="")))

    def test_an_object_is_compared_to_its_end_even_if_nobody_read_it_all(self) -> None:
        import hashlib

        watched = HashedPieces([b"ab", b"cd"])
        next(iter(watched))

        assert watched.is_like(File(name="x", size=4, sha256=hashlib.sha256(b"abcd").hexdigest()))


class TestAhead:
    @given(st.lists(st.integers()), st.integers(1, 5))
    def test_everything_comes_in_order(self, items: list[int], depth: int) -> None:
        with prefetch(items, depth) as taken:
            assert list(taken) == items

    def test_an_error_comes_where_the_item_would_have_come(self) -> None:
        def broken() -> Iterator[int]:
            yield 1
            raise DamagedError("broken")

        with prefetch(broken()) as taken:
            assert next(taken) == 1
            with pytest.raises(DamagedError, match="broken"):
                next(taken)

    def test_whoever_stops_early_leaves_no_thread(self) -> None:
        def endless() -> Iterator[int]:
            while True:
                yield 1

        before = threading.active_count()
        with prefetch(endless()) as taken:
            next(taken)

        assert threading.active_count() == before

    def test_only_so_much_is_made_before_it_is_taken(self) -> None:
        made = []

        def watched() -> Iterator[int]:
            for number in range(100):
                made.append(number)
                yield number

        with prefetch(watched(), 3) as taken:
            next(taken)
            time.sleep(0.05)
            assert len(made) <= 6


class TestTurn:
    def test_the_second_is_told_what_the_first_does(self, tmp_path: Path) -> None:
        with acquire_lock(tmp_path) as lock:
            lock.note(NAMES[0])
            with (
                pytest.raises(RefusedError, match=f"another base backup is running .{NAMES[0]}."),
                acquire_lock(tmp_path),
            ):
                raise AssertionError("both hold the lock")

    def test_what_a_killed_one_was_at_is_known_to_the_next(self, tmp_path: Path) -> None:
        (tmp_path / LOCK).write_text(NAMES[1])

        with acquire_lock(tmp_path) as lock:
            assert lock.abandoned == NAMES[1]
            lock.note("")

        with acquire_lock(tmp_path) as lock:
            assert lock.abandoned == ""

    def test_a_spool_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(MachineError, match="nowhere"), acquire_lock(tmp_path / "nowhere"):
            pass


def test_a_backup_of_another_timeline_is_no_parent_even_where_it_is_the_newest() -> None:
    newer = replace(backup(3, 2), timeline=2)

    assert decide("incremental", [(*CHAIN, newer)], node(), 6).why == "the timeline changed from 2 to 1"
