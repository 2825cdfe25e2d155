"""A directory as a store."""

import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backup.store import DamagedError, MissingError, StoreError
from backup.store.local import INCOMING, LocalStore
from tests.unit.backup.store.contract import StoreContract, keys


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


class TestLocalStore(StoreContract):
    pass


def test_objects_are_plain_files_that_others_cannot_read(store: LocalStore) -> None:
    store.create("1/wal/a.zst", b"body")
    path = store.root / "1/wal/a.zst"
    assert path.read_bytes() == b"body"
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    assert oct(path.parent.stat().st_mode & 0o777) == "0o700"
    assert [p.name for p in path.parent.iterdir()] == ["a.zst"]


def test_a_directory_that_is_not_mounted_is_an_error_and_not_empty(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "absent")
    for ask in (
        lambda: store.create("a", b""),
        lambda: store.get("a"),
        lambda: store.head("a"),
        lambda: keys(store),
        lambda: store.delete(["a"]),
        lambda: store.sweep(0),
        store.probe,
    ):
        with pytest.raises(StoreError, match="does not exist"):
            ask()
    assert not store.root.exists()


def test_a_changed_byte_is_noticed(store: LocalStore) -> None:
    store.create("a", b"body")
    path = store.root / "a"
    metadata = os.getxattr(path, "user.pods")
    path.write_bytes(b"bady")
    os.setxattr(path, "user.pods", metadata)
    with pytest.raises(DamagedError, match=r"a in .* is damaged"):
        store.get("a")


def test_a_copy_without_attributes_still_serves(store: LocalStore) -> None:
    store.create("a", b"body", {"origin": "here"})
    os.removexattr(store.root / "a", "user.pods")
    assert store.get("a") == b"body"
    assert store.create("a", b"body") is False
    found = store.head("a")
    assert found is not None
    assert dict(found.metadata) == {}


def test_what_a_killed_writer_left_is_not_listed_and_swept(store: LocalStore) -> None:
    store.create("a", b"x")
    left = store.root / INCOMING / "0123"
    left.write_bytes(b"half")
    os.utime(left, (1, 1))
    assert keys(store) == ["a"]
    assert store.sweep(3600) == 1
    assert store.sweep(0) == 0
    assert not left.exists()


def test_a_young_upload_is_not_swept(store: LocalStore) -> None:
    with store.upload("a") as upload:
        upload.write(b"body")
        assert store.sweep(3600) == 0
    assert store.get("a") == b"body"


def test_an_error_of_the_writer_is_not_said_to_be_the_stores(store: LocalStore) -> None:
    with pytest.raises(ConnectionResetError), store.upload("a") as upload:  # noqa: PT012
        upload.write(b"x")
        raise ConnectionResetError
    with pytest.raises(FileNotFoundError), store.upload("a"):
        raise FileNotFoundError


def test_folders_come_and_go_while_others_write(store: LocalStore) -> None:
    """Deleting the last object of a folder removes the folder, under the hands of whoever writes into it."""
    stop = threading.Event()

    def delete() -> None:
        while not stop.is_set():
            store.delete(["1/a/x", "1/a/y"])

    deleter = threading.Thread(target=delete)
    deleter.start()
    try:
        for number in range(200):
            store.replace("1/a/x", b"%d" % number)
    finally:
        stop.set()
        deleter.join()
    store.replace("1/a/x", b"last")
    assert store.get("1/a/x") == b"last"


def test_links_and_hidden_files_are_not_objects(store: LocalStore) -> None:
    store.create("a", b"x")
    (store.root / "link").symlink_to("/etc")
    (store.root / ".hidden").write_text("")
    assert keys(store) == ["a"]


@contextmanager
def closed(*folders: Path) -> Iterator[None]:
    """Folders that whoever runs the test may not enter; root, to whom all is open, is somebody else meanwhile."""
    user = os.geteuid()
    for folder in folders:
        folder.chmod(0)
    os.seteuid(user or 999)
    try:
        yield
    finally:
        os.seteuid(user)
        for folder in folders:
            folder.chmod(0o700)


