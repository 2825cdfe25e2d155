import configparser
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given

from cluster.config.databases import Declarations, RoleDeclaration
from cluster.config.settings import Settings
from cluster.naming import read_pool_of
from cluster.pgbouncer import is_pool
from cluster.pools import pools
from cluster.sizing import derive
from cluster.topology import NodeState, Topology
from compose.render.pgbouncer_ini import open_files, pgbouncer_ini
from tests.fix_settings import settings_of, topology_of
from tests.unit.strategies import topologies

SETTINGS = settings_of()
TOPOLOGY = topology_of(SETTINGS)


def _ini(settings: Settings = SETTINGS, topology: Topology = TOPOLOGY) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=True, delimiters="=")
    text = pgbouncer_ini(settings, topology, derive(settings, topology.sizing))
    parser.read_string(text.removesuffix("%include /run/pods/readers.ini\n"))
    return parser


def _shared(topology: Topology) -> tuple[str, ...]:
    return tuple(node.name for node in topology.replicas if node.state == "member" and node.pool == "shared")


def test_the_configuration(golden: Callable[[str, str], None]) -> None:
    golden("pgbouncer.ini", pgbouncer_ini(SETTINGS, TOPOLOGY, derive(SETTINGS, TOPOLOGY.sizing)))


def test_writes_lead_to_the_primary_and_reads_to_the_replicas() -> None:
    assert pools(SETTINGS, TOPOLOGY) == {
        "appdb": ("primary",),
        "appdb_write": ("primary",),
        "appdb_read": ("replica1", "replica2"),
        "appdb_read1": ("replica1",),
        "appdb_read2": ("replica2",),
    }


def test_without_a_replica_reads_lead_to_the_primary() -> None:
    alone = topology_of(settings_of(replicas="0"))
    assert pools(SETTINGS, alone) == {"appdb": ("primary",), "appdb_write": ("primary",), "appdb_read": ("primary",)}


def test_a_replica_that_is_kept_apart_has_its_own_pool_alone() -> None:
    apart = TOPOLOGY.add("reports", pool="own")
    assert pools(SETTINGS, apart) == {**pools(SETTINGS, TOPOLOGY), "appdb_read_reports": ("reports",)}
    assert pools(SETTINGS, apart.with_pool("reports", "shared"))["appdb_read"] == ("replica1", "replica2", "reports")


def test_where_every_replica_is_kept_apart_reads_go_to_the_primary() -> None:
    apart = TOPOLOGY.with_pool("replica1", "own").with_pool("replica2", "own")
    assert pools(SETTINGS, apart)["appdb_read"] == ("primary",)


def test_after_a_switchover_the_pools_follow_the_roles() -> None:
    switched = pools(SETTINGS, replace(TOPOLOGY, primary="replica1"))
    assert switched["appdb_write"] == ("replica1",)
    assert switched["appdb_read"] == ("primary", "replica2")
    assert switched["appdb_read_primary"] == ("primary",)
    assert "appdb_read1" not in switched


@pytest.mark.parametrize(
    ("state", "own", "shared"),
    [("joining", False, False), ("catching_up", True, False), ("member", True, True), ("leaving", True, False)],
)
def test_a_replica_on_its_way_in_or_out_takes_no_part_in_the_shared_pool(
    state: NodeState, own: bool, shared: bool
) -> None:
    found = pools(SETTINGS, TOPOLOGY.with_state("replica1", state))
    assert ("appdb_read1" in found) is own
    assert ("replica1" in found["appdb_read"]) is shared


@given(topologies())
def test_every_pool_leads_to_nodes_that_exist(topology: Topology) -> None:
    found = pools(SETTINGS, topology)
    assert all(hosts for hosts in found.values())
    assert {host for hosts in found.values() for host in hosts} <= set(topology.names)


