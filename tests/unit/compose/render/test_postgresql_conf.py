import re
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.config.databases import Declarations, RoleDeclaration
from cluster.config.settings import Settings
from cluster.naming import slot_of
from cluster.postgres.parameters import RENDERED
from cluster.second_login import second_login
from cluster.sizing import derive
from cluster.topology import Copy, Topology
from cluster.units import postgres_size
from compose.render.link_local import LINK_LOCAL, PROXY_ADDRESS, node_address
from compose.render.postgresql_conf import (
    USER_HBA,
    copy_conf,
    fixed_parameters,
    pg_hba_conf,
    postgresql_conf,
    serializable,
    user_parameters,
)
from compose.render.preloaded_libraries import leaves_out_statistics
from compose.render.server_parameters import USER_PARAMETERS
from tests.fix_settings import settings_of, topology_of
from tests.unit.strategies import topologies

SETTINGS = settings_of(clients="10.0.0.0/8,2001:db8::/32", database="shopdb")
TOPOLOGY = topology_of(SETTINGS)


def _conf(node: str = "primary", settings: Settings = SETTINGS, topology: Topology = TOPOLOGY) -> str:
    return postgresql_conf(settings, topology, derive(settings, topology.sizing), node)


def _parameters(text: str) -> list[tuple[str, str]]:
    pairs = [line.split(" = ", 1) for line in text.splitlines() if " = " in line and not line.startswith("#")]
    return [(name, value) for name, value in pairs]


def _sections(text: str) -> tuple[list[str], list[str]]:
    """Names of the parameters before the user's file, and after it."""
    before, after = text.split(f"include_if_exists = '{USER_PARAMETERS}'")
    return [name for name, _ in _parameters(before)], [name for name, _ in _parameters(after)]


def test_a_primary_s_configuration(golden: Callable[[str, str], None]) -> None:
    golden("primary/postgresql.conf", _conf())


def test_a_replica_s_configuration(golden: Callable[[str, str], None]) -> None:
    golden("replica1/postgresql.conf", _conf("replica1"))


def test_who_may_come_from_where(golden: Callable[[str, str], None]) -> None:
    golden("pg_hba.conf", pg_hba_conf(SETTINGS))


@pytest.mark.parametrize("node", ["primary", "replica1"])
def test_derived_parameters_then_the_user_s_then_the_fixed_ones(node: str) -> None:
    before, after = _sections(_conf(node))
    assert "shared_buffers" in before
    assert "checkpoint_timeout" in before
    assert "ssl" in after
    assert set(after) == fixed_parameters(SETTINGS, TOPOLOGY, node) - {
        "config_file",
        "hba_file",
        "ident_file",
        "data_directory",
    }
    assert not set(before) & set(after)


@given(topologies(min_nodes=2))
def test_no_parameter_is_set_twice(topology: Topology) -> None:
    for node in topology.names:
        names = [name for name, _ in _parameters(_conf(node, topology=topology))]
        assert len(names) == len(set(names))


@given(topologies(min_nodes=2))
def test_every_line_is_one_postgresql_can_read(topology: Topology) -> None:
    line = re.compile(r"(|#.*|[a-z_]+ = ([a-z0-9_.\-]+|[0-9]+(kB|MB|GB|TB|ms|s|min)|'[^'\\\n]*'))\Z", re.IGNORECASE)
    for node in topology.names:
        assert [text for text in _conf(node, topology=topology).splitlines() if not line.match(text)] == []


def test_a_primary_follows_nobody() -> None:
    names = [name for name, _ in _parameters(_conf("primary"))]
    assert "primary_conninfo" not in names
    assert "primary_slot_name" not in names


@given(topologies(min_nodes=2))
def test_a_replica_follows_the_primary_of_now_through_its_own_slot_over_verified_tls(topology: Topology) -> None:
    for node in (node.name for node in topology.replicas):
        parameters = dict(_parameters(_conf(node, topology=topology)))
        assert parameters["primary_slot_name"] == f"'{slot_of(node)}'"
        assert f"host={topology.primary} " in parameters["primary_conninfo"]
        assert f"application_name={node} " in parameters["primary_conninfo"]
        assert "sslmode=verify-full" in parameters["primary_conninfo"]
        assert "password=" not in parameters["primary_conninfo"]


