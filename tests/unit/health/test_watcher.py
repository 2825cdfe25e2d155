import asyncio
import json
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cluster import documents
from cluster.backup_status import ArchivedStore, ArchiveStatus, BackupStatus
from cluster.config.env_file import services_env
from cluster.config.mounted import ClusterConfig, MountedConfig
from cluster.documents import to_json
from cluster.postgres.lsn import Lsn
from cluster.topology_file import dump
from health.broadcast import Broadcast
from health.history import POINTS, History
from health.watcher import ClusterWatcher, read_backup_state
from tests.fix_settings import settings_of, topology_of
from tests.unit.health.status_samples import TOPOLOGY, WELL, view_of
from tests.unit.snapshot_samples import NOW, silent, with_facts


def _window(root: Path) -> MountedConfig:
    settings = settings_of(replicas="1")
    (root / ".env").write_text(services_env(settings))
    (root / "topology.json").write_text(dump(topology_of(settings)))
    (root / "monitor_password").write_text("x")
    return MountedConfig(root=root, secrets=root, ca=root / "ca.crt")


def test_a_cluster_of_which_nothing_is_there_is_looked_at_and_judged(tmp_path: Path) -> None:
    watcher = ClusterWatcher(_window(tmp_path))
    watcher.poll()
    assert watcher.latest is not None
    assert watcher.latest.answers["/health"].status == 503
    assert len([r for r in watcher.latest.view.verdict.reasons if "does not answer" in r]) == 3
    assert watcher.age < 30


def test_without_a_topology_there_is_no_look_but_a_reason(tmp_path: Path) -> None:
    watcher = ClusterWatcher(MountedConfig(root=tmp_path, secrets=tmp_path))
    watcher.poll()
    assert watcher.latest is None
    assert "there is no topology" in watcher.error
    assert watcher.age == float("inf")


def test_a_missing_secret_is_a_trouble_and_no_end(tmp_path: Path) -> None:
    config = _window(tmp_path)
    (tmp_path / "monitor_password").unlink()
    watcher = ClusterWatcher(config)
    watcher.poll()
    assert "monitor_password" in watcher.error
    (tmp_path / "monitor_password").write_text("x")
    watcher.poll()
    assert watcher.error == ""
    assert watcher.latest is not None


class _Broken(MountedConfig):
    def read(self) -> ClusterConfig:
        raise ZeroDivisionError("a bug")


def test_a_bug_is_in_the_log_and_no_end(caplog: pytest.LogCaptureFixture) -> None:
    watcher = ClusterWatcher(_Broken())
    watcher.poll()
    assert watcher.error == "a look failed; see the log of the health service"
    assert "ZeroDivisionError: a bug" in caplog.text


class _Recorder(Broadcast):
    def __init__(self) -> None:
        super().__init__()
        self.moments: list[float] = []
        self.third = threading.Event()

    def notify(self) -> None:
        self.moments.append(time.monotonic())
        if len(self.moments) == 3:
            self.third.set()


def test_everyone_is_told_of_each_look(tmp_path: Path) -> None:
    broadcast = _Recorder()
    watcher = ClusterWatcher(_window(tmp_path), broadcast=broadcast)
    watcher.poll()
    watcher.poll()
    assert len(broadcast.moments) == 2


def test_it_looks_about_once_a_second_until_it_is_stopped(tmp_path: Path) -> None:
    broadcast = _Recorder()
    watcher = ClusterWatcher(_window(tmp_path), broadcast=broadcast)
    began = time.monotonic()
    watcher.start()
    assert broadcast.third.wait(20)
    watcher.stop()
    assert broadcast.moments[2] - began > 1.5  # since the start: a first look that is late makes up for it


@pytest.mark.parametrize(("setting", "healthy"), [("2MB", True), ("1MB", False)])
def test_thresholds_are_settings(setting: str, healthy: bool) -> None:
    behind = with_facts(WELL, "replica1", lsn=Lsn(NOW - (2 << 20)))
    assert view_of(behind, settings=settings_of(health_lag=setting)).verdict.healthy is healthy


def test_how_many_replicas_commits_wait_for_is_a_setting() -> None:
    view = view_of(WELL, settings=settings_of(sync="any:1"))
    (reason,) = view.verdict.reasons
    assert reason.startswith("commits wait: 1 synchronous replicas are asked for and 0 stream → ")


ARCHIVE = ArchiveStatus(updated=1.0, stores=(ArchivedStore(name="local", lag=4.4),))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("", None),
        ("[]", None),
        (documents.dump(BackupStatus(last_success=5.0, last_backup="x", archive=ARCHIVE)), (5, "x", 4)),
        (documents.dump(BackupStatus()), (None, None, None)),
        ('{"format": 1, "last_success": "yesterday", "last_backup": 7}', None),
    ],
)
def test_what_the_backup_service_says(tmp_path: Path, text: str | None, expected: tuple[object, ...] | None) -> None:
    path = tmp_path / "status.json"
    if text is not None:
        path.write_text(text)
    state = read_backup_state(path)
    names = ("last_success", "last_backup", "archive_lag_seconds")
    assert (state and tuple(getattr(state.summary, name) for name in names)) == expected


def test_the_history_holds_the_last_minutes_and_no_more() -> None:
    history = History()
    for second in range(POINTS + 50):
        history.add(view_of(replace(WELL, taken=float(second))))
    points = history.points.points
    assert len(points) == POINTS
    assert points[-1].taken == POINTS + 49


def test_the_history_knows_what_was_not_known() -> None:
    history = History()
    history.add(view_of(silent(silent(WELL, "primary"), "replica1")))
    (point,) = json.loads(json.dumps(to_json(history.points)))["points"]
    assert point["written"] is None
    assert point["lag"] == {"replica1": None, "replica2": 0}
    assert not point["healthy"]


def test_all_who_listen_hear_a_ring_from_another_thread() -> None:
    async def listen() -> None:
        broadcast = Broadcast()
        broadcast.notify()  # nobody is there yet
        broadcast.bind()
        waiting = [asyncio.create_task(broadcast.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        threading.Thread(target=broadcast.notify).start()
        await asyncio.wait_for(asyncio.gather(*waiting), 5)

    asyncio.run(listen())


def test_a_topology_that_changes_is_followed(tmp_path: Path) -> None:
    watcher = ClusterWatcher(_window(tmp_path))
    watcher.poll()
    (tmp_path / "topology.json").write_text(dump(TOPOLOGY))
    watcher.poll()
    assert watcher.latest is not None
    assert "/nodes/replica2/replica" in watcher.latest.answers


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[]",
        "null",
        "x",
        '{"format": 1, "updated": 1e999}',
        '{"format": 1, "backups": [1]}',
        '{"format": 1, "archive": {"stores": 1}}',
    ],
)
def test_a_backup_service_that_lies_stops_no_look(tmp_path: Path, text: str) -> None:
    (tmp_path / "status.json").write_text(text)
    state = read_backup_state(tmp_path / "status.json")
    assert state is None
