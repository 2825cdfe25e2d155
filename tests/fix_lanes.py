"""Lanes: integration tests side by side on the workers of pytest-xdist, and tests that want the host to themselves.

The tests of a file run one after the other on one worker; a worker that is free takes the next file, the slowest first
(docs/decisions/0031). A test marked `alone` measures time, or touches
what all share: it waits until the others' tests at hand are over, and they wait until it is.
"""

import fcntl
import os
import subprocess
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import Scheduling
    from xdist.workermanage import WorkerController

SLOWEST_FIRST = (
    "test_86_backup",  # with the others of its folder, whose cluster is gone when they are over
    "test_87_copies",
    "test_89_switchover",
    "test_90_drop",
    "test_10_up",  # first on its cluster: what the others do to it, alerts tell of for minutes
    "test_85_health",
    "test_22_pooling",
    "test_70_replicas",
    "test_71_switchover",
    "test_74_auto_failover",
    "test_75_rolling",
    "test_12_databases",
    "test_26_declared",
    "test_14_tasks",
    "test_13_applications",
    "test_13_rotation",
    "test_13_connect",
    "test_73_failover",
    "test_83_alerts",
    "test_40_faults",
    "test_74_cold_start",
    "test_60_change",
    "test_76_extensions",
    "test_84_dashboards",
    "test_50_refusals",
    "test_80_exporter",
    "test_79_insight",
    "test_34_insight",
    "test_32_owner",
    "test_30_safety",
    "test_82_prometheus",
    "test_81_strangers",
    "test_20_data",  # last on its cluster, which is ten times as large afterwards; what follows has none
    "test_88_images",
    "test_87_receivers",
    "test_77_extension_scripts",
    "test_82_rules",
    "test_78_statement_counters",
    "test_wal",
    "test_s3",
    "test_base",
    "test_restore",
    "test_drill",
    "test_s3_faults",
    "test_s3_gone",
    "test_base_s3",
    "test_chain",
    "test_verify",
)
"""In this order files begin, those that are not named before all others."""
_TREE = "tests/integration"
_LOCKS = "pods_lanes"
"""The word under which a worker is told where the locks of this run are."""


