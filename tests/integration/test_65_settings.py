"""Every setting with two values, on a new cluster and on a running one: `nox -s settings`; from setting_trials.py.

All first values at once, and all second ones: what one service refuses is in its log, and `up` names it.
"""

from pathlib import Path

import pytest

from tests.fix_inv import Inv
from tests.fix_ports import free_ports
from tests.fix_stack import SMALL, Cluster, new_project, purge
from tests.setting_trials import TRIALS

pytestmark = pytest.mark.settings
SHOWN = {
    "PODS_MAX_CONNECTIONS": "max_connections",
    "PODS_SHARED_BUFFERS": "shared_buffers",
    "PODS_WORK_MEM": "work_mem",
    "PODS_MAINTENANCE_WORK_MEM": "maintenance_work_mem",
    "PODS_MAX_WAL_SIZE": "max_wal_size",
    "PODS_WAL_BUDGET": "max_slot_wal_keep_size",
    "PODS_IO_METHOD": "io_method",
}
"""Settings that are a parameter of PostgreSQL."""
ON = dict.fromkeys(("PODS_MONITORING", "PODS_HEALTH", "PODS_BACKUP"), "on")
"""What runs in every trial but the last: a service that does not run refuses nothing."""


def _env(which: int, made_with: int, ports: dict[str, str], project: str, **others: str) -> str:
    """A .env of all first values (0) or all second ones (1); what only a new cluster takes is as it was made with."""
    chosen = {
        name: trial.values[made_with if trial.live == "new" else which]
        for name, trial in TRIALS.items()
        if trial.live and name not in ports
    }
    own = {"PODS_PROJECT": project, **ON, **others}
    if which:
        own["PODS_UNPROTECTED"] = "web"
    everything = {**chosen, **ports, "PODS_START_TIMEOUT": SMALL["PODS_START_TIMEOUT"], **own}
    return "".join(f"{name}={value}\n" for name, value in everything.items())


def _ports() -> tuple[dict[str, str], dict[str, str]]:
    """Two sets of ports of this host that are free, for the settings that are ports."""
    names = [name for name in TRIALS if name.endswith("_PORT")]
    free = [str(port) for port in free_ports(20)]
    last = {"PODS_REPLICA_PORT": free[18]}  # others follow it
    return dict(zip(names, free, strict=False)) | last, dict(zip(names, free[9:], strict=False)) | last


def _check(cluster: Cluster, which: int, database: str) -> None:
    if "needs a restart" in cluster.inv.ok("up", timeout=600).err:
        cluster.inv.ok("restart", timeout=600)
    assert "as they should be" in cluster.inv.ok("config.check").err
    assert cluster.status()["healthy"], cluster.status()["reasons"]
    for variable, parameter in SHOWN.items():
        for node in cluster.stack.topology.names:
            value = TRIALS[variable].values[which]
            assert cluster.query(f"SHOW {parameter}", node, database=database) == [{parameter: value}], variable
    assert {pool["size"] for pool in cluster.status()["pools"]} == {int(TRIALS["PODS_POOL_SIZE"].values[which])}
    wrong = {name: c.status for name, c in cluster.stack.containers().items() if not c.well or c.restarts}
    assert wrong == {}


@pytest.mark.parametrize("made_with", [0, 1], ids=["first", "second"])
def test_every_setting_on_a_new_cluster_and_on_a_running_one(tmp_path: Path, built: None, made_with: int) -> None:
    cluster, project, ports = Cluster(Inv(tmp_path)), new_project("set"), _ports()
    database = TRIALS["PODS_DATABASE"].values[made_with]
    try:
        for which in (made_with, 1 - made_with, made_with):
            (tmp_path / ".env").write_text(_env(which, made_with, ports[which], project))
            _check(cluster, which, database)
        off = dict.fromkeys(ON, "off")
        (tmp_path / ".env").write_text(_env(made_with, made_with, ports[made_with], project, **off))
        _check(cluster, made_with, database)
        assert set(cluster.stack.containers()) == {*cluster.stack.topology.names, "pgbouncer", "haproxy"}
    finally:
        purge(cluster.inv)
