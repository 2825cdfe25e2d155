import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from cluster.backup_status import ArchivedStore, ArchiveStatus, BackupStatus, BackupSummary, write_status
from cluster.config.databases import DatabaseDeclaration, Declarations
from cluster.config.env_file import PROJECT_ROOT
from cluster.config.settings import Settings
from cluster.documents import to_json
from cluster.errors import MachineError
from cluster.history import PrimaryChange
from cluster.hosts.hosts_status import HostsStatus, HostStatus
from cluster.observed.pooler import PoolsReading
from cluster.observed.snapshot import Snapshot
from cluster.pool_status import PoolStatus
from cluster.pools import pools
from cluster.postgres.lsn import Lsn
from cluster.remedies import split_remedy
from cluster.status import NodeStatus
from cluster.topology import Copy, Topology
from compose.engine.containers import Container, ContainerReader
from compose.home import passwords
from compose.home.paths import Home
from compose.home.primary_journal import record
from compose.report import status
from compose.report.connection_help import connection_help
from compose.report.copies import CopyStatus
from compose.report.status import StatusReport
from compose.stack import Stack
from tests.fix_settings import settings_of, topology_of, with_databases
from tests.unit.compose.container_samples import container
from tests.unit.snapshot_samples import NOW, as_wanted, silent, with_facts, with_pool

SETTINGS = settings_of(backup="off")
TOPOLOGY = topology_of(SETTINGS)
WELL = as_wanted(TOPOLOGY, pools(SETTINGS, TOPOLOGY))


@dataclass(frozen=True)
class _Containers:
    """What the engine says, and what each container said last."""

    found: dict[str, Container]

    def containers(self) -> dict[str, Container]:
        return self.found

    def last_log_line(self, container: Container) -> str:
        return f"FATAL: {container.service} cannot"


class _Observed(Stack):
    """A cluster seen at a moment of the test's choosing; every service runs, but for those of ``without``."""

    seen: Snapshot = WELL
    without: Mapping[str, Container | None] = MappingProxyType({})

    @property
    def container_reader(self) -> ContainerReader:
        found = {**{name: container(name) for name in self.services}, **self.without}
        return _Containers({name: each for name, each in found.items() if each is not None})

    def snapshot(self, deadline: float = 0) -> Snapshot:
        return self.seen


class _WithoutEngine(_Observed):
    @property
    def container_reader(self) -> ContainerReader:
        raise MachineError("no engine answers", "start it")


def _report(
    home: Home,
    snapshot: Snapshot = WELL,
    kind: type[_Observed] = _Observed,
    topology: Topology = TOPOLOGY,
    *,
    settings: Settings = SETTINGS,
    without: Mapping[str, Container | None] = MappingProxyType({}),
) -> StatusReport:
    stack = kind(home, settings, topology)
    object.__setattr__(stack, "seen", snapshot)
    object.__setattr__(stack, "without", without)
    return status.status_report(stack)


def _node(report: StatusReport, name: str) -> NodeStatus:
    (found,) = [node for node in report.nodes if node.name == name]
    return found


def test_a_healthy_cluster_reports_every_node_and_pool(bare_home: Home) -> None:
    report = _report(bare_home)
    assert report.healthy
    assert report.reasons == ()
    assert [node.name for node in report.nodes] == ["primary", "replica1", "replica2"]
    assert [pool.name for pool in report.pools] == list(pools(SETTINGS, TOPOLOGY))
    assert _node(report, "primary").lag_bytes is None
    assert _node(report, "replica1").lag_bytes == 0


def test_the_engine_is_needed_where_postgresql_does_not_answer_for_itself(bare_home: Home) -> None:
    report = _report(bare_home, kind=_WithoutEngine)
    assert report.healthy
    assert report.notes == ("nothing is known of the services beside the nodes: no engine answers → start it",)
    with pytest.raises(MachineError):
        _report(bare_home, silent(WELL, "replica1"), _WithoutEngine)
    beside = TOPOLOGY.with_copy(Copy(name="before", ordinal=4))
    with pytest.raises(MachineError):
        _report(bare_home, kind=_WithoutEngine, topology=beside)


def test_the_reference_names_every_field_and_no_other() -> None:
    text = (PROJECT_ROOT / "docs" / "reference" / "status-json.md").read_text(encoding="utf-8")
    emitted = [StatusReport, NodeStatus, PoolStatus, BackupSummary, HostsStatus, HostStatus, CopyStatus]
    chapters = re.split(r"^## ", text, flags=re.M)[: len(emitted)]
    for chapter, kind in zip(chapters, emitted, strict=True):
        assert re.findall(r"^\| `(\w+)` \|", chapter, flags=re.M) == [each.name for each in fields(kind)], chapter[:20]


def test_a_report_is_json(bare_home: Home) -> None:
    assert "hosts" not in to_json(_report(bare_home, WELL)), "a cluster on one host has nothing of the kind"
    for snapshot in (WELL, silent(WELL, "primary"), silent(WELL, "replica1")):
        report = to_json(_report(bare_home, snapshot))
        assert json.loads(json.dumps(report)) == report


