import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.config.env_file import VARIABLES
from cluster.errors import MachineError, RefusedError
from cluster.postgres.data_directory import DataDirectory
from cluster.services import optional_services
from cluster.topology import Copy, Topology, host_ports
from compose.engine.containers import Container
from compose.home.paths import Home, service_user
from compose.operations import preflight
from compose.operations.preflight import (
    check_data,
    check_disk,
    check_own_ports,
    check_ports,
    check_possible,
    free_disk,
    measure_host,
    port_clashes,
    strangers,
    with_own_port,
)
from tests.fix_settings import SYSTEM, settings_of, topology_of

TOPOLOGY = topology_of(settings_of())
NEW = replace(TOPOLOGY, system_identifier="")


ADDRESS = "127.0.0.77"
"""Of this host, and one on which nobody's cluster publishes ports: the reader's own has the ports that are usual."""
ELSEWHERE = {"bind": ADDRESS, "web_bind": ADDRESS, "health_bind": ADDRESS}
OTHERS = ["primary", "replica1", "replica2", "pgbouncer", "exporter", "prometheus", "alertmanager", "health"]
NO_PAGES = {"monitoring": "off", "health": "off"}


def _data(home: Home, node: str, *, system: str = SYSTEM, standby: bool | None = None, major: str = "18") -> Path:
    """A node's data directory, owned by whoever runs PostgreSQL."""
    pgdata = home.node(node) / major / "docker"
    (pgdata / "global").mkdir(parents=True)
    (pgdata / "PG_VERSION").write_text(major + "\n")
    head = struct.pack("@QIIIqQQI", int(system), 1800, 202506291, 1, 1_700_000_000, 0x3000060, 0x3000028, 1)
    (pgdata / "global" / "pg_control").write_bytes(head.ljust(8192, b"\0"))
    if standby if standby is not None else node != "primary":
        (pgdata / "standby.signal").touch()
    for path in (home.node(node), *home.node(node).rglob("*")):
        os.chown(path, *service_user())
    return pgdata


@pytest.fixture
def whole(bare_home: Home) -> Home:
    """A home in which every node has its data."""
    for node in TOPOLOGY.names:
        _data(bare_home, node)
    return bare_home


def test_a_host_is_measured_in_bytes(bare_home: Home) -> None:
    sizing = measure_host(bare_home, 3)
    assert sizing.memory > 64 << 20
    assert 0 < sizing.disk == pytest.approx(free_disk(bare_home.path), rel=0.05)
    assert sizing.nodes == 3


def test_free_disk_is_known_before_the_directory_exists(tmp_path: Path) -> None:
    assert free_disk(tmp_path / "not" / "yet") == pytest.approx(free_disk(tmp_path), rel=0.05)


@pytest.mark.parametrize(("free", "new", "enough"), [(512, 0, True), (511, 0, False), (512, 1, False), (640, 1, True)])
def test_a_disk_that_is_nearly_full_is_refused(
    bare_home: Home, monkeypatch: pytest.MonkeyPatch, free: int, new: int, enough: bool
) -> None:
    monkeypatch.setattr(preflight, "free_disk", lambda path: free << 20)
    if enough:
        check_disk(bare_home, new)
    else:
        with pytest.raises(MachineError, match=f"{free}.0 MB free"):
            check_disk(bare_home, new)


@pytest.fixture
def listener() -> Iterator[int]:
    """A port of loopback that this process listens on."""
    with socket.socket() as taken:
        taken.bind((ADDRESS, 0))
        taken.listen()
        yield int(taken.getsockname()[1])


def test_a_port_somebody_listens_on_is_refused_naming_them_and_the_setting(listener: int) -> None:
    settings = settings_of(pgbouncer_port=str(listener), replicas="0", **ELSEWHERE)
    with pytest.raises(MachineError) as refusal:
        check_ports(settings, topology_of(settings), ours=["primary"])
    assert f"port {listener}, wanted for pgbouncer, is in use by " in refusal.value.message
    assert f"(pid {os.getpid()})" in refusal.value.message
    assert "PODS_PGBOUNCER_PORT" in refusal.value.hint


def test_our_own_running_service_is_no_clash(listener: int, free_port: int) -> None:
    settings = settings_of(
        pgbouncer_port=str(listener), primary_port=str(free_port), replicas="0", **NO_PAGES, **ELSEWHERE
    )
    assert port_clashes(settings, topology_of(settings), ours=["pgbouncer"]) == []


def _running(service: str, *published: tuple[str, int]) -> Container:
    return Container(
        service=service,
        name=f"pods-{service}-1",
        id="0123",
        status="running",
        health="healthy",
        exit_code=0,
        restarts=0,
        oom_killed=False,
        started=None,
        definition="",
        one_off=False,
        directory="/srv",
        published=frozenset(published),
    )


