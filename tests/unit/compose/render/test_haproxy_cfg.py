from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given

from cluster.config.databases import Declarations, RoleDeclaration
from cluster.sizing import connections_for_tests
from cluster.topology import Handover, Topology
from compose.render.haproxy_cfg import haproxy_cfg
from compose.render.link_local import node_address
from tests.fix_settings import settings_of, topology_of
from tests.unit.strategies import topologies

SETTINGS = settings_of(clients="10.0.0.0/8,2001:db8::/32", bind="192.0.2.7")
TOPOLOGY = topology_of(SETTINGS)


def _lines(text: str, word: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.split()[:1] == [word]]


def test_haproxy_s_configuration(golden: Callable[[str, str], None]) -> None:
    golden("haproxy.cfg", haproxy_cfg(SETTINGS, TOPOLOGY))


@given(topologies())
def test_the_primary_is_the_only_server(topology: Topology) -> None:
    (server,) = _lines(haproxy_cfg(SETTINGS, topology), "server")
    address = node_address(topology.node(topology.primary).ordinal)
    assert server.split()[1:3] == [topology.primary, f"{address}:5432"]


@given(topologies())
def test_while_the_primary_takes_no_writes_yet_nobody_is_led_anywhere(topology: Topology) -> None:
    handover = Handover(source=topology.names[0], lsn="0/3000028", timeline=1)
    promoting = haproxy_cfg(SETTINGS, replace(topology, handover=handover))
    assert [line.split("#")[0].split() for line in _lines(promoting, "tcp-request")] == [
        ["tcp-request", "connection", "reject"]
    ]
    assert "default_backend" not in promoting
    assert "default_backend" in haproxy_cfg(SETTINGS, replace(topology, handover=replace(handover, promoted=True)))


@pytest.mark.parametrize(
    ("clients", "bind", "sources"),
    [
        ("samenet", "127.0.0.1", "samenet"),
        ("samenet", "0.0.0.0", "samenet"),
        ("10.0.0.0/8", "192.0.2.7", "samenet 192.0.2.7/32 10.0.0.0/8"),
        ("10.0.0.0/8,all", "0.0.0.0", "0.0.0.0/0 ::/0"),
    ],
)
def test_clients_come_from_where_they_may_come_to_a_node(clients: str, bind: str, sources: str) -> None:
    rules = _lines(haproxy_cfg(settings_of(clients=clients, bind=bind), TOPOLOGY), "tcp-request")
    assert rules[-1] == f"tcp-request connection reject unless {{ src {sources} }}"


def test_databases_that_a_role_makes_are_reached_by_few_at_once_and_only_where_one_may() -> None:
    tests = replace(SETTINGS, declarations=Declarations(roles=(RoleDeclaration(name="ci", create_databases=("t_*",)),)))
    text = haproxy_cfg(tests, TOPOLOGY)
    assert "bind :5433" not in haproxy_cfg(SETTINGS, TOPOLOGY)
    section = text.split("frontend tests")[1].split("\n\n")[0]
    assert _lines(section, "maxconn") == [f"maxconn {connections_for_tests(tests)}"]
    assert _lines(section, "tcp-request") == ["tcp-request connection reject unless { src samenet }"]
    handover = Handover(source=TOPOLOGY.names[0], lsn="0/3000028", timeline=1)
    assert "default_backend" not in haproxy_cfg(tests, replace(TOPOLOGY, handover=handover))


def test_whom_postgresql_has_no_room_for_it_tells_so_itself() -> None:
    (room,) = _lines(haproxy_cfg(settings_of(max_connections="500"), TOPOLOGY), "maxconn")
    assert int(room.split()[1]) > 2 * 500