def test_a_role_is_what_a_node_is_now_and_what_it_should_be_beside_it(bare_home: Home) -> None:
    node = _node(_report(bare_home, with_facts(WELL, "replica1", in_recovery=False)), "replica1")
    assert (node.role, node.wanted_role) == ("primary", "replica")


def test_a_node_that_does_not_answer_is_told_with_why(bare_home: Home) -> None:
    lost = silent(WELL, "replica1", "connection refused")
    node = _node(_report(bare_home, lost), "replica1")
    assert (node.state, node.error, node.lsn) == ("not answering", "connection refused", None)
    node = _node(_report(bare_home, lost, without={"replica1": None}), "replica1")
    assert (node.state, node.error, node.lsn) == ("no container", "it has no container", None)


def test_a_node_that_goes_round_in_restarts_is_told_with_its_last_words(bare_home: Home) -> None:
    looping = container("replica1", status="restarting", restarts=12)
    report = _report(bare_home, silent(WELL, "replica1", "nothing listens"), without={"replica1": looping})
    problem = (
        "replica1 (replica) does not answer: its container was restarted 12 times and said: FATAL: replica1 cannot"
    )
    assert report.reasons == (f"{problem} → run: inv up",)
    assert _node(report, "replica1").state == "restarting"


def test_a_pooler_whose_container_ended_is_told_with_its_last_words(bare_home: Home) -> None:
    gone = replace(WELL, pooler=PoolsReading(error="nothing listens"))
    ended = container("pgbouncer", status="exited", exit_code=1)
    (reason,) = _report(bare_home, gone, without={"pgbouncer": ended}).reasons
    assert reason.startswith("PgBouncer does not answer: its container ended with code 1 and said: FATAL: pgbouncer")


def test_who_watches_and_does_not_run_is_a_reason(bare_home: Home) -> None:
    looping = container("prometheus", status="restarting", restarts=5)
    report = _report(bare_home, without={"prometheus": looping, "gate": None})
    assert [split_remedy(reason)[0] for reason in report.reasons] == [
        "gate does not work, so that containers and disks are not measured: it has no container",
        "prometheus does not work, so that no alert fires: its container was restarted 5 times and said: "
        "FATAL: prometheus cannot",
    ]


def test_a_service_that_starts_has_time_however_often_it_did(bare_home: Home) -> None:
    assert _report(bare_home, without={"health": container("health", health="starting", restarts=9)}).healthy


def test_a_service_whose_check_fails_is_a_reason(bare_home: Home) -> None:
    (reason,) = _report(bare_home, without={"exporter": container("exporter", health="unhealthy")}).reasons
    assert reason.startswith("exporter does not work, so that nothing is measured: its check fails, and it said: FATAL")


def test_settings_of_another_cluster_are_the_first_thing_to_say(bare_home: Home) -> None:
    other = settings_of(project="other", backup="off")
    report = _report(bare_home, settings=other)
    (reason,) = report.reasons
    assert reason.startswith(f"the cluster in {bare_home.path} is called 'pods', and PODS_PROJECT is 'other'")


