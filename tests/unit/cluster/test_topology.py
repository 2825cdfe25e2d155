import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import PodsError, RefusedError
from cluster.topology import STATES, Handover, Node, NodeState, Topology, host_ports
from cluster.topology_file import dump, load, parse, save
from tests.fix_settings import SIZING, settings_of, topology_of
from tests.unit.strategies import node_names, topologies

FIRST = topology_of(settings_of())


def test_the_first_cluster_is_a_primary_and_the_configured_replicas() -> None:
    topology = Topology.first(settings_of(replicas="3", project="shop"), SIZING)
    assert topology.names == ("primary", "replica1", "replica2", "replica3")
    assert (topology.primary, topology.project) == ("primary", "shop")
    assert [node.ordinal for node in topology.nodes] == [4, 1, 2, 3], "replicas have the ports that they always had"


def test_a_cluster_may_have_no_replica() -> None:
    topology = Topology.first(settings_of(replicas="0"), SIZING)
    assert topology.names == ("primary",)
    assert topology.replicas == ()


def test_roles_follow_the_primary_and_not_the_names() -> None:
    switched = replace(FIRST, primary="replica2")
    assert [node.name for node in switched.replicas] == ["primary", "replica1"]
    assert (switched.role("replica2"), switched.role("primary")) == ("primary", "replica")


def test_the_primary_s_data_is_at_least_of_the_timeline_that_was_begun() -> None:
    known = replace(FIRST, timeline=3)
    decided = replace(known, handover=Handover(source="primary", lsn="0/3000028", timeline=3))
    promoted = replace(decided, handover=Handover(source="primary", lsn="0/3000028", timeline=3, promoted=True))
    assert [each.least_timeline for each in (FIRST, known, decided, promoted)] == [0, 3, 3, 4]


def test_a_node_is_found_by_its_name() -> None:
    assert FIRST.node("replica2") == Node(name="replica2", ordinal=2)


def test_a_node_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(RefusedError) as refusal:
        FIRST.node("replica7")
    assert "replica7" in refusal.value.message
    assert "primary, replica1, replica2" in refusal.value.hint


def test_a_new_replica_takes_the_lowest_free_name_and_ordinal() -> None:
    gap = replace(FIRST, nodes=(FIRST.nodes[0], FIRST.nodes[2]))
    assert gap.add().nodes == FIRST.nodes


def test_a_named_replica_takes_the_lowest_free_ordinal() -> None:
    assert FIRST.add("blue").node("blue").ordinal == 4


def test_a_replica_can_be_added_after_the_first_primary_is_gone() -> None:
    gone = replace(FIRST, primary="replica1").remove("primary")
    assert gone.add().node("replica3").ordinal == 3


def test_a_removed_replica_is_gone_and_the_others_stay_as_they_are() -> None:
    assert FIRST.remove("replica1").nodes == (FIRST.nodes[0], FIRST.nodes[2])


def test_the_primary_is_not_removed() -> None:
    with pytest.raises(RefusedError, match="primary is the primary"):
        FIRST.remove("primary")


def test_what_does_not_exist_is_not_removed() -> None:
    with pytest.raises(RefusedError, match="replica9"):
        FIRST.remove("replica9")


@given(topologies(min_nodes=2), st.data())
def test_what_is_added_and_removed_again_leaves_no_trace(topology: Topology, data: st.DataObject) -> None:
    state = data.draw(st.sampled_from(STATES))
    more = topology.add("newcomer", state)
    assert more.node("newcomer").state == state
    assert more.remove("newcomer") == topology


@given(topologies(min_nodes=2), st.sampled_from(STATES))
def test_a_node_s_state_changes_alone(topology: Topology, state: NodeState) -> None:
    name = topology.replicas[0].name
    changed = topology.with_state(name, state)
    assert name in changed.in_state(state)
    assert [node for node in changed.nodes if node.name != name] == [n for n in topology.nodes if n.name != name]


@given(topologies())
def test_every_replica_is_in_one_state_and_the_primary_in_none(topology: Topology) -> None:
    by_state = [name for state in STATES for name in topology.in_state(state)]
    assert sorted(by_state) == sorted(node.name for node in topology.replicas)
    assert topology.in_state(*STATES) == tuple(node.name for node in topology.replicas)


