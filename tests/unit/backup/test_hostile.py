"""What is stored may be anybody's: whatever it is, a parser ends with its own error, soon and without filling memory.

Each takes a well-formed object with something in it replaced, and bytes that are nothing at all.
"""

import hashlib
import itertools
import json
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from backup import annotations, catalog, drill, manifest
from backup.annotations import Hold, Verified, read_holds, read_verified
from backup.base.archive_reader import Limits, open_archive, read_manifest
from backup.base.tar import BrokenTarError, members
from backup.catalog import Backup, File, dependants, find, read_catalog
from backup.layout import MANIFEST, archive_key, backup_key, gap_key, hold_key, parse_wal_key, tail_key, wal_key
from backup.restore.incremental import blocks, parent_fault, patched
from backup.restore.unpack import unpack
from backup.restore.wal_coverage import find_runs
from backup.store import MOST_DOCUMENT, DamagedError, Stored, StoreError, read_text
from backup.store.attributes import get_metadata
from backup.store.encrypted import SealedStore
from backup.store.encryption import HEADER, EncryptionKey, ObjectCipher
from backup.store.keys import is_key
from backup.store.local import LocalStore
from backup.trust import version_number
from backup.verify import verify
from backup.wal import gaps, identity
from backup.wal import read as wal_reading
from backup.wal.gaps import Gap, parse_gap, read_gaps
from backup.wal.identity import ArchiveIdentity, parse_identity, read_identity
from backup.wal.page_headers import NotWalError, check_pages
from backup.wal.partial_segments import find_pieces
from cluster.backup_status import ArchivedStore, ArchiveStatus, BackupStatus, parse_status
from cluster.documents import dump
from cluster.errors import RefusedError
from cluster.postgres.data_directory import read_data_directory
from cluster.postgres.timeline_history import parse_history
from tests.unit.backup.base.test_base import packed
from tests.unit.backup.samples import SYSTEM, a_backup, an_increment
from tests.unit.backup.test_manifest import entry
from tests.unit.backup.test_manifest import manifest as a_manifest
from tests.unit.backup.wal.wal_made import segment, wal

DEEP = "[" * 200_000
HUGE = 10**400
_odd = st.sampled_from(
    [HUGE, -HUGE, 1 << 70, -1, 0, 1.5, float("nan"), float("inf"), True, None, "", "\ud800", "\x1b[2J\n"]
)
_json = st.recursive(
    st.one_of(_odd, st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)


@st.composite
def _documents(draw: st.DrawFn, well: str) -> str:
    """A document with fields replaced, left out or added; or something else."""
    if draw(st.integers(0, 9)) == 0:
        return draw(
            st.one_of(st.text(), st.just(DEEP), st.just('{"format": 1, "made": ' + DEEP), _json.map(json.dumps))
        )
    raw = json.loads(well)
    for _ in range(draw(st.integers(1, 2))):
        where = raw
        field = draw(st.sampled_from([*where, "unknown"]))
        while isinstance(where.get(field), dict | list) and where[field] and draw(st.booleans()):
            where = where[field] if isinstance(where[field], dict) else {"0": draw(st.sampled_from(where[field]))}
            if not all(isinstance(key, str) for key in where):
                break
            field = draw(st.sampled_from(list(where)))
        if draw(st.integers(0, 5)) == 0:
            where.pop(field, None)
        else:
            where[field] = draw(_json)
    return json.dumps(raw)


BACKUP = a_backup(1)
HELD = annotations._dump(Hold(name=BACKUP.name, made=1.0, why="audit")).decode()
CHECKED = annotations._dump(Verified(name=BACKUP.name, when=1.0, ok=True)).decode()
GAP = gaps.dump_gap(Gap(timeline=1, from_lsn="0/1000000", to_lsn="0/2000000", noticed=1.0, why="gone"))
OWNER = identity.dump_identity(ArchiveIdentity(system_identifier=SYSTEM, wal_segment_size=16 << 20), 1.0)
ARCHIVE = ArchiveStatus(updated=1.0, stores=(ArchivedStore(name="s3"),), slot_errors=(("replica1", "away"),))
STATUS = dump(BackupStatus(archive=ARCHIVE))
DRILLED = json.dumps(
    {
        "format": 1,
        "ok": True,
        "when": 1.0,
        "rto": 2.0,
        "problems": ["a"],
        "assertions": [{"name": "a.sql", "holds": True, "detail": ""}],
    }
)
PARSERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "backup.json": (catalog.dump(BACKUP), catalog.parse),
    "hold": (HELD, lambda text: annotations.parse(text, Hold, BACKUP.name)),
    "verified": (CHECKED, lambda text: annotations.parse(text, Verified, BACKUP.name)),
    "gap": (GAP, parse_gap),
    "identity": (OWNER, parse_identity),
    "drill": (DRILLED, drill.parse),
    "status": (STATUS, parse_status),
}


