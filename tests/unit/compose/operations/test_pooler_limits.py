import os
import resource
from pathlib import Path

import pytest

from compose.engine.containers import Container
from compose.home.paths import Home
from compose.operations.pooler_limits import file_limit, missing_files
from compose.stack import Stack
from tests.fix_settings import settings_of, topology_of
from tests.unit.compose.container_samples import container

ID = "c0ffee"
LINE = "Max open files            {soft}                 {hard}                files     \n"


def _pooler(pid: int, identity: str = ID) -> Container:
    return container("pgbouncer", id=identity, pid=pid)


@pytest.fixture
def processes(tmp_path: Path) -> Path:
    """Two processes of containers, with limits as the kernel writes them."""
    for pid, hard in ((7, "1024"), (8, "unlimited")):
        process = tmp_path / str(pid)
        process.mkdir()
        (process / "cgroup").write_text(f"0::/docker/{ID}\n")
        (process / "limits").write_text("Limit  Soft Limit  Hard Limit  Units\n" + LINE.format(soft=1024, hard=hard))
    return tmp_path


def test_the_hard_limit_is_read_of_the_container_s_own_process(processes: Path) -> None:
    assert file_limit(_pooler(7), processes) == 1024
    for unknown in (_pooler(8), _pooler(9), _pooler(0), _pooler(7, "another")):
        assert file_limit(unknown, processes) is None


def test_the_kernel_s_file_is_understood() -> None:
    """Of this very process, which no container's id names, and whose group is what it is."""
    group = Path("/proc/self/cgroup").read_text().strip()[-3:]
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert file_limit(_pooler(os.getpid(), group)) == (None if hard == resource.RLIM_INFINITY else hard)


@pytest.mark.parametrize(("clients", "suffices"), [("10", True), ("100000", False)])
def test_a_limit_below_the_clients_that_are_let_in_is_named(bare_home: Home, clients: str, suffices: bool) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if not 1_000 < hard < 100_000:
        pytest.skip(f"this process may open {hard} files")
    settings = settings_of(max_clients=clients)
    stack = Stack(bare_home, settings, topology_of(settings))
    text = missing_files(stack, [_pooler(os.getpid(), Path("/proc/self/cgroup").read_text().strip()[-3:])])
    assert (text == "") is suffices
    assert suffices or (str(hard) in text and "PODS_MAX_CLIENTS=100000" in text)