@pytest.mark.parametrize("name", ["replica1", "primary", "pgbouncer", "../x", "x;y"])
def test_a_taken_reserved_or_malformed_name_is_refused(name: str) -> None:
    with pytest.raises(RefusedError):
        FIRST.add(name)


@given(topologies(), st.one_of(st.none(), node_names))
def test_adding_a_node_moves_no_other(topology: Topology, name: str | None) -> None:
    try:
        more = topology.add(name)
    except RefusedError:
        assert name in topology.servers
        return
    added = [node for node in more.nodes if node not in topology.nodes]
    assert len(added) == 1
    assert name in (None, added[0].name)
    assert tuple(node for node in more.nodes if node not in added) == topology.nodes
    assert more.nodes[0] == topology.nodes[0], "the first stays the first"
    others = [node.ordinal for node in more.nodes[1:]]
    assert others == sorted({*others})
    assert 0 < added[0].ordinal not in {node.ordinal for node in topology.nodes}
    assert (more.primary, more.sizing, more.copies) == (topology.primary, topology.sizing, topology.copies)


@given(topologies())
def test_what_is_dumped_is_parsed_back(topology: Topology) -> None:
    assert parse(dump(topology)) == topology


def test_a_file_from_before_there_were_copies_is_read() -> None:
    assert parse(_without("copies")) == FIRST


def test_the_file_is_made_for_reading_and_says_its_format() -> None:
    text = dump(FIRST)
    assert text.endswith("}\n")
    assert json.loads(text)["format"] == 1
    assert len(text.splitlines()) > 10


def test_a_file_from_before_replicas_could_be_kept_apart_is_read() -> None:
    stored = json.loads(dump(FIRST))
    for node in stored["nodes"]:
        del node["pool"]
    assert parse(json.dumps(stored)) == FIRST


@given(topologies(min_nodes=2), st.sampled_from(STATES))
def test_who_is_kept_apart_stays_so_whatever_becomes_of_it(topology: Topology, state: NodeState) -> None:
    name = topology.replicas[0].name
    apart = topology.with_pool(name, "own").with_state(name, state)
    assert parse(dump(apart.add("newcomer"))).node(name).pool == "own"
    assert apart.node(name).state == state


@pytest.mark.parametrize("name", ["", " ", "A"])
def test_what_is_no_name_is_refused_and_nobody_chooses_another(name: str) -> None:
    with pytest.raises(RefusedError, match="cannot name a node"):
        FIRST.add(name)


def test_a_file_from_before_nodes_had_states_is_read_as_members() -> None:
    old = json.loads(dump(FIRST))
    for node in old["nodes"]:
        del node["state"]
    assert parse(json.dumps(old)) == FIRST


def _with(**changes: Any) -> str:
    return json.dumps({**json.loads(dump(FIRST)), **changes})


def _without(field: str) -> str:
    return json.dumps({key: value for key, value in json.loads(dump(FIRST)).items() if key != field})