@pytest.mark.parametrize("kind", PARSERS)
def test_a_document_as_we_wrote_it_is_read(kind: str) -> None:
    well, parse = PARSERS[kind]
    assert parse(well) is not None


@pytest.mark.parametrize("kind", PARSERS)
@settings(max_examples=60)
@given(data=st.data())
def test_a_document_is_read_or_refused_in_words(kind: str, data: st.DataObject) -> None:
    well, parse = PARSERS[kind]
    try:
        found = parse(data.draw(_documents(well)))
    except ValueError as error:
        str(error).encode()
    else:
        repr(found).encode()
        assert "\x1b" not in str(found)


@pytest.mark.parametrize("kind", PARSERS)
@pytest.mark.parametrize(
    "text", [DEEP, '{"a":' * 200_000, "1" * 5000, '{"format": 1, "made": 1e999}', "NaN", "\x00", "[]"]
)
def test_nothing_nests_or_counts_too_far_for_any_of_them(kind: str, text: str) -> None:
    if kind == "drill" and text == "[]":
        return  # of another format
    with pytest.raises(ValueError):
        assert PARSERS[kind][1](text) is not None


WELL = a_manifest([entry(), entry(Path="PG_VERSION", Size=3)])


def _signed(raw: dict[str, Any]) -> bytes:
    raw.pop("Manifest-Checksum", None)
    files = raw.pop("Files", [])
    return a_manifest(files, **raw)


@given(st.one_of(st.binary(max_size=200), st.data()))
def test_a_manifest_is_read_or_refused(given_: Any) -> None:
    if isinstance(given_, bytes):
        body = given_
    else:
        text = given_.draw(_documents(WELL.decode()))
        try:
            raw = json.loads(text)
            body = _signed(raw) if isinstance(raw, dict) else text.encode()
        except (ValueError, RecursionError):
            body = text.encode(errors="replace")
    try:
        found = manifest.parse(body)
    except RefusedError:
        return
    assert 0 <= found.size < 1 << 64


@pytest.mark.parametrize("size", [HUGE, -1, 1.0, "8192", None, True, float("inf")])
def test_a_size_that_no_file_has_is_refused(size: Any) -> None:
    with pytest.raises(RefusedError, match="manifest is damaged"):
        manifest.parse(a_manifest([entry(Size=size)]))


@settings(max_examples=100)
@given(st.binary(max_size=1200), st.integers(0, 511), st.binary(min_size=1, max_size=12))
def test_a_tar_archive_is_read_or_refused(noise: bytes, at: int, new: bytes) -> None:
    whole = bytearray(packed({"PG_VERSION": b"18\n", "base/1/2": b"x" * 700}))
    whole[at : at + len(new)] = new
    for body in (noise, bytes(whole), bytes(whole) + noise):
        try:
            for member, content in members([body]):
                assert member.size >= 0
                assert ".." not in member.path.split("/")
                assert sum(len(piece) for piece in content) == member.size
        except BrokenTarError:
            pass


def _header(size: bytes) -> bytes:
    head = bytearray(packed({"PG_VERSION": b""})[:512])
    head[124:136] = size.ljust(12, b"\0")
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)


@pytest.mark.parametrize("size", [b"-5", b"+5", b"1_0", b"-0", b"0x8", b"8"])
def test_a_size_in_a_tar_archive_is_digits(size: bytes) -> None:
    with pytest.raises(BrokenTarError, match="is not a number"):
        list(members([_header(size), bytes(1024)]))