class Hall:
    """Where tests run: any number at once, or one alone. Who waits to be alone is not kept waiting by who comes later.

    Locks of the kernel, which gives them back when a worker dies.
    """

    def __init__(self, directory: Path) -> None:
        self._door, self._floor = (
            os.open(directory / name, os.O_RDWR | os.O_CREAT, 0o600) for name in ("door", "floor")
        )
        self.alone = False

    def enter(self, *, alone: bool) -> None:
        """Wait until nobody is in there alone; or, to be ``alone``, until nobody is in there."""
        fcntl.flock(self._door, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._floor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            self.alone = alone
        finally:
            fcntl.flock(self._door, fcntl.LOCK_UN)

    def leave(self) -> None:
        """Let others in."""
        fcntl.flock(self._floor, fcntl.LOCK_UN)
        self.alone = False


_HALL = pytest.StashKey[Hall]()
_DIRECTORY = pytest.StashKey[str]()
_RUN = pytest.StashKey[str]()
RUN_LABEL = "pods.test"
"""On containers that no Compose file has: the run whose they are."""


def run_label() -> list[str]:
    """Arguments of `docker run` that let the end of this run find the container, should its test not live to see it."""
    return ["--label", f"{RUN_LABEL}={os.environ.get('PYTEST_XDIST_TESTRUNUID', 'alone')}"]


def pytest_configure(config: pytest.Config) -> None:
    """In a worker, find the hall."""
    directory = getattr(config, "workerinput", {}).get(_LOCKS)
    if directory:
        config.stash[_HALL] = Hall(Path(directory))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: "WorkerController") -> None:
    """Tell a worker where the locks of this run are."""
    config = node.config
    if _DIRECTORY not in config.stash:
        directory = tempfile.TemporaryDirectory(prefix="pods-lanes-")
        config.add_cleanup(directory.cleanup)
        config.stash[_DIRECTORY] = directory.name
        config.stash[_RUN] = node.workerinput["testrunuid"]
    node.workerinput[_LOCKS] = config.stash[_DIRECTORY]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Take away what an interrupted worker left: it gets seconds to end, and clusters take longer."""
    if config.stash.get(_RUN, "") and _in_lanes(config) and not config.getoption("--keep-stack"):
        home = str(config._tmp_path_factory.getbasetemp())  # type: ignore[attr-defined]
        _sweep(home, config.stash[_RUN])


def _sweep(home: str, run: str) -> None:
    """Containers of this run, and the networks of the projects whose home lies in ``home``."""
    project, directory = "com.docker.compose.project", "com.docker.compose.project.working_dir"
    shown = "\t".join(["{{.ID}}", *(f'{{{{.Label "{label}"}}}}' for label in (project, directory, RUN_LABEL))])
    rows = [line.split("\t") for line in _docker("ps", "--all", "--format", shown)]
    ours = [row for row in rows if row[2].startswith(f"{home}/") or row[3] == run]
    networks = [
        network
        for name in {row[1] for row in ours if row[1]}
        for network in _docker("network", "ls", "--quiet", "--filter", f"label={project}={name}")
    ]
    for verb, left in ((("rm", "--force"), [row[0] for row in ours]), (("network", "rm"), networks)):
        _docker(*verb, *left) if left else None


def _docker(*arguments: str) -> list[str]:
    """Lines of its output; none where there is no engine."""
    try:
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return []
    return done.stdout.splitlines()


def _in_lanes(config: pytest.Config) -> bool:
    return any(_TREE in argument for argument in config.args)


def _file(nodeid: str) -> PurePosixPath:
    return PurePosixPath(nodeid.partition("::")[0])


def kind_of(nodeid: str) -> str:
    """The folder of a test: the tests of one need the same cluster, or the same sort of container."""
    return str(_file(nodeid).parent)


def group_of(nodeid: str) -> str:
    """What is never spread over workers: a folder with a cluster of its own, or a file."""
    kind = kind_of(nodeid)
    return kind if PurePosixPath(kind).name == "backed_up" else str(_file(nodeid))


def rank_of(nodeid: str) -> int:
    """When it begins, among all."""
    name = _file(nodeid).stem
    return SLOWEST_FIRST.index(name) if name in SLOWEST_FIRST else -1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On workers, put the files in the order in which they are to begin."""
    if _HALL in config.stash:
        items.sort(key=lambda item: rank_of(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> "Scheduling | None":
    """Lanes for the integration tests; xdist's own ways for the others."""
    if not _in_lanes(config):
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Lanes(LoadScopeScheduling):  # type: ignore[misc]
        """A worker that is free takes a group of the kind it has a cluster for; else one that nobody is at."""

        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

        def _assign_work_unit(self, node: "WorkerController") -> None:
            taken = next_group({group: kind_of(next(iter(unit))) for group, unit in self.workqueue.items()}, at, node)
            self.workqueue.move_to_end(taken, last=False)
            super()._assign_work_unit(node)

    at: dict[object, str] = {}
    config.option.loadscopereorder = False
    return Lanes(config, log)


def next_group(waiting: Mapping[str, str], at: dict[object, str], worker: object) -> str:
    """Which of the groups ``waiting`` (with their kinds) a worker takes; ``at`` remembers what kind each is at."""
    others = {kind for other, kind in at.items() if other is not worker}
    mine = [group for group, kind in waiting.items() if kind == at.get(worker)]
    free = [group for group, kind in waiting.items() if kind not in others]
    taken = (mine or free or list(waiting))[0]
    at[worker] = waiting[taken]
    return taken


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Run a test in the hall; tests that want to be alone and follow each other stay in there."""
    hall = item.config.stash.get(_HALL, None)
    if hall is None:
        return (yield)
    if not hall.alone:
        hall.enter(alone=_is_alone(item))
    try:
        return (yield)
    finally:
        if not (hall.alone and nextitem is not None and _is_alone(nextitem)):
            hall.leave()


def _is_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None
