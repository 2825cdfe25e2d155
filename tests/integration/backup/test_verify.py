from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from backup.annotations import read_verified
from backup.catalog import Backup
from backup.layout import MANIFEST, backup_key
from backup.store import StoreError
from backup.store.local import LocalStore
from backup.verify import record, verify
from tests.fix_images import image
from tests.fix_postgres import box
from tests.integration.backup.base_world import World, fill, world


@pytest.fixture(scope="module")
def here(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    tmp = tmp_path_factory.mktemp("verify")
    with box(tmp / "box", image()) as made:
        found = world(made, tmp)
        fill(found.server, made.directory("aside"))
        found.take(codec="none")
        found.server.sql("UPDATE large SET note = 'x' WHERE id % 100 = 0", "DELETE FROM apart WHERE id < 500")
        found.take("incremental")
        found.take()
        yield found


@pytest.fixture
def plain(here: World) -> Backup:
    return here.catalog()[0]


@pytest.fixture
def packed(here: World) -> Backup:
    return here.catalog()[2]


def changed(here: World, backup: Backup, file: str, change: Callable[[bytes], bytes | None]) -> list[str]:
    """What verify says with one stored object changed, which is then put back."""
    path = here.store.root / backup_key(backup.system_identifier, backup.name, file)
    sound = path.read_bytes()
    body = change(sound)
    path.unlink() if body is None else path.write_bytes(body)
    try:
        return verify(here.store, backup, here.told.append).problems
    finally:
        path.write_bytes(sound)


def flip(at: int) -> Callable[[bytes], bytes]:
    return lambda body: body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


def test_every_backup_as_it_was_taken_is_right(here: World) -> None:
    for backup in here.catalog():
        found = verify(here.store, backup, here.told.append)

        assert found.problems == []
        assert found.files > 900
        assert found.bytes == backup.data_bytes


def test_a_flipped_byte_is_found_and_the_file_in_which_it_is_named(here: World, plain: Backup) -> None:
    path = here.server.value("SELECT pg_relation_filepath('large')")
    body = (here.store.root / backup_key(here.system, plain.name, "base.tar")).read_bytes()
    at = body.index(path.encode() + b"\0") + 512 + 5000

    problems = changed(here, plain, "base.tar", flip(at))

    assert problems == [f"{path} has another content", "base.tar is not what was stored"]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.999])
def test_a_flipped_byte_anywhere_in_a_compressed_archive_is_found(here: World, packed: Backup, share: float) -> None:
    size = next(file.size for file in packed.files if file.name == "base.tar.zst")

    problems = changed(here, packed, "base.tar.zst", flip(int(size * share)))

    assert "base.tar.zst is not what was stored" in problems


def test_a_flipped_byte_of_an_incremental_backups_tablespace_is_found(here: World) -> None:
    backup = here.catalog()[1]
    name = f"{backup.tablespaces[0][0]}.tar.zst"

    assert f"{name} is not what was stored" in changed(here, backup, name, flip(300))


def test_a_cut_archive_is_found_and_the_missing_files_named(here: World, plain: Backup) -> None:
    problems = changed(here, plain, "base.tar", lambda body: body[: len(body) // 2])

    assert "base.tar cannot be unpacked: it ends too early" in problems
    assert "base.tar is not what was stored" in problems
    assert "global/pg_control is missing" in problems


def test_a_missing_archive_is_named_with_what_was_in_it(here: World, plain: Backup) -> None:
    name = f"{plain.tablespaces[0][0]}.tar"

    problems = changed(here, plain, name, lambda _: None)

    assert problems[0] == f"{name} is missing"
    assert any(problem.startswith(f"pg_tblspc/{plain.tablespaces[0][0]}/") for problem in problems)


def test_a_file_that_is_not_in_the_manifest_is_named(here: World, plain: Backup) -> None:
    renamed = changed(here, plain, "base.tar", lambda body: _rename(body, b"PG_VERSION", b"PG_VERSIOM"))

    assert "PG_VERSIOM is not in the manifest" in renamed
    assert "PG_VERSION is missing" in renamed


def _rename(body: bytes, old: bytes, new: bytes) -> bytes:
    """With the header's checksum made to fit."""
    at = body.index(old + bytes(20))
    header = bytearray(body[at : at + 512])
    header[: len(new)] = new
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return body[:at] + bytes(header) + body[at + 512 :]


def test_a_changed_manifest_is_found(here: World, packed: Backup) -> None:
    problems = changed(here, packed, MANIFEST, flip(5000))

    assert len(problems) == 1
    assert "damaged" in problems[0]


def test_a_missing_manifest_is_found(here: World, packed: Backup) -> None:
    assert "there is no" in changed(here, packed, MANIFEST, lambda _: None)[0]


def test_a_description_that_says_otherwise_is_found(here: World, packed: Backup) -> None:
    lying = replace(packed, files=tuple(replace(file, sha256="0" * 64) for file in packed.files))

    assert len(verify(here.store, lying, here.told.append).problems) == len(packed.files)


def test_a_store_that_does_not_answer_says_nothing_about_the_backup(here: World, packed: Backup) -> None:
    class Silent(LocalStore):
        def read(self, key: str) -> Iterator[bytes]:
            yield next(super().read(key))
            raise StoreError("it does not answer")

    with pytest.raises(StoreError, match="does not answer"):
        verify(Silent(here.store.root), packed, here.told.append)


def test_the_result_is_kept_beside_the_backup(here: World, packed: Backup) -> None:
    found = verify(here.store, packed, here.told.append)
    record(here.store, packed, found)
    assert read_verified(here.store, here.system)[packed.name].ok

    found.problems.append("global/pg_control is missing")
    record(here.store, packed, found)

    kept = read_verified(here.store, here.system)[packed.name]
    assert (kept.ok, kept.detail) == (False, "global/pg_control is missing")
