"""WAL files of servers on this host: which there are, what is copied where."""

from pathlib import Path

import pytest

from cluster.postgres.data_directory import PGDATA
from cluster.postgres.lsn import Lsn
from cluster.postgres.wal_records import Commit, WalTail
from compose.operations.promotion.rejoin import listing, summary
from compose.operations.promotion.wal_files import WalFiles, timeline_at

SIZE = 1 << 20


def _node(directory: Path, *names: str) -> Path:
    wal = directory / PGDATA / "pg_wal"
    wal.mkdir(parents=True)
    for name in names:
        (wal / name).write_bytes(name.encode().ljust(SIZE, b"\0"))
    (wal / "archive_status").mkdir()
    return directory


def _name(timeline: int, number: int) -> str:
    return f"{timeline:08X}{number // 4096:08X}{number % 4096:08X}"


def test_a_segment_is_known_by_its_number(tmp_path: Path) -> None:
    files = WalFiles.of(_node(tmp_path, _name(2, 4097)), 2)
    assert files is not None
    assert files.size == SIZE
    assert files.segment(4097) == b"000000020000000100000001".ljust(SIZE, b"\0")
    assert files.segment(4098) is None


@pytest.mark.parametrize("names", [(), (_name(1, 3),), (_name(2, 3), _name(3, 3))], ids=["none", "older", "newer too"])
def test_data_of_another_timeline_is_not_taken_for_it(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert WalFiles.of(_node(tmp_path, *names), 2) is None


def test_what_is_not_there_or_leads_elsewhere_is_no_wal(tmp_path: Path) -> None:
    assert WalFiles.of(tmp_path / "gone", 1) is None
    real = _node(tmp_path / "real", _name(1, 1))
    (tmp_path / "node" / PGDATA).mkdir(parents=True)
    (tmp_path / "node" / PGDATA / "pg_wal").symlink_to(real / PGDATA / "pg_wal")
    assert WalFiles.of(tmp_path / "node", 1) is None


def test_segments_are_given_from_where_the_other_is_to_the_end(tmp_path: Path) -> None:
    source = _node(tmp_path / "old", *(_name(1, number) for number in range(5)))
    target = _node(tmp_path / "new", _name(1, 2))
    (target / PGDATA / "pg_wal" / _name(1, 2)).write_bytes(b"half of it")
    files = WalFiles.of(source, 1)
    assert files is not None
    given = files.give(target, Lsn(2 * SIZE + 77), Lsn(4 * SIZE))
    assert given == [_name(1, 2), _name(1, 3)]
    for name in given:
        assert (target / PGDATA / "pg_wal" / name).read_bytes() == (source / PGDATA / "pg_wal" / name).read_bytes()
    assert not (target / PGDATA / "pg_wal" / _name(1, 4)).exists()


@pytest.mark.parametrize(
    ("position", "timeline"), [(3 * SIZE, 1), (3 * SIZE + 1, 2), (4 * SIZE, 2), (4 * SIZE + 1, 0)], ids=str
)
def test_a_standby_received_the_newest_timeline_of_which_it_has_that_segment(
    tmp_path: Path, position: int, timeline: int
) -> None:
    node = _node(tmp_path, _name(1, 2), _name(1, 3), _name(2, 3))
    assert timeline_at(node, Lsn(position)) == timeline


def test_commits_are_listed_with_their_times() -> None:
    commits = (Commit(701, Lsn(0x3000060), 1_700_000_000.0), Commit(702, Lsn(0x30000A0), 1_700_000_001.5))
    assert summary(commits) == (
        "2 transactions were committed from 2023-11-14 22:13:20.000000 UTC to 2023-11-14 22:13:21.500000 UTC"
    )
    assert summary(()) == "nothing was committed"
    text = listing("primary", Lsn(0x3000000), WalTail(Lsn(0x3001000), commits))
    assert text.splitlines()[0].startswith("primary wrote WAL from 0/3000000 to 0/3001000 that")
    assert [line.split()[:2] for line in text.splitlines()[4:]] == [["701", "0/3000060"], ["702", "0/30000A0"]]
