import os
import struct
from pathlib import Path

import pytest

from cluster.postgres.data_directory import DataDirectory, read_data_directory
from cluster.postgres.lsn import Lsn

IN_PRODUCTION = 6


def _control(*, system: int = 7400000000000000001, state: int = IN_PRODUCTION, timeline: int = 1) -> bytes:
    """pg_control as PostgreSQL 18 lays it out, with the C compiler's own alignment, in its 8 kB."""
    head = struct.pack("@QIIIqQQI", system, 1800, 202506291, state, 1_700_000_000, 0x3000060, 0x3000028, timeline)
    return head.ljust(8192, b"\0")


def _make(node: Path, *, control: bytes | None = None, version: str = "18\n", standby: bool = False) -> Path:
    pgdata = node / "18" / "docker"
    (pgdata / "global").mkdir(parents=True)
    (pgdata / "PG_VERSION").write_text(version)
    (pgdata / "global" / "pg_control").write_bytes(_control() if control is None else control)
    if standby:
        (pgdata / "standby.signal").touch()
    return pgdata


def test_a_data_directory_says_what_it_is(tmp_path: Path) -> None:
    _make(tmp_path, control=_control(timeline=3))
    assert read_data_directory(tmp_path) == DataDirectory(
        major="18",
        system_identifier="7400000000000000001",
        state="in production",
        checkpoint=Lsn(0x3000060),
        timeline=3,
        standby=False,
        redo=Lsn(0x3000028),
    )


def test_a_standby_is_told_by_its_signal_file(tmp_path: Path) -> None:
    _make(tmp_path, standby=True)
    found = read_data_directory(tmp_path)
    assert found is not None
    assert found.standby


@pytest.mark.parametrize(
    ("number", "state"),
    [
        (0, "starting up"),
        (1, "shut down"),
        (2, "shut down in recovery"),
        (3, "shutting down"),
        (4, "in crash recovery"),
        (5, "in archive recovery"),
        (6, "in production"),
    ],
)
def test_every_state_has_its_name(tmp_path: Path, number: int, state: str) -> None:
    _make(tmp_path, control=_control(state=number))
    found = read_data_directory(tmp_path)
    assert found is not None
    assert found.state == state


def test_the_largest_system_identifier_is_not_negative(tmp_path: Path) -> None:
    _make(tmp_path, control=_control(system=2**64 - 1))
    found = read_data_directory(tmp_path)
    assert found is not None
    assert found.system_identifier == str(2**64 - 1)


def test_where_there_is_nothing_there_is_no_data(tmp_path: Path) -> None:
    assert read_data_directory(tmp_path / "nowhere") is None
    assert read_data_directory(tmp_path) is None


def test_an_unfinished_copy_is_not_data(tmp_path: Path) -> None:
    unfinished = tmp_path / "18" / ".new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    assert read_data_directory(tmp_path) is None


@pytest.mark.parametrize("missing", ["PG_VERSION", "global/pg_control"])
def test_a_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    (_make(tmp_path) / missing).unlink()
    with pytest.raises(ValueError, match=rf"{missing} is missing"):
        read_data_directory(tmp_path)


def test_an_empty_data_directory_is_not_whole(tmp_path: Path) -> None:
    (tmp_path / "18" / "docker").mkdir(parents=True)
    with pytest.raises(ValueError, match="is missing"):
        read_data_directory(tmp_path)


@pytest.mark.parametrize(
    "control",
    [b"", _control()[:20], _control(state=7), _control(state=2**32 - 1), bytes(8192)],
    ids=["empty", "truncated", "a state too far", "a state far too far", "zeroed by a crash"],
)
def test_a_damaged_control_file_is_told_from_a_good_one(tmp_path: Path, control: bytes) -> None:
    _make(tmp_path, control=control)
    with pytest.raises(ValueError, match="pg_control is damaged"):
        read_data_directory(tmp_path)


def test_another_major_version_s_data_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "17" / "docker").mkdir(parents=True)
    (tmp_path / "17" / "docker" / "PG_VERSION").write_text("17\n")
    found = read_data_directory(tmp_path)
    assert found is not None
    assert (found.major, found.system_identifier) == ("17", "")


def test_an_older_version_s_leftovers_beside_our_data_do_not_matter(tmp_path: Path) -> None:
    _make(tmp_path)
    (tmp_path / "17" / "docker").mkdir(parents=True)
    (tmp_path / "17" / "docker" / "PG_VERSION").write_text("17\n")
    found = read_data_directory(tmp_path)
    assert found is not None
    assert found.major == "18"


def test_the_version_in_the_directory_is_what_counts(tmp_path: Path) -> None:
    _make(tmp_path, version="19\n")
    found = read_data_directory(tmp_path)
    assert found is not None
    assert found.major == "19"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_data_that_may_not_be_read_is_not_taken_for_missing(tmp_path: Path) -> None:
    pgdata = _make(tmp_path)
    pgdata.chmod(0)
    try:
        with pytest.raises(PermissionError):
            read_data_directory(tmp_path)
    finally:
        pgdata.chmod(0o700)