def test_after_a_switchover_the_old_primary_follows_the_new_one() -> None:
    switched = replace(TOPOLOGY, primary="replica1")
    assert "host=replica1 " in dict(_parameters(_conf("primary", topology=switched)))["primary_conninfo"]
    assert "primary_conninfo" not in dict(_parameters(_conf("replica1", topology=switched)))


@pytest.mark.parametrize(
    "text",
    [
        "default_transaction_isolation = 'serializable'\n",
        "work_mem = 1MB\n  Default_Transaction_Isolation='SERIALIZABLE' # all of them",
        "default_transaction_isolation serializable",
        "default_transaction_isolation = 'read committed'\ndefault_transaction_isolation = serializable",
    ],
)
def test_a_replica_begins_no_session_as_it_cannot(text: str) -> None:
    assert serializable(text)
    assert user_parameters(text, "primary") == text
    on_replica = user_parameters(text, "replica")
    assert on_replica.startswith(text.rstrip())
    assert on_replica.endswith("\ndefault_transaction_isolation = 'repeatable read'\n")
    assert not serializable(on_replica)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# default_transaction_isolation = 'serializable'",
        "default_transaction_isolation = 'repeatable read'\n",
        "default_transaction_isolation = serializable\ndefault_transaction_isolation = 'read committed'",
        "my.default_transaction_isolation = serializable",
    ],
)
def test_what_a_replica_can_is_as_the_user_wrote_it(text: str) -> None:
    assert user_parameters(text, "replica") == user_parameters(text, "primary") == text


def test_the_verdict_knows_what_the_cluster_stands_on() -> None:
    rendered = {name for node in TOPOLOGY.names for name in fixed_parameters(SETTINGS, TOPOLOGY, node)}
    assert rendered == RENDERED | {"config_file", "hba_file", "ident_file", "data_directory"}


def test_what_protects_data_is_fixed() -> None:
    parameters = dict(_parameters(_conf()))
    assert (parameters["fsync"], parameters["full_page_writes"]) == ("on", "on")
    assert parameters["password_encryption"] == "'scram-sha-256'"
    assert parameters["ssl"] == "on"
    assert {"fsync", "full_page_writes", "ssl", "config_file", "data_directory"} <= fixed_parameters(
        SETTINGS, TOPOLOGY, "primary"
    )


@pytest.mark.parametrize(
    ("setting", "text", "parameter", "value"),
    [
        ("max_connections", "222", "max_connections", "222"),
        ("shared_buffers", "777MB", "shared_buffers", "777MB"),
        ("work_mem", "7MB", "work_mem", "7MB"),
        ("maintenance_work_mem", "77MB", "maintenance_work_mem", "77MB"),
        ("max_wal_size", "2GB", "max_wal_size", "2GB"),
        ("wal_budget", "3GB", "max_slot_wal_keep_size", "3GB"),
        ("io_method", "sync", "io_method", "sync"),
        ("io_method", "auto", "io_method", "io_uring"),
    ],
)
def test_a_setting_becomes_its_parameter(setting: str, text: str, parameter: str, value: str) -> None:
    assert dict(_parameters(_conf(settings=settings_of(**{setting: text}))))[parameter] == value


def test_derived_sizes_are_those_of_the_sizing() -> None:
    derived = derive(SETTINGS, TOPOLOGY.sizing)
    assert dict(_parameters(_conf()))["shared_buffers"] == postgres_size(derived.shared_buffers)


def _names(sync: str, topology: Topology = TOPOLOGY) -> str:
    return dict(_parameters(_conf(settings=settings_of(sync=sync), topology=topology)))["synchronous_standby_names"]


def test_commits_wait_for_nobody_unless_asked_to() -> None:
    assert _names("off") == "''"


def test_commits_wait_for_as_many_replicas_as_asked_for() -> None:
    assert _names("any:1") == """'ANY 1 ("replica1", "replica2")'"""
    assert _names("first:2") == """'FIRST 2 ("replica1", "replica2")'"""


def test_commits_never_wait_for_a_replica_that_comes_or_goes() -> None:
    topology = TOPOLOGY.add(state="joining").with_state("replica1", "leaving")
    assert _names("any:1", topology) == """'ANY 1 ("replica2")'"""


