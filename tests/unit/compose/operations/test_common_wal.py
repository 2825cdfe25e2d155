"""An old copy that went on parted from its replica at a position that no timeline tells of."""

from pathlib import Path

from cluster.postgres.data_directory import PGDATA
from cluster.postgres.lsn import Lsn
from compose.operations.promotion.common_wal import shared_until
from tests.unit.wal_writer import SIZE, WalWriter


def _node(path: Path, *contents: int, timeline: int = 1, more: int = 0) -> Lsn:
    """Data with a record of each content, and ``more`` behind them; where those end that all have."""
    writer = WalWriter(timeline)
    for content in contents:
        writer.content = content
        writer.record(200)
    end = writer.at
    for _ in range(more):
        writer.record(300)
    (path / PGDATA).mkdir(parents=True)
    writer.write(path / PGDATA / "pg_wal")
    return Lsn(end)


def test_data_that_has_more_than_the_new_primary_had_shares_what_is_before(tmp_path: Path) -> None:
    fork = _node(tmp_path / "old", 1, 2, 3, more=4)
    assert _node(tmp_path / "new", 1, 2, 3) == fork
    assert shared_until(tmp_path / "old", 1, tmp_path / "new", 1, fork)


def test_data_that_parted_before_does_not(tmp_path: Path) -> None:
    fork = _node(tmp_path / "old", 1, 2, 9)
    assert _node(tmp_path / "new", 1, 2, 3) == fork
    assert not shared_until(tmp_path / "old", 1, tmp_path / "new", 1, fork)


def test_data_that_ended_before_does_not(tmp_path: Path) -> None:
    _node(tmp_path / "old", 1, 2)
    fork = _node(tmp_path / "new", 1, 2, 3)
    assert not shared_until(tmp_path / "old", 1, tmp_path / "new", 1, fork)


def test_where_one_has_it_no_more_nobody_knows(tmp_path: Path) -> None:
    fork = _node(tmp_path / "old", 1, 2)
    (tmp_path / "new").mkdir()
    assert shared_until(tmp_path / "old", 1, tmp_path / "new", 3, fork)
    assert shared_until(tmp_path / "old", 1, tmp_path / "old", 3, Lsn(fork + 64 * SIZE))