@pytest.fixture
def disk() -> Iterator[LocalStore]:
    """A store in which anybody may look, below a path that anybody may go."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield LocalStore(Path(made), shown="/mnt/disk")


def test_the_root_of_a_disk_with_what_a_disk_has_there_is_a_store(disk: LocalStore) -> None:
    """A file system's lost+found, a waste basket, a folder of others called after a day: none of it can be entered."""
    root = disk.root
    (root / "7712000000000000001").mkdir()
    (root / "7712000000000000001" / "archive.json").write_bytes(b"")
    for strange in ("lost+found", "System Volume Information", ".Trash-0", "20261127", "aquota"):
        (root / strange).mkdir()
        (root / strange / "inside").write_bytes(b"")
    with closed(*(root / each for each in ("lost+found", "System Volume Information", ".Trash-0", "20261127"))):
        assert keys(disk) == ["7712000000000000001/archive.json", "aquota/inside"]


@pytest.mark.parametrize("folder", ["7712000000000000001", "7712000000000000001/wal"])
def test_a_folder_of_ours_that_cannot_be_entered_is_an_error_that_names_it(disk: LocalStore, folder: str) -> None:
    (disk.root / "7712000000000000001" / "wal").mkdir(parents=True)
    (disk.root / "7712000000000000001").chmod(0o755)
    with (
        closed(disk.root / folder),
        pytest.raises(StoreError, match=f"^{folder} in /mnt/disk: Permission denied") as error,
    ):
        keys(disk)
    assert "chown -R" in error.value.hint
    assert error.value.hint.endswith(" /mnt/disk")


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[LocalStore]:
    """A file system of 1 MiB."""
    if os.geteuid():
        pytest.skip("only root can mount")
    root = tmp_path / "tiny"
    root.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", root], check=False)
    if mounted.returncode:
        pytest.skip("cannot mount here")
    try:
        yield LocalStore(root)
    finally:
        subprocess.run(["umount", root], check=True)


def test_a_full_disk_is_one_clear_error_and_nothing_is_left(tiny: LocalStore) -> None:
    tiny.create("kept", b"k" * 1000)
    with pytest.raises(StoreError, match="No space left") as error, tiny.upload("1/big") as upload:  # noqa: PT012
        for _ in range(40):
            upload.write(b"x" * 100_000)
    assert "free some space" in error.value.hint
    with pytest.raises(StoreError, match="No space left"):
        tiny.create("1/big", b"x" * 3_000_000)
    assert keys(tiny) == ["kept"]
    assert list((tiny.root / INCOMING).iterdir()) == []
    assert tiny.get("kept") == b"k" * 1000


def test_a_file_system_without_attributes_is_said_and_serves(tiny: LocalStore) -> None:
    told = tiny.probe()
    try:
        os.setxattr(tiny.root, "user.try", b"")
    except OSError:
        assert "no extended attributes" in told[0]
    else:
        assert told == ()
    tiny.create("a", b"body", {"origin": "here"})
    assert tiny.create("a", b"body") is False
    assert tiny.get("a") == b"body"


def test_metadata_that_would_not_fit_is_refused(store: LocalStore) -> None:
    with pytest.raises(ValueError, match="metadata"):
        store.create("a", b"", {"long": "x" * 2000})
    assert keys(store) == []


def test_a_cut_file_is_not_read_as_whole(store: LocalStore) -> None:
    store.create("a", b"x" * 3_000_000)
    reading = store.read("a")
    next(reading)
    os.truncate(store.root / "a", 1_500_000)
    with pytest.raises(StoreError, match="cut short"):
        list(reading)


def test_an_object_deleted_while_it_is_read_is_read_to_its_end(store: LocalStore) -> None:
    store.create("a", b"x" * 3_000_000)
    reading = store.read("a")
    first = next(reading)
    store.delete(["a"])
    assert len(first + b"".join(reading)) == 3_000_000
    with pytest.raises(MissingError):
        store.get("a")