CORRUPT: dict[str, str | bytes] = {
    "empty": "",
    "truncated": dump(FIRST)[:-40],
    "zeroed by a crash": "\0" * 512,
    "not JSON": "nodes: [primary]\n",
    "a JSON list": "[]",
    "a JSON string": '"primary"',
    "JSON null": "null",
    "two documents": dump(FIRST) * 2,
    "not UTF-8": b'{"format": 1, "project": "\xff\xfe"}',
    "no format": _without("format"),
    "an unknown format": _with(format=2),
    "an unknown field": _with(colour="blue"),
    "a node in no known state": _with(nodes=[{"name": "primary", "ordinal": 0, "state": "asleep"}]),
    "a node in a state of another kind": _with(nodes=[{"name": "primary", "ordinal": 0, "state": ["member"]}]),
    "no nodes field": _without("nodes"),
    "no sizing": _without("sizing"),
    "no primary": _without("primary"),
    "no node at all": _with(nodes=[]),
    "nodes that are no list": _with(nodes=7),
    "a node that is no object": _with(nodes=["primary"]),
    "a node with an unknown field": _with(nodes=[{"name": "primary", "ordinal": 0, "role": "primary"}]),
    "a node without an ordinal": _with(nodes=[{"name": "primary"}]),
    "two nodes of one name": _with(nodes=[{"name": "primary", "ordinal": 0}, {"name": "primary", "ordinal": 1}]),
    "two nodes of one ordinal": _with(nodes=[{"name": "primary", "ordinal": 0}, {"name": "replica1", "ordinal": 0}]),
    "a negative ordinal": _with(nodes=[{"name": "primary", "ordinal": -1}]),
    "an ordinal that is text": _with(nodes=[{"name": "primary", "ordinal": "0"}]),
    "an ordinal that is a boolean": _with(nodes=[{"name": "primary", "ordinal": False}]),
    "an absurd ordinal": _with(nodes=[{"name": "primary", "ordinal": 10**9}]),
    "a name that leaves the directory": _with(nodes=[{"name": "../x", "ordinal": 0}], primary="../x"),
    "a name with a line break": _with(nodes=[{"name": "primary\n", "ordinal": 0}], primary="primary\n"),
    "a name that is a number": _with(nodes=[{"name": 7, "ordinal": 0}], primary=7),
    "a name that is another service's": _with(nodes=[{"name": "pgbouncer", "ordinal": 0}], primary="pgbouncer"),
    "a primary that is no node": _with(primary="replica9"),
    "copies that are no list": _with(copies=7),
    "a copy with an unknown field": _with(copies=[{"name": "before", "ordinal": 3, "state": "member"}]),
    "a copy with a node's name": _with(copies=[{"name": "replica1", "ordinal": 3}]),
    "a copy with a node's ordinal": _with(copies=[{"name": "before", "ordinal": 1}]),
    "a copy with the first primary's ordinal": _with(
        nodes=[{"name": "replica1", "ordinal": 1}], primary="replica1", copies=[{"name": "before", "ordinal": 0}]
    ),
    "a copy that leaves the directory": _with(copies=[{"name": "../x", "ordinal": 3}]),
    "a copy that is half writable": _with(copies=[{"name": "before", "ordinal": 3, "writable": "yes"}]),
    "a copy of a number": _with(copies=[{"name": "before", "ordinal": 3, "backup": 7}]),
    "a copy as of a text": _with(copies=[{"name": "before", "ordinal": 3, "newest": "now"}]),
    "a copy that is the primary": _with(primary="before", copies=[{"name": "before", "ordinal": 3}]),
    "a sizing that lacks something": _with(sizing={"memory": 1, "disk": 1}),
    "a sizing that is text": _with(sizing={"memory": "16GB", "disk": 1, "nodes": 1}),
    "a sizing that is no object": _with(sizing=None),
    "a project that leaves the directory": _with(project="../x"),
    "a project that is a number": _with(project=7),
    "a system identifier that is a number": _with(system_identifier=7400000000000000001),
}


@pytest.mark.parametrize("content", CORRUPT.values(), ids=CORRUPT.keys())
def test_a_corrupt_file_is_refused_left_alone_and_copied_aside(tmp_path: Path, content: str | bytes) -> None:
    path, original = tmp_path / "topology.json", content if isinstance(content, bytes) else content.encode()
    path.write_bytes(original)
    with pytest.raises(RefusedError) as refusal:
        load(path)
    assert f"{path} is corrupt" in refusal.value.message
    assert "nothing was changed" in refusal.value.hint
    assert path.read_bytes() == original
    copies = [p for p in tmp_path.iterdir() if p != path]
    assert [copy.read_bytes() for copy in copies] == [original]
    assert copies[0].name in refusal.value.hint


def test_a_second_look_at_a_corrupt_file_refuses_again_and_makes_no_second_copy(tmp_path: Path) -> None:
    path = tmp_path / "topology.json"
    path.write_text("{")
    for _ in range(2):
        with pytest.raises(RefusedError):
            load(path)
    assert len(list(tmp_path.iterdir())) == 2