def test_commits_do_not_wait_where_there_is_no_replica() -> None:
    assert _names("any:1", topology_of(settings_of(replicas="0"))) == "''"


def _rows(text: str) -> list[list[str]]:
    """Fields of each rule; a local one has no address."""
    lines = [line.split("#")[0].split() for line in text.splitlines()]
    return [line for line in lines if line and not line[0].startswith("include")]


_clients = st.lists(
    st.sampled_from(["samenet", "all", "10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "0.0.0.0/0"]), max_size=4
).map(",".join)


@given(_clients, st.sampled_from(["appdb", "shop", "d" * 26]), st.sampled_from(["app", "u" * 31]))
def test_nobody_is_trusted_whatever_the_settings(clients: str, database: str, user: str) -> None:
    rows = _rows(pg_hba_conf(settings_of(clients=clients, database=database, user=user)))
    assert {row[-1] for row in rows} == {"scram-sha-256", "reject"}
    assert all(len(row) == (4 if row[0] == "local" else 5) for row in rows)
    assert all(row[0] in ("local", "hostssl") for row in rows if row[-1] != "reject")


@given(_clients)
def test_the_cluster_s_own_roles_come_from_its_own_network_only(clients: str) -> None:
    rows = _rows(pg_hba_conf(settings_of(clients=clients)))
    through_proxy, reject = (i for i, row in enumerate(rows) if row[-1] == "reject")
    for i in (through_proxy, reject):
        assert set(rows[i][2].split(",")) == {"postgres", "replicator", "archiver", "monitor", "pooler", "rewinder"}
    assert rows[reject][3] == "all"
    assert all(row[0] == "local" for row in rows[:through_proxy])
    assert all(row[3] == "samenet" for row in rows[through_proxy + 1 : reject])
    assert all(row[2] == "all" and row[1] == "appdb,maintenance" for row in rows[reject + 1 :])


def test_the_application_comes_from_the_networks_that_were_named_each_once() -> None:
    rows = _rows(pg_hba_conf(settings_of(clients="10.0.0.0/8,samenet,10.0.0.0/8")))
    assert [row[3] for row in rows if row[2] == "all"] == ["samenet", "10.0.0.0/8"]


@pytest.mark.parametrize("bind", ["127.0.0.1", "127.0.0.7", "0.0.0.0"])
def test_this_host_comes_from_the_cluster_s_own_network(bind: str) -> None:
    assert pg_hba_conf(settings_of(bind=bind)) == pg_hba_conf(settings_of())


@pytest.mark.parametrize("node", [True, False])
def test_through_an_address_of_its_own_this_host_comes_from_that(*, node: bool) -> None:
    usual, named = (_rows(pg_hba_conf(settings_of(bind=bind), node=node)) for bind in ("127.0.0.1", "192.0.2.7"))
    more = [row for row in named if row not in usual]
    assert {row[3] for row in more} == {"192.0.2.7/32"}
    assert {row[2] for row in more} == ({"postgres", "monitor", "archiver", "all"} if node else {"postgres", "all"})
    reject = max(i for i, row in enumerate(named) if row[-1] == "reject")
    assert all(named.index(row) < reject for row in more if row[2] != "all"), "or they would be refused before"


def test_databases_of_a_role_s_own_making_are_entered_by_that_role_alone() -> None:
    role = RoleDeclaration(name="all", create_databases=("test_*", "shop-shadow"))
    rows = _rows(pg_hba_conf(replace(SETTINGS, declarations=Declarations(roles=(role,)), clients=("samenet", "all"))))
    own = [row for row in rows if "/^" in row[1]]
    names, logins = '"/^test_.*$","shop-shadow"', f'"all","{second_login("all")}"'
    assert [row[:5] for row in own] == [["hostssl", names, logins, net, "scram-sha-256"] for net in ("samenet", "all")]
    assert rows.index(own[0]) > max(n for n, row in enumerate(rows) if row[-1] == "reject")


def test_the_user_s_own_rules_come_last() -> None:
    assert pg_hba_conf(SETTINGS).splitlines()[-1] == f"include_if_exists {USER_HBA}"


def test_through_the_port_of_the_primary_nobody_gets_into_another_node() -> None:
    rows = [row for row in _rows(pg_hba_conf(SETTINGS, leads=False)) if row[0] != "local"]
    assert rows[0] == ["host", "all,replication", "all", LINK_LOCAL, "reject"]
    addresses = [PROXY_ADDRESS, *(node_address(ordinal) for ordinal in (0, 1, 255, 256, 9_999))]
    assert len(set(addresses)) == len(addresses)
    assert all(ip_address(address) in ip_network(LINK_LOCAL) for address in addresses)


def test_replication_is_for_the_replicator_alone() -> None:
    assert [row[2] for row in _rows(pg_hba_conf(SETTINGS)) if row[1] == "replication"] == ["replicator"]


def _copy_conf(*, writable: bool, settings: Settings = SETTINGS) -> str:
    copy = Copy(name="before", ordinal=4, writable=writable)
    return copy_conf(settings, derive(settings, TOPOLOGY.sizing), copy)


def test_a_copy_s_configuration(golden: Callable[[str, str], None]) -> None:
    golden("copy/postgresql.conf", _copy_conf(writable=False))
    golden("copy/pg_hba.conf", pg_hba_conf(SETTINGS, node=False))


@pytest.mark.parametrize("writable", [True, False])
def test_a_copy_sends_nothing_and_takes_nothing(writable: bool) -> None:
    pairs = _parameters(_copy_conf(writable=writable))
    parameters = dict(pairs)
    assert len(parameters) == len(pairs)
    assert (parameters["archive_mode"], parameters["max_replication_slots"]) == ("off", "0")
    assert parameters["max_logical_replication_workers"] == "0"
    nothing = {"restore_command", "primary_conninfo", "primary_slot_name", "shared_preload_libraries"}
    assert {parameters[name] for name in nothing} == {"''"}
    assert (parameters["ssl"], parameters["fsync"]) == ("on", "on")
    assert USER_PARAMETERS not in _copy_conf(writable=writable), "which is meant for nodes"


def test_only_a_writable_copy_takes_writes() -> None:
    assert dict(_parameters(_copy_conf(writable=False)))["default_transaction_read_only"] == "on"
    assert "read_only" not in _copy_conf(writable=True)


def test_a_copy_is_small_however_large_the_nodes_are() -> None:
    large = settings_of(shared_buffers="16GB", work_mem="64MB", max_wal_size="16GB")
    parameters = dict(_parameters(_copy_conf(writable=True, settings=large)))
    assert (parameters["shared_buffers"], parameters["work_mem"]) == ("128MB", "4MB")
    assert (parameters["max_wal_size"], parameters["io_method"]) == ("1GB", "worker")
    small = settings_of(shared_buffers="64MB")
    assert dict(_parameters(_copy_conf(writable=True, settings=small)))["shared_buffers"] == "64MB"


def test_nobody_gets_into_a_copy_through_whom_nodes_work_together() -> None:
    rows = _rows(pg_hba_conf(SETTINGS, node=False))
    allowed = {row[2] for row in rows if row[0] != "local" and row[-1] != "reject"}
    assert allowed == {"postgres", "all"}
    assert not [row for row in rows if "replication" in row[1]]
    others = [row for row in _rows(pg_hba_conf(SETTINGS)) if row not in rows and row[-1] != "reject"]
    assert {row[2] for row in others} == {"replicator", "archiver", "monitor", "pooler", "rewinder"}


@pytest.mark.parametrize(
    ("text", "left_out"),
    [
        ("", False),
        ("#shared_preload_libraries = 'auto_explain'", False),
        ("work_mem = 8MB # shared_preload_libraries = ''", False),
        ("shared_preload_libraries = 'auto_explain'", True),
        ("  Shared_Preload_Libraries 'auto_explain' # no pg_stat_statements", True),
        ("shared_preload_libraries='pg_stat_statements,auto_explain'", False),
        ("shared_preload_libraries = ''\nshared_preload_libraries = 'pg_stat_statements'", False),
        ("shared_preload_libraries = 'pg_stat_statements'\nshared_preload_libraries = ''", True),
    ],
)
def test_whoever_sets_preloaded_libraries_without_the_statistics_hears_of_it(text: str, left_out: bool) -> None:
    assert leaves_out_statistics(text) is left_out