def test_zeros_after_the_end_of_an_archive_have_an_end() -> None:
    def endless() -> Iterator[bytes]:
        yield packed({"PG_VERSION": b"18\n"})
        while True:
            yield bytes(1 << 20)

    with pytest.raises(BrokenTarError, match="something follows"):
        list(members(endless()))


@given(st.binary(max_size=64), st.lists(st.integers(0, 1 << 18), max_size=4), st.integers(0, 1 << 32 - 1))
def test_an_incremental_file_is_read_or_refused(noise: bytes, numbers: list[int], kept: int) -> None:
    made = struct.pack("=III", 0xD3AE1F0D, len(numbers), kept & 0xFFFFFFFF) + b"".join(
        struct.pack("=I", number) for number in numbers
    )
    for body in (noise, made + noise, made.ljust(8192, b"\0") + noise * 300):
        try:
            _, found, content = blocks(iter([memoryview(body)]))
            assert sum(len(block) for block in content) == 8192 * len(found)
        except BrokenTarError:
            pass


@pytest.mark.parametrize("path", ["base/1/INCREMENTAL.", "INCREMENTAL.", "a/INCREMENTAL..", "a/INCREMENTAL..."])
def test_blocks_of_no_file_are_refused(path: str) -> None:
    with pytest.raises(BrokenTarError):
        patched(path)


@given(st.text(max_size=40).filter(lambda path: "\0" not in path))
def test_a_path_has_the_blocks_of_a_file_in_its_folder_or_of_none(path: str) -> None:
    try:
        whole = patched(f"base/INCREMENTAL.{path}")
    except BrokenTarError:
        return
    assert whole is None or ".." not in whole.split("/")


@given(st.binary(max_size=300))
def test_a_label_is_that_of_its_parent_or_is_not(label: bytes) -> None:
    assert parent_fault(label, BACKUP)
    assert parent_fault(b"INCREMENTAL FROM TLI: " + b"9" * 5000 + b"\nINCREMENTAL FROM LSN: 0/0\n" + label, BACKUP)


KEY = EncryptionKey(b"k" * 32)


@given(st.binary(max_size=200), st.integers(0, HEADER - 1), st.integers(0, 255))
def test_a_sealed_object_is_opened_or_refused(noise: bytes, at: int, byte: int) -> None:
    header = bytearray(ObjectCipher.new([KEY], "a").header)
    header[at] = byte
    for body in (bytes(noise), bytes(header) + noise):
        with pytest.raises(DamagedError):
            ObjectCipher.of(body[:HEADER], [KEY], "a").open(0, noise, last=True, name="a")


def test_a_chunk_that_would_fill_the_memory_is_refused() -> None:
    header = ObjectCipher.new([KEY], "a", 0xFFFFFFFF).header
    with pytest.raises(DamagedError, match="header is damaged"):
        ObjectCipher.of(header, [KEY], "a")


@given(st.one_of(st.text(max_size=200), st.lists(st.tuples(st.integers(), st.text(max_size=9))).map(str)))
def test_a_history_is_read_or_refused(text: str) -> None:
    for each in (text, "1\t0/3000000\tno recovery target\n" + text, "9" * 5000 + "\t0/1\tx\n"):
        try:
            found = parse_history(each)
        except ValueError:
            continue
        assert all(0 < left.timeline < 1 << 32 for left in found)


@given(st.binary(max_size=100), st.integers(0, 39), st.binary(min_size=1, max_size=8))
def test_a_segment_of_wal_is_one_or_is_refused(noise: bytes, at: int, new: bytes) -> None:
    whole = bytearray(wal(segment(3)))
    whole[at : at + len(new)] = new
    for body in (noise, bytes(whole[:at]), bytes(whole)):
        with suppress(NotWalError):
            check_pages(body, segment(3), "7400000000000000001")


@given(
    st.text(max_size=60),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.text("0123456789ABCDEF", min_size=24, max_size=24),
)
def test_whatever_is_listed_is_ours_or_is_passed_over(key: str, start: int, end: int, segment_: str) -> None:
    listed = (
        key,
        f"{SYSTEM}/wal/{key}",
        f"{SYSTEM}/wal/{segment_[:8]}/{segment_}.zst",
        f"{SYSTEM}/wal/{segment_[:8]}/{segment_}.tail/{start:08X}-{end:08X}.zst",
    )
    found = [(wal_object, 0.0) for each in listed if is_key(each) and (wal_object := parse_wal_key(each))]
    for size in (1 << 20, 16 << 20, 1 << 30):
        for runs in find_runs(found, size).values():
            assert all(run.start < run.end for run in runs)