@given(st.binary(max_size=60))
def test_a_file_of_any_bytes_is_refused_in_our_own_words(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any-topology.json"
    path.write_bytes(content)
    with pytest.raises(PodsError, match=r"any-topology\.json"):
        load(path)
    assert path.read_bytes() == content


def test_no_file_is_no_topology(tmp_path: Path) -> None:
    assert load(tmp_path / "topology.json") is None


def test_what_is_saved_is_loaded_and_has_a_copy(tmp_path: Path) -> None:
    path, copy = tmp_path / "data" / "topology.json", tmp_path / "rendered" / "topology.json"
    save(path, copy, FIRST)
    assert load(path) == load(copy) == FIRST


def test_saving_what_is_saved_already_touches_neither_file(tmp_path: Path) -> None:
    path, copy = tmp_path / "topology.json", tmp_path / "copy.json"
    save(path, copy, FIRST)
    before = [(p.stat().st_ino, p.stat().st_mtime_ns) for p in (path, copy)]
    save(path, copy, FIRST)
    assert [(p.stat().st_ino, p.stat().st_mtime_ns) for p in (path, copy)] == before


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe"])
def test_saving_mends_a_damaged_copy(tmp_path: Path, damage: bytes) -> None:
    path, copy = tmp_path / "topology.json", tmp_path / "copy.json"
    save(path, copy, FIRST)
    copy.write_bytes(damage)
    save(path, copy, FIRST)
    assert load(copy) == FIRST


def test_ports_follow_the_ordinals() -> None:
    ports = host_ports(settings_of(monitoring="off", health="off"), FIRST)
    assert ports == {"haproxy": 5440, "replica1": 5433, "replica2": 5434, "primary": 5435, "pgbouncer": 6432}


def test_ports_are_the_same_whoever_is_the_primary() -> None:
    assert host_ports(settings_of(), replace(FIRST, primary="replica2")) == host_ports(settings_of(), FIRST)


def test_the_first_node_of_a_cluster_of_before_is_where_it_was_until_up_moves_it() -> None:
    before = FIRST.with_ordinal("primary", 0)
    assert host_ports(settings_of(), before)["primary"] == 5440
    assert host_ports(settings_of(), before.with_ordinal("primary", 3)) == host_ports(settings_of(), FIRST)


def test_pages_have_the_ports_they_are_known_by() -> None:
    ports = host_ports(settings_of(), FIRST)
    pages = {
        "exporter": 9187,
        "prometheus": 9090,
        "alertmanager": 9093,
        "grafana": 3000,
        "health": 8080,
    }
    assert ports.items() >= pages.items()


def test_node_ports_step_over_that_of_the_primary_and_pgbouncer_s() -> None:
    settings = settings_of(replicas="9", replica_port="5438", pgbouncer_port="5442")
    ports = host_ports(settings, Topology.first(settings, SIZING))
    assert [ports[f"replica{n}"] for n in range(1, 10)] == [5438, 5439, 5441, 5443, 5444, 5445, 5446, 5447, 5448]


@given(topologies())
def test_every_service_has_a_port_of_its_own(topology: Topology) -> None:
    settings = settings_of(replica_port="5433", primary_port="5440", pgbouncer_port="5450", health_port="5434")
    ports = host_ports(settings, topology)
    pages = {"exporter", "prometheus", "alertmanager", "grafana", "health"}
    assert set(ports) == {*topology.servers, "pgbouncer", "haproxy", *pages}
    assert len(set(ports.values())) == len(ports)


@given(topologies(), node_names)
def test_ports_stay_when_a_node_comes(topology: Topology, name: str) -> None:
    if name in topology.servers:
        return
    before, after = host_ports(settings_of(), topology), host_ports(settings_of(), topology.add(name))
    assert {service: port for service, port in after.items() if service != name} == before


@given(topologies(), node_names)
def test_ports_stay_when_a_copy_comes_and_its_own_is_nobody_s(topology: Topology, name: str) -> None:
    if name in topology.servers:
        return
    more = topology.with_copy(topology.new_copy(name, writable=False))
    before, after = host_ports(settings_of(), topology), host_ports(settings_of(), more)
    assert {service: port for service, port in after.items() if service != name} == before
    assert after[name] not in before.values()


@given(topologies(), st.data())
def test_ports_stay_when_a_node_goes(topology: Topology, data: st.DataObject) -> None:
    leaving = data.draw(st.sampled_from(topology.names))
    if leaving == topology.primary:
        return
    fewer = replace(topology, nodes=tuple(node for node in topology.nodes if node.name != leaving))
    before, after = host_ports(settings_of(), topology), host_ports(settings_of(), fewer)
    assert {**after, leaving: before[leaving]} == before


def test_a_replica_beyond_the_last_port_is_refused() -> None:
    with pytest.raises(PodsError, match="port"):
        host_ports(settings_of(replicas="0", replica_port="65535"), FIRST)