def test_a_stranger_s_port_is_refused_before_a_running_service_is_moved_there(listener: int) -> None:
    settings = settings_of(pgbouncer_port=str(listener), replicas="0", **NO_PAGES, **ELSEWHERE)
    running = [_running("pgbouncer", (ADDRESS, 6432)), _running("primary", (ADDRESS, settings.primary_port))]
    with pytest.raises(MachineError, match=f"port {listener}, wanted for pgbouncer, is in use"):
        check_own_ports(settings, topology_of(settings), running)


def test_our_own_services_may_change_ports_with_each_other(listener: int) -> None:
    settings = settings_of(pgbouncer_port=str(listener), primary_port="6432", replicas="0", **NO_PAGES, **ELSEWHERE)
    running = [_running("pgbouncer", (ADDRESS, 6432)), _running("primary", (ADDRESS, listener))]
    check_own_ports(settings, topology_of(settings), running)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [("sync", "any:3", "more replicas than the 2 there are"), ("shared_buffers", "8191GB", "is more than the")],
)
def test_what_this_host_or_cluster_cannot_have_is_refused(setting: str, value: str, message: str) -> None:
    settings = settings_of(**{setting: value})
    with pytest.raises(RefusedError, match=message):
        check_possible(settings, topology_of(settings))
    check_possible(settings_of(sync="any:2", shared_buffers="64MB"), TOPOLOGY)


def test_every_service_s_port_has_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "_free", lambda address, port: False)
    clashes = port_clashes(settings_of(), TOPOLOGY, ours=[])
    assert {clash.service: clash.variable for clash in clashes} == {
        "haproxy": "PODS_PRIMARY_PORT",
        "primary": "PODS_REPLICA_PORT",
        "replica1": "PODS_REPLICA_PORT",
        "replica2": "PODS_REPLICA_PORT",
        "pgbouncer": "PODS_PGBOUNCER_PORT",
        "exporter": "PODS_EXPORTER_PORT",
        "prometheus": "PODS_PROMETHEUS_PORT",
        "alertmanager": "PODS_ALERTMANAGER_PORT",
        "grafana": "PODS_GRAFANA_PORT",
        "health": "PODS_HEALTH_PORT",
    }
    assert {clash.variable for clash in clashes} <= set(VARIABLES)


def test_the_first_node_of_a_cluster_of_before_gets_a_port_that_nobody_has(listener: int) -> None:
    settings = settings_of(replicas="1", replica_port=str(listener - 1), **ELSEWHERE)
    before = topology_of(settings).with_ordinal("primary", 0)
    moved = with_own_port(settings, before)
    assert host_ports(settings, moved)["primary"] > listener, "where another program listens"
    assert host_ports(settings, moved)["replica1"] == listener - 1
    assert with_own_port(settings, moved) == moved
    assert moved.names == before.names