@given(topologies())
def test_writes_never_lead_to_a_replica_nor_reads_to_the_primary_unless_there_is_no_member(topology: Topology) -> None:
    found = pools(SETTINGS, topology)
    assert found["appdb"] == found["appdb_write"] == (topology.primary,)
    assert found["appdb_read"] == (_shared(topology) or (topology.primary,))
    own = {read_pool_of(node.name, "appdb"): (node.name,) for node in topology.replicas}
    assert {name: hosts for name, hosts in found.items() if name in own} == {n: own[n] for n in found if n in own}


@given(topologies())
def test_the_file_has_every_pool_with_its_hosts_and_the_one_database(topology: Topology) -> None:
    databases = _ini(topology=topology)["databases"]
    assert [name for name in databases if is_pool(name)] == list(pools(SETTINGS, topology))
    for name, hosts in pools(SETTINGS, topology).items():
        target = dict(part.split("=") for part in databases[name].split())
        assert target["host"] == ",".join(hosts)
        assert (target["port"], target["dbname"]) == ("5432", "appdb")
        assert ("load_balance_hosts" in target) == (len(hosts) > 1)


@given(topologies())
def test_verifiers_are_asked_for_where_the_pool_leads_in_the_database_no_application_can_change(
    topology: Topology,
) -> None:
    ini = _ini(topology=topology)
    for name, hosts in pools(SETTINGS, topology).items():
        entry = dict(part.split("=") for part in ini["databases"][name].split())["auth_dbname"]
        target = dict(part.split("=") for part in ini["databases"][entry].split())
        assert not is_pool(entry)
        assert (target["host"], target["dbname"]) == (",".join(hosts), "postgres")
        assert "user" not in target, "whoever comes would be that user"
    assert ini["pgbouncer"]["auth_dbname"] in ini["databases"]


def test_a_database_without_an_entry_is_found_only_where_a_role_may_make_some() -> None:
    ci = Declarations(roles=(RoleDeclaration(name="ci", create_databases=("test_*",)),))
    tests = replace(SETTINGS, declarations=ci)
    assert "*" not in _ini()["databases"]
    entry = dict(part.split("=") for part in _ini(tests)["databases"]["*"].split())
    assert not is_pool("*")
    assert not is_pool("test_1", entry["host"])
    assert "dbname" not in entry, "then every name would be that one"
    assert entry["auth_dbname"] in _ini(tests)["databases"]
    assert int(entry["server_lifetime"]) < 5, "DROP DATABASE waits no longer for who is connected"
    assert open_files(tests, TOPOLOGY) > open_files(SETTINGS, TOPOLOGY)


def test_settings_become_its_limits() -> None:
    pgbouncer = _ini(settings_of(max_clients="77", pool_size="7"))["pgbouncer"]
    assert (pgbouncer["max_client_conn"], pgbouncer["default_pool_size"]) == ("77", "7")


def test_a_server_connection_forgets_its_client_unless_somebody_wants_it_otherwise() -> None:
    on, off = _ini()["pgbouncer"], _ini(settings_of(pool_reset="off"))["pgbouncer"]
    assert (on["server_reset_query_always"], off["server_reset_query_always"]) == ("1", "0")
    assert {"RESET SESSION AUTHORIZATION", "RESET ALL", "CLOSE ALL"} <= set(on["server_reset_query"].split("; "))
    assert not {"DISCARD ALL", "DEALLOCATE ALL"} & set(on["server_reset_query"].split("; ")), "prepared ones go on"


def test_silence_within_a_transaction_has_an_end() -> None:
    assert _ini()["pgbouncer"]["idle_transaction_timeout"] == "300"
    assert _ini(settings_of(pool_idle_transaction="0"))["pgbouncer"]["idle_transaction_timeout"] == "0"


def test_clients_come_with_scram_over_tls_and_servers_are_verified() -> None:
    pgbouncer = _ini()["pgbouncer"]
    assert pgbouncer["auth_type"] == "scram-sha-256"
    assert pgbouncer["client_tls_sslmode"] == "require"
    assert pgbouncer["server_tls_sslmode"] == "verify-full"


def test_no_password_is_in_the_file() -> None:
    assert "password=" not in pgbouncer_ini(SETTINGS, TOPOLOGY, derive(SETTINGS, TOPOLOGY.sizing))