def test_people_see_the_same_as_programs(bare_home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    status.print_status(_report(bare_home, with_facts(WELL, "replica1", lsn=Lsn(NOW - (65 << 20)))))
    out = capsys.readouterr().out
    assert "✗ pods is degraded\n  - replica1 is 65.0 MB behind\n    → it catches up by itself" in out
    row = next(line for line in out.splitlines() if line.startswith("replica1 "))
    assert "streaming" in row
    assert "5433" in row
    assert "65.0 MB" in row


def test_what_is_unknown_is_a_dash_and_not_none(bare_home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    status.print_status(_report(bare_home, silent(silent(WELL, "primary"), "replica1")))
    out = capsys.readouterr().out
    assert "None" not in out
    assert "–" in out


def test_columns_stand_under_their_heads(bare_home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    status.print_nodes(_report(bare_home).nodes)
    head, *rows = capsys.readouterr().out.splitlines()[:4]
    column = head.index("port")
    assert [row[column : column + 4] for row in rows] == ["5435", "5433", "5434"]


def _printed(report: StatusReport, capsys: pytest.CaptureFixture[str]) -> list[str]:
    status.print_status(report)
    return capsys.readouterr().out.splitlines()


def _of_fifty(home: Home, **spoiled: Any) -> StatusReport:
    settings = with_databases(SETTINGS, 50)
    snapshot = as_wanted(TOPOLOGY, pools(settings, TOPOLOGY))
    for name, changes in spoiled.items():
        snapshot = with_pool(snapshot, name, **changes)
    return _report(home, snapshot, settings=settings)


def test_fifty_databases_that_are_well_fit_a_screen(bare_home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    report = _of_fifty(bare_home, shop40={"clients_active": 9})
    lines = _printed(report, capsys)
    assert len(lines) <= 24
    assert "and 38 more, all well" in lines
    (busy,) = [line for line in lines if line.startswith("shop40 ")]
    assert busy.split()[:6] == ["shop40", "primary", "replica1,", "replica2", "5", "17"]
    assert len(report.pools) == 250, "programs see all"


def test_of_many_databases_the_pools_in_trouble_are_shown(bare_home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    lines = _printed(_of_fifty(bare_home, shop40_read={"hosts": ("primary",)}), capsys)
    assert "  - pool shop40_read leads to primary instead of replica1,replica2" in lines
    assert [line.split()[:2] for line in lines if line.startswith("shop40")] == [
        ["shop40", "primary"],
        ["shop40_read", "primary"],
    ]


def test_hundreds_of_pools_in_trouble_fit_a_screen_too(bare_home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    held = {name: {"paused": True} for name in pools(with_databases(SETTINGS, 50), TOPOLOGY)}
    lines = _printed(_of_fifty(bare_home, **held), capsys)
    assert len(lines) <= 40
    assert "and 38 more, 38 of them not well" in lines
    assert "and 240 more, 240 of them not well" in lines
    assert "  - 250 pools are paused: appdb, appdb_read, appdb_read1 and 247 more" in lines


def _addresses(home: Home, bind: str) -> list[dict[str, Any]]:
    settings = settings_of(bind=bind)
    passwords.ensure(home, settings, first=True)
    text = connection_help(Stack(home, settings, topology_of(settings)))
    return [dict(conninfo_to_dict(line.split()[1])) for line in text.splitlines() if "postgresql://" in line]


@pytest.mark.parametrize(
    ("bind", "host"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("192.0.2.7", "192.0.2.7")]
)
def test_how_to_connect_is_told_in_addresses_that_libpq_reads(bare_home: Home, bind: str, host: str) -> None:
    found = _addresses(bare_home, bind)
    assert {address["host"] for address in found} == {host}
    assert [address["port"] for address in found] == ["6432", "6432", "5440"]
    assert {address["sslmode"] for address in found} == {"verify-full"}
    assert {address["sslrootcert"] for address in found} == {str(bare_home.ca)}
    assert not any("password" in address for address in found)


def test_how_to_connect_survives_a_home_with_a_space_in_its_path(bare_home: Home) -> None:
    home = replace(bare_home, path=bare_home.path / "my & own 100% cluster")
    passwords.ensure(home, SETTINGS, first=True)
    text = connection_help(Stack(home, SETTINGS, TOPOLOGY))
    addresses = [line.split(maxsplit=1)[1] for line in text.splitlines() if "postgresql://" in line]
    assert {conninfo_to_dict(address)["sslrootcert"] for address in addresses} == {str(home.ca)}


@pytest.mark.parametrize("monitoring", ["on", "off"])
def test_up_says_where_dashboards_are_and_whose_password_they_want(bare_home: Home, monitoring: str) -> None:
    settings = settings_of(monitoring=monitoring)
    passwords.ensure(bare_home, settings, first=True)
    lines = connection_help(Stack(bare_home, settings, topology_of(settings))).splitlines()
    found = [line.split() for line in lines if line.startswith("  dashboards ")]
    secret = bare_home.secrets / "health_password"
    wanted = ["dashboards", "http://127.0.0.1:8080/dashboards", "(health;", f"{secret})"]
    assert found == ([wanted] if monitoring == "on" else [])


def test_up_names_some_of_the_other_databases(bare_home: Home) -> None:
    passwords.ensure(bare_home, SETTINGS, first=True)
    declared = Declarations(databases=tuple(DatabaseDeclaration(name=f"shop{number}") for number in range(9)))
    text = connection_help(Stack(bare_home, replace(SETTINGS, declarations=declared), TOPOLOGY))
    assert "Other databases: shop0, shop1, shop2, shop3, shop4, …: inv connect NAME" in text


def test_the_last_backup_is_reported_where_backups_are_taken(
    bare_home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _report(bare_home, settings=settings_of()).backup is None
    state = bare_home.data / ".state" / "status.json"
    state.parent.mkdir(parents=True)
    archive = ArchiveStatus(updated=NOW, stores=(ArchivedStore(name="local", lag=4.0),))
    write_status(state.parent, BackupStatus(last_success=NOW, last_backup="b1", archive=archive))
    status.print_status(_report(bare_home, settings=settings_of()))
    told = capsys.readouterr().out
    assert "last backup b1, " in told
    assert "archive 4 s behind" in told
    off = _Observed(bare_home, settings_of(backup="off"), TOPOLOGY)
    assert status.read_backups(off) is None


def test_people_see_since_when_who_is_the_primary(bare_home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert _report(bare_home).primary_change is None
    record(
        bare_home, PrimaryChange(at=1795792800.0, event="failover", primary="primary", before="replica1", timeline=3)
    )
    status.print_status(_report(bare_home))
    assert (
        "primary: primary since 2026-11-27 15:20:00 UTC, failover from replica1, timeline 3" in capsys.readouterr().out
    )