def test_a_copy_s_port_is_looked_for_like_a_replica_s(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[int, str] = {}
    monkeypatch.setattr(
        preflight, "_free", lambda address, port: bool(asked.setdefault(port, address)) and port != 5436
    )
    topology = TOPOLOGY.with_copy(Copy(name="before", ordinal=4))
    (clash,) = port_clashes(settings_of(bind="127.0.0.2"), topology, ours=[])
    assert (clash.service, clash.port, clash.variable) == ("before", 5436, "PODS_REPLICA_PORT")


def test_an_address_that_is_not_this_host_s_is_refused_by_its_setting() -> None:
    for setting, variable in (
        ("bind", "PODS_BIND"),
        ("web_bind", "PODS_WEB_BIND"),
        ("health_bind", "PODS_HEALTH_BIND"),
    ):
        settings = settings_of(**{"health_bind": "127.0.0.1", "unprotected": "health", setting: "203.0.113.7"})
        topology = topology_of(settings)
        everything = [*topology.names, "pgbouncer", *optional_services(settings, topology.image_source)]
        with pytest.raises(MachineError, match=rf"{variable}=203\.0\.113\.7 is not an address of this host"):
            check_ports(settings, topology, ours=everything)


def test_a_page_s_port_is_looked_for_on_the_address_of_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[int, str] = {}
    monkeypatch.setattr(preflight, "_free", lambda address, port: not asked.setdefault(port, address))
    port_clashes(settings_of(bind="127.0.0.2", web_bind="127.0.0.3"), TOPOLOGY, ours=[])
    assert {port for port, address in asked.items() if address == "127.0.0.2"} == {5440, 5433, 5434, 5435, 6432}
    assert {port for port, address in asked.items() if address == "127.0.0.3"} == {9187, 9090, 9093, 3000, 8080}


def _grafana_clashes(listener: int, source: str) -> list[str]:
    settings = settings_of(grafana_port=str(listener), **ELSEWHERE)
    found = port_clashes(settings, replace(topology_of(settings), image_source=source), ours=OTHERS)
    return [clash.variable for clash in found]


def test_the_port_of_a_grafana_that_will_not_run_may_be_taken(listener: int) -> None:
    assert _grafana_clashes(listener, "debian") == []
    assert _grafana_clashes(listener, "registry") == ["PODS_GRAFANA_PORT"]


def test_before_the_first_up_grafana_may_yet_run(listener: int) -> None:
    assert _grafana_clashes(listener, "") == ["PODS_GRAFANA_PORT"]


def test_a_whole_cluster_is_recognised(whole: Home) -> None:
    found = check_data(whole, TOPOLOGY)
    assert {node: data.standby for node, data in found.items() if isinstance(data, DataDirectory)} == {
        "primary": False,
        "replica1": True,
        "replica2": True,
    }


def test_a_new_cluster_has_nothing_yet(bare_home: Home) -> None:
    assert check_data(bare_home, NEW) == {"primary": None, "replica1": None, "replica2": None}


def test_an_interrupted_first_up_goes_on_with_the_primary_s_data(bare_home: Home) -> None:
    _data(bare_home, "primary")
    assert isinstance(check_data(bare_home, NEW)["primary"], DataDirectory)


def test_replicas_that_lost_or_damaged_their_data_can_be_mended(whole: Home) -> None:
    (whole.node("replica1") / "18").rename(whole.path / "lost")
    (whole.node("replica2") / "18/docker/global/pg_control").write_bytes(b"")
    found = check_data(whole, TOPOLOGY)
    assert found["replica1"] is None
    assert isinstance(found["replica2"], ValueError)


def _refused(home: Home, topology: Topology = TOPOLOGY) -> str:
    before = sorted(home.data.rglob("*"))
    with pytest.raises(RefusedError) as refusal:
        check_data(home, topology)
    assert refusal.value.hint
    assert sorted(home.data.rglob("*")) == before
    return refusal.value.message


def test_a_primary_whose_data_is_gone_is_never_made_anew(whole: Home) -> None:
    (whole.node("primary") / "18").rename(whole.path / "lost")
    assert "the primary's data" in _refused(whole)


def test_a_primary_whose_data_is_damaged_is_never_made_anew(whole: Home) -> None:
    (whole.node("primary") / "18/docker/PG_VERSION").unlink()
    assert "is not whole" in _refused(whole)


def test_a_primary_with_a_replica_s_data_is_refused(whole: Home) -> None:
    (whole.node("primary") / "18/docker/standby.signal").touch()
    assert "holds a replica's data" in _refused(whole)


def test_a_primary_of_a_timeline_from_before_a_switchover_is_refused(whole: Home) -> None:
    known = replace(TOPOLOGY, timeline=2)
    assert "is of timeline 1, and the primary of this cluster has been on timeline 2" in _refused(whole, known)
    wal = whole.node("primary") / "18/docker/pg_wal"
    wal.mkdir()
    (wal / "00000002.history").touch()  # of its promotion, which pg_control need not know yet
    assert check_data(whole, known)["primary"]


@pytest.mark.parametrize("node", ["primary", "replica2"])
def test_another_cluster_s_data_is_refused(whole: Home, node: str) -> None:
    (whole.node(node) / "18").rename(whole.path / "lost")
    _data(whole, node, system="666")
    assert "another cluster's data (system identifier 666)" in _refused(whole)


def test_another_major_version_s_data_is_refused(whole: Home) -> None:
    (whole.node("replica1") / "18").rename(whole.path / "lost")
    _data(whole, "replica1", major="17")
    assert "PostgreSQL 17, and this is PostgreSQL 18" in _refused(whole)


def test_a_replica_s_data_from_before_the_first_up_is_refused(bare_home: Home) -> None:
    _data(bare_home, "replica1")
    assert "this cluster was never made" in _refused(bare_home, NEW)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_data_of_another_owner_is_refused_with_how_to_take_it(whole: Home) -> None:
    os.chown(whole.node("replica1") / "18/docker", 12345, 12345)
    with pytest.raises(RefusedError) as refusal:
        check_data(whole, TOPOLOGY)
    assert "belongs to uid 12345" in refusal.value.message
    assert f"chown -R {service_user()[0]}" in refusal.value.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_an_empty_directory_of_another_owner_is_nobody_s_data(bare_home: Home) -> None:
    bare_home.node("primary").mkdir(parents=True)
    os.chown(bare_home.node("primary"), 12345, 12345)
    assert check_data(bare_home, NEW)["primary"] is None


def test_strangers_are_data_that_no_topology_knows(whole: Home) -> None:
    _data(whole, "old_replica")
    (whole.data / "notes").mkdir()
    (whole.data / ".aside").mkdir()
    (whole.data / "topology.json").touch()
    assert strangers(whole, TOPOLOGY) == ["old_replica"]


def test_before_the_first_up_there_are_no_strangers(bare_home: Home) -> None:
    assert strangers(bare_home, NEW) == []
