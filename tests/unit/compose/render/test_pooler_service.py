"""PgBouncer and its guide on another Docker host, and on the control machine where Patroni decides."""

import configparser
from collections.abc import Callable
from dataclasses import replace

import yaml

from cluster.config.docker_hosts import DockerHosts, Host
from cluster.guide_config import GuideMember, databases_text, parse_config
from cluster.sizing import derive
from cluster.topology import Node, Topology
from compose.render.compose_file import compose_stack
from compose.render.config_files import UserFiles, render_files
from compose.render.guided_pools import guide_config
from compose.render.hosts.host_files import host_files
from compose.render.hosts.pooler_service import POOLER_DIRECTORIES, pooler_files, pooler_services
from tests.fix_settings import CONCRETE, settings_of, topology_of

HOSTS = DockerHosts(hosts=tuple(Host(name=n, address=f"10.0.0.1{i}") for i, n in enumerate(("alpha", "beta", "gamma"))))
SETTINGS = replace(settings_of(), hosts=HOSTS)
ALPHA = HOSTS.hosts[0]
INCLUDES = "%include /run/pods/readers.ini\n%include /run/guide/databases.ini\n"


def _moved() -> Topology:
    nodes = tuple(Node(name=host.name, ordinal=at, host=host.name) for at, host in enumerate(HOSTS.hosts, 1))
    return replace(topology_of(SETTINGS), nodes=nodes, primary="beta", engine="patroni")


MOVED = _moved()


def _read(text: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=True, delimiters="=")
    parser.read_string(text)
    return parser


def test_the_files(golden: Callable[[str, str], None]) -> None:
    for path, text in pooler_files(SETTINGS, MOVED).items():
        golden(f"hosts/{path.rpartition('/')[2]}", text)


def test_no_entry_is_written_twice_so_that_no_reload_ends_connections() -> None:
    """PgBouncer takes up one entry after the other: of two with one name the first ends what the second began."""
    base = pooler_files(SETTINGS, MOVED)["rendered/pgbouncer/pgbouncer.ini"]
    assert base.endswith(INCLUDES)
    rendered = _read(base.removesuffix(INCLUDES))
    written = _read(databases_text(guide_config(SETTINGS, MOVED, derive(SETTINGS, MOVED.sizing)), "beta"))
    assert set(rendered["databases"]).isdisjoint(written["databases"])
    assert {*rendered["databases"], *written["databases"]} >= {
        *("appdb", "appdb_write", "appdb_read", "postgres"),
        *(f"appdb_read_{name}" for name in HOSTS.names),
    }
    entries = {**rendered["databases"], **written["databases"]}
    verifiers = {
        word.removeprefix("auth_dbname=") for entry in entries.values() for word in entry.split() if "auth_" in word
    }
    assert verifiers | {rendered["pgbouncer"]["auth_dbname"]} <= set(entries)


def test_readers_do_not_depend_on_who_is_the_primary() -> None:
    files = [pooler_files(SETTINGS, replace(MOVED, primary=name)) for name in HOSTS.names]
    assert files[0] == files[1] == files[2]


def test_all_pgbouncers_together_take_no_more_connections_than_one_did() -> None:
    alone = settings_of()
    one = derive(alone, MOVED.sizing).pool_size
    entry = guide_config(SETTINGS, MOVED, derive(SETTINGS, MOVED.sizing)).pools["appdb"]
    assert f" pool_size={one // 4} max_db_connections={one // 4}" in entry


def test_before_patroni_nodes_are_where_this_engine_publishes_them() -> None:
    topology = replace(topology_of(SETTINGS), engine="local").add("alpha")
    topology = replace(
        topology, nodes=tuple(replace(n, host="alpha" if n.name == "alpha" else "") for n in topology.nodes)
    )
    config = guide_config(SETTINGS, topology, derive(SETTINGS, topology.sizing))
    assert config.find("alpha") == GuideMember(name="alpha", port=5432)
    assert [member.port for member in config.members if member.name != "alpha"] == [5435, 5433, 5434]


def test_what_each_may_do_and_see() -> None:
    services = pooler_services(SETTINGS, MOVED, ALPHA, CONCRETE)
    pgbouncer, guide = services["pgbouncer"], services["guide"]
    assert [(port["host_ip"], port["published"]) for port in pgbouncer["ports"]] == [("10.0.0.10", "6432")]
    assert "ports" not in guide
    for service in services.values():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert "no-new-privileges:true" in service["security_opt"]
    writable = {name: [m["source"] for m in s["volumes"] if not m.get("read_only")] for name, s in services.items()}
    assert writable == {"pgbouncer": ["./data/logs/pgbouncer"], "guide": ["./data/.guide"]}
    assert guide["secrets"] == ["monitor_password", "admin_password"]
    own = {f"./{path}" for path in POOLER_DIRECTORIES}
    mounted = {m["source"] for s in services.values() for m in s["volumes"] if m["source"].startswith("./data")}
    assert mounted == own


def test_a_host_has_both_with_its_etcd_and_node() -> None:
    here = topology_of(SETTINGS)
    before = host_files(SETTINGS, here, HOSTS, ALPHA, CONCRETE, UserFiles())
    project = yaml.safe_load(before["compose.yaml"])
    assert list(project["services"]) == ["etcd", "alpha", "pgbouncer", "guide"]
    assert {"pooler_password", "monitor_password", "admin_password"} <= set(project["secrets"])
    for name in ("pgbouncer", "guide"):
        assert project["services"][name]["networks"] == ["hosts"]
        assert project["services"][name]["extra_hosts"][:2] == ["beta:10.0.0.11", "gamma:10.0.0.12"]
    after = host_files(SETTINGS, MOVED, HOSTS, ALPHA, CONCRETE, UserFiles())
    for path in pooler_files(SETTINGS, MOVED):
        assert before[path] == after[path], "its PgBouncer need not be made anew by the move"
    voter = replace(ALPHA, roles=("etcd",))
    assert not any("pgbouncer" in path for path in host_files(SETTINGS, MOVED, HOSTS, voter, CONCRETE, UserFiles()))


def test_on_the_control_machine_a_guide_runs_where_patroni_decides_and_nowhere_else() -> None:
    files = render_files(SETTINGS, MOVED, CONCRETE, UserFiles())
    assert parse_config(files["rendered/guide/guide.json"]).members[0] == GuideMember(name="alpha", agent=8008)
    assert files["rendered/pgbouncer/pgbouncer.ini"].endswith(INCLUDES)
    derived = derive(SETTINGS, MOVED.sizing)
    services = compose_stack(SETTINGS, MOVED, derived, CONCRETE)["services"]
    for name in ("guide", "pgbouncer", "exporter", "health", "backup"):
        assert services[name]["extra_hosts"] == [f"{host.name}:{host.address}" for host in HOSTS.hosts], name
        assert "hosts" in services[name]["networks"], name
    # a name of a neighbour leads to its address in this network, which is the first of those that both are in
    assert compose_stack(SETTINGS, MOVED, derived, CONCRETE)["networks"]["hosts"] == {}
    here = topology_of(SETTINGS)
    assert "rendered/guide/guide.json" not in render_files(SETTINGS, here, CONCRETE, UserFiles())
    before = compose_stack(SETTINGS, here, derived, CONCRETE)
    assert "guide" not in before["services"]
    assert "hosts" not in before["networks"]