@given(st.binary(max_size=400))
def test_a_control_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    node = tmp_path_factory.mktemp("node")
    data = node / "18" / "docker" / "global"
    data.mkdir(parents=True)
    (data.parent / "PG_VERSION").write_bytes(body[:3] or b"18\n")
    (data / "pg_control").write_bytes(body)
    with pytest.raises(ValueError):
        assert read_data_directory(node) is None


@pytest.mark.parametrize("body", [b"[" * 50_000, b"1", b'"x"', b"{1}", b'{"sha256": 1}', b"\xff"])
def test_metadata_that_is_none_is_none(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "object"
    path.write_bytes(b"")
    try:
        os.setxattr(path, "user.pods", body[:4000])
    except OSError:
        pytest.skip("no extended attributes here")
    assert get_metadata(path) == {}


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """An empty one, which somebody else writes to."""
    (tmp_path / "store").mkdir()
    return LocalStore(tmp_path / "store")


def test_documents_of_a_store_that_are_none_are_named(store: LocalStore) -> None:
    junk = (DEEP.encode(), b"\xff", b"{}", b'{"format": 1}')
    for number, body in enumerate(junk):
        key = gap_key(SYSTEM, 1.0 + number, 1, number)
        store.replace(key, body)
        with pytest.raises(DamagedError, match=key):
            read_gaps(store, SYSTEM)
        store.delete([key])
        store.replace(archive_key(SYSTEM), body)
        with pytest.raises(DamagedError, match=archive_key(SYSTEM)):
            read_identity(store, SYSTEM)
        store.replace(hold_key(SYSTEM, BACKUP.name), body)
        assert read_holds(store, SYSTEM)[BACKUP.name].why == "(unreadable)"
        store.replace(f"{SYSTEM}/verified/{BACKUP.name}.json", body)
        assert read_verified(store, SYSTEM) == {}
        store.replace(backup_key(SYSTEM, BACKUP.name), body)
        with pytest.raises(RefusedError, match=BACKUP.name):
            read_catalog(store, SYSTEM)
        assert read_catalog(store, SYSTEM, lambda *_: None) == ()
        store.replace(f"{SYSTEM}/drills/20260101T000000Z.json", body)
        if body not in (b"{}",):  # of another format
            with pytest.raises(DamagedError):
                drill.read_last(store, SYSTEM)


def test_a_document_that_would_fill_the_memory_is_not_read(store: LocalStore) -> None:
    path = store.root / "large"
    path.touch()
    os.truncate(path, MOST_DOCUMENT + 1)
    with pytest.raises(DamagedError, match="at most"):
        read_text(store, "large")
    sealed = SealedStore(store, [KEY])
    sealed.create("sealed", b"x" * (1 << 20))
    assert len(sealed.get("sealed", 1 << 20)) == 1 << 20
    with pytest.raises(DamagedError, match="at most"):
        sealed.get("sealed", (1 << 20) - 1)
    with pytest.raises(DamagedError, match="at most"):
        sealed.get("sealed", 1 << 10)


def test_a_list_has_an_end(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(prefix: str = "", after: str = "") -> Iterator[Stored]:
        return (Stored(key=f"{prefix}{name}", size=1, made=0.0) for name in names)

    monkeypatch.setattr(store, "list", endless)
    for module in ("backup.catalog", "backup.annotations", "backup.wal.gaps", "backup.wal.partial_segments"):
        monkeypatch.setattr(f"{module}.MOST_LISTED", 100)
    names = itertools.repeat(f"{BACKUP.name}/backup.json")
    with pytest.raises(DamagedError, match="more than 100 descriptions"):
        read_catalog(store, SYSTEM)
    names = itertools.repeat("x")
    with pytest.raises(DamagedError, match="more than 100 marks"):
        read_holds(store, SYSTEM)
    with pytest.raises(DamagedError, match="more than 100 gaps"):
        read_gaps(store, SYSTEM)
    with pytest.raises(DamagedError, match="more than 100 pieces"):
        find_pieces(store, SYSTEM, "000000010000000000000001")


def test_what_is_no_file_is_not_opened(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("swordfish")
    (store.root / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(store.root / "fifo")
    for key in ("link", "fifo"):
        with pytest.raises((StoreError, RefusedError)):
            store.get(key)
        with pytest.raises((StoreError, RefusedError)):
            list(store.read(key))


def _bomb(size: int) -> bytes:
    return zstandard.ZstdCompressor().compress(bytes(size))


def test_a_bomb_is_no_segment(store: LocalStore) -> None:
    bomb = _bomb(64 << 20)
    assert len(bomb) < 10_000
    store.create(wal_key(SYSTEM, "000000010000000000000001"), bomb)
    with pytest.raises(DamagedError, match="at most 16777216 are due"):
        wal_reading.read_segment(store, SYSTEM, "000000010000000000000001")


@pytest.mark.parametrize(("size", "well"), [(16 << 20, True), (64 << 20, True), (1 << 20, True), (128 << 20, False)])
def test_a_segment_may_be_as_large_as_those_of_its_archive(store: LocalStore, size: int, well: bool) -> None:
    mine = min(size, 64 << 20)
    store.create(
        archive_key(SYSTEM),
        identity.dump_identity(ArchiveIdentity(system_identifier=SYSTEM, wal_segment_size=mine), 1.0).encode(),
    )
    store.create(wal_key(SYSTEM, "000000010000000000000001"), _bomb(size))
    with pytest.raises(DamagedError, match="is not that" if well else "are due"):
        wal_reading.read_segment(store, SYSTEM, "000000010000000000000001")


def test_pieces_beyond_a_segment_are_none_of_it(store: LocalStore) -> None:
    owner = ArchiveIdentity(system_identifier=SYSTEM, wal_segment_size=1 << 20)
    store.create(archive_key(SYSTEM), identity.dump_identity(owner, 1.0).encode())
    wanted = "000000010000000000000001"
    store.create(tail_key(SYSTEM, wanted, 0, 1 << 30), _bomb(1 << 20))
    with pytest.raises(DamagedError, match="lead to byte"):
        wal_reading.read_segment(store, SYSTEM, wanted)


def test_a_piece_has_the_bytes_that_its_name_says(store: LocalStore) -> None:
    owner = ArchiveIdentity(system_identifier=SYSTEM, wal_segment_size=1 << 20)
    store.create(archive_key(SYSTEM), identity.dump_identity(owner, 1.0).encode())
    wanted = "000000010000000000000001"
    store.create(tail_key(SYSTEM, wanted, 0, 8192), _bomb(100))
    with pytest.raises(DamagedError, match="has 100 bytes"):
        wal_reading.read_segment(store, SYSTEM, wanted)


def test_backups_that_name_each_other_have_an_end() -> None:
    one = an_increment(2, BACKUP)
    two = an_increment(3, one)
    one = replace(one, parent=two.name)
    assert set(dependants([one, two], one.name)) == {two}
    assert set(dependants([one, two], two.name)) == {one}
    assert dependants([replace(one, parent=one.name)], one.name) == ()
    with pytest.raises(RefusedError, match="which is not there"):
        catalog.chain([one, two], "latest")
    assert find([one, two], "latest") == two


def test_a_long_chain_is_no_deep_one() -> None:
    line = [BACKUP]
    for number in range(2000):
        line.append(an_increment(2 + number / 1000, line[-1]))
    names = {each.name for each in line[1:]}
    line = [line[0], *{each.name: each for each in line[1:]}.values()]
    assert {each.name for each in dependants(line, BACKUP.name)} == names


def test_a_backup_that_needs_all_wal_there_can_be_is_refused() -> None:
    endless = replace(BACKUP, start_lsn="0/1", stop_lsn="FFFFFFFF/0", wal_segment_size=1 << 20)
    with pytest.raises(ValueError, match="WAL from"):
        catalog.parse(catalog.dump(endless))


def _stored(store: LocalStore, archive: bytes, files: list[dict[str, Any]], **changes: Any) -> Backup:
    """A backup of one archive whose manifest names these files."""
    listed = a_manifest(files, **{"System-Identifier": int(SYSTEM)})
    body = zstandard.ZstdCompressor().compress(archive)
    made = [("base.tar.zst", body), (MANIFEST, listed)]
    backup = replace(
        BACKUP,
        tablespaces=(),
        data_bytes=sum(each["Size"] for each in files),
        files=tuple(File(name=key, size=len(data), sha256=hashlib.sha256(data).hexdigest()) for key, data in made),
        **changes,
    )
    for key, data in made:
        store.create(backup_key(SYSTEM, backup.name, key), data)
    return backup


def _file(path: str, content: bytes, **changes: Any) -> dict[str, Any]:
    return entry(Path=path, Size=len(content), Checksum=hashlib.sha256(content).hexdigest(), **changes)


def test_a_backup_as_it_should_be_is_unpacked(store: LocalStore, tmp_path: Path) -> None:
    backup = _stored(store, packed({"PG_VERSION": b"18\n"}), [_file("PG_VERSION", b"18\n")])
    unpack(store, [backup], tmp_path / "data")
    assert (tmp_path / "data" / "PG_VERSION").read_bytes() == b"18\n"
    assert verify(store, backup, lambda _: None).ok


BIG = bytes(32 << 20)


@pytest.mark.parametrize(
    ("archive", "wrong"),
    [
        ({"PG_VERSION": BIG}, "has 33554432 bytes instead of 3"),
        ({"another": BIG}, "is not in the manifest"),
        ({"PG_VERSION": b"18\n", "PG_VERSION/a": b""}, "is not in the manifest"),
    ],
)
def test_a_file_that_is_not_the_manifest_s_is_refused_before_a_byte_of_it_is_written(
    store: LocalStore, tmp_path: Path, archive: dict[str, bytes], wrong: str
) -> None:
    backup = _stored(store, packed(archive), [_file("PG_VERSION", b"18\n")])
    with pytest.raises(DamagedError, match=wrong):
        unpack(store, [backup], tmp_path / "data")
    written = [path.stat().st_size for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert sum(written) <= 3
    assert not verify(store, backup, lambda _: None).ok


@pytest.mark.parametrize("twice", [True, False])
def test_a_file_twice_or_in_a_file_is_damage(store: LocalStore, tmp_path: Path, twice: bool) -> None:
    body = packed({"PG_VERSION": b"18\n"})
    files = [_file("PG_VERSION", b"18\n"), _file("PG_VERSION/x", b"")]
    archive = body[:1024] + body if twice else body[:1024] + packed({"PG_VERSION/x": b""})
    backup = _stored(store, archive, files)
    with pytest.raises(DamagedError, match="there twice" if twice else "cannot be where it says"):
        unpack(store, [backup], tmp_path / "data")


def test_a_manifest_that_names_more_than_the_description_is_refused(store: LocalStore) -> None:
    backup = _stored(store, packed({"PG_VERSION": b"18\n"}), [_file("PG_VERSION", b"18\n")])
    with pytest.raises(DamagedError, match="names 3 bytes, not 2"):
        read_manifest(store, replace(backup, data_bytes=2))
    with pytest.raises(DamagedError, match="has no backup_manifest"):
        read_manifest(store, replace(backup, files=()))


def test_an_archive_holds_no_more_than_its_backup() -> None:
    file = File(name="base.tar", size=0, sha256="")
    with (
        pytest.raises(BrokenTarError, match="more than the backup has"),
        open_archive([packed({"a": b"x" * 2000})], file, Limits(1999, 10)) as entries,
    ):
        list(entries)
    with (
        pytest.raises(BrokenTarError, match="more than the backup has"),
        open_archive([packed({"a": b"", "b": b"", "c": b""})], file, Limits(10, 2)) as entries,
    ):
        list(entries)


@given(st.one_of(st.text(max_size=30), st.just("9" * 5000 + ".1"), st.just("18." + "9" * 5000)))
def test_a_version_that_is_none_is_not_trusted(version: str) -> None:
    assert version_number(version) < 10_000_000
    assert version_number("１８.7") == version_number("18.7\n") == 0
    assert version_number("18.7") == 180007
