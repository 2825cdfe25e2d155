from pathlib import Path
from typing import Any

from cluster.observed.snapshot import Snapshot
from cluster.postgres.lsn import Lsn
from cluster.read_pool import BACK_AFTER, CUT_AFTER, OUT_AFTER
from health.readers import RENEWED_EVERY, ReadPoolKeeper
from tests.fix_settings import settings_of
from tests.unit.health.status_samples import WELL, view_of
from tests.unit.snapshot_samples import NOW, silent, with_facts


def _polls(keeper: ReadPoolKeeper, begin: float, seconds: float, snapshot: Snapshot, **more: Any) -> float:
    """What a keeper is given over ``seconds``, a poll each second; the time after it."""
    for second in range(int(seconds)):
        keeper.update(view_of(snapshot, **more), begin + second)
    return begin + int(seconds)


def _absent(path: Path) -> list[str]:
    return path.read_text().splitlines()[1:]


def test_a_silent_replica_is_written_down_then_cut_then_gone_again(tmp_path: Path) -> None:
    path = tmp_path / "absent"
    keeper, quiet = ReadPoolKeeper(path), silent(WELL, "replica1")
    now = _polls(keeper, 0, 3, WELL)
    assert _absent(path) == []
    now = _polls(keeper, now, OUT_AFTER + 1, quiet)
    assert _absent(path) == ["replica1 out"]
    now = _polls(keeper, now, CUT_AFTER - OUT_AFTER, quiet)
    assert _absent(path) == ["replica1 cut"]
    _polls(keeper, now, BACK_AFTER + 1, WELL)
    assert _absent(path) == []


def test_a_replica_that_replays_nothing_while_the_primary_writes_is_out_after_the_time_that_is_set(
    tmp_path: Path,
) -> None:
    path = tmp_path / "absent"
    keeper, settings = ReadPoolKeeper(path), settings_of(read_lag="20")
    for second in range(40):
        written = Lsn(NOW + second)
        snapshot = WELL
        for node in ("primary", "replica2"):
            snapshot = with_facts(snapshot, node, lsn=written)
        keeper.update(view_of(snapshot, settings=settings, written=written), float(second))
        if second < 20:
            assert _absent(path) == []
    assert _absent(path) == ["replica1 out"]


def test_a_server_that_takes_writes_is_none_to_read_from(tmp_path: Path) -> None:
    path = tmp_path / "absent"
    _polls(ReadPoolKeeper(path), 0, OUT_AFTER + 2, with_facts(WELL, "replica1", in_recovery=False))
    assert _absent(path) == ["replica1 out"]


def test_another_service_that_starts_goes_on_from_what_the_last_one_wrote(tmp_path: Path) -> None:
    path = tmp_path / "absent"
    now = _polls(ReadPoolKeeper(path), 0, 30, silent(WELL, "replica1"))
    anew = ReadPoolKeeper(path)
    now = _polls(anew, now, BACK_AFTER - 1, WELL)
    assert _absent(path) == ["replica1 out"]
    _polls(anew, now, 3, WELL)
    assert _absent(path) == []


def test_the_file_is_renewed_while_nothing_changes(tmp_path: Path) -> None:
    path = tmp_path / "absent"
    keeper = ReadPoolKeeper(path)
    seen = set()
    for second in range(int(RENEWED_EVERY) * 4):
        keeper.update(view_of(WELL), float(second))
        seen.add(path.read_text())
    assert len(seen) == 4


def test_where_nothing_can_be_written_the_watch_goes_on(tmp_path: Path) -> None:
    _polls(ReadPoolKeeper(tmp_path / "nowhere" / "absent"), 0, 3, WELL)
