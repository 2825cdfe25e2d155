import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import RefusedError
from cluster.naming import (
    RESERVED,
    check_node_name,
    next_replica_name,
    node_of_slot,
    node_ports,
    read_pool_of,
    shared_read_pool,
    slot_of,
    write_pools,
)
from tests.fix_settings import settings_of
from tests.unit.strategies import databases, node_names

LONGEST = 63
"""Bytes of a name: NAMEDATALEN - 1 in PostgreSQL, MAX_DBNAME - 1 in PgBouncer."""


@pytest.mark.parametrize(
    ("node", "slot", "pool"),
    [
        ("replica1", "replica1_slot", "appdb_read1"),
        ("replica42", "replica42_slot", "appdb_read42"),
        ("replica01", "replica01_slot", "appdb_read_replica01"),
        ("replica0", "replica0_slot", "appdb_read_replica0"),
        ("replica", "replica_slot", "appdb_read_replica"),
        ("blue", "blue_slot", "appdb_read_blue"),
        ("a_slot", "a_slot_slot", "appdb_read_a_slot"),
    ],
)
def test_a_node_has_one_slot_and_one_pool(node: str, slot: str, pool: str) -> None:
    assert slot_of(node) == slot
    assert read_pool_of(node, "appdb") == pool


@given(node_names)
def test_a_slot_leads_back_to_its_node(node: str) -> None:
    assert node_of_slot(slot_of(node)) == node


@given(st.from_regex(r"[a-z0-9_]{0,40}", fullmatch=True))
def test_a_slot_that_has_a_node_is_that_node_s_slot(slot: str) -> None:
    node = node_of_slot(slot)
    assert node is None or slot_of(node) == slot


@given(st.lists(node_names, min_size=2, max_size=2, unique=True), databases)
def test_two_nodes_share_neither_slot_nor_pool(nodes: list[str], database: str) -> None:
    one, other = nodes
    assert slot_of(one) != slot_of(other)
    assert read_pool_of(one, database) != read_pool_of(other, database)


@given(node_names, databases)
def test_a_node_s_pool_is_never_one_of_the_shared_pools(node: str, database: str) -> None:
    shared = {*write_pools(database), shared_read_pool(database)}
    assert len(shared) == 3
    assert read_pool_of(node, database) not in shared


@pytest.mark.parametrize("slot", ["", "replica1", "_slot", "Replica1_slot", "1_slot", "pg_slot_x", "x" * 32 + "_slot"])
def test_a_slot_that_is_not_ours_has_no_node(slot: str) -> None:
    assert node_of_slot(slot) is None


def test_a_slot_s_name_is_not_too_long_for_postgresql() -> None:
    assert len(slot_of("x" * 31)) <= LONGEST


def test_a_pool_s_name_is_not_too_long_for_pgbouncer() -> None:
    database = settings_of(database="d" * 26).database
    assert len(read_pool_of("x" * 31, database)) <= LONGEST


@given(node_names)
def test_a_good_name_is_returned_as_it_is(name: str) -> None:
    assert check_node_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "-",
        "1st",
        "_x",
        "Replica1",
        "replica-1",
        "a b",
        "a;b",
        "a'b",
        'a"b',
        "a`id`",
        "$(id)",
        "a$b",
        "a|b",
        "a&b",
        "a\\b",
        "a*",
        "a%s",
        "a{b}",
        "drop table x; --",
        "..",
        "../primary",
        "/etc",
        "a/b",
        "a.b",
        "a:b",
        "a=b",
        "a,b",
        "replica1\n",
        "replica1\r",
        "\nreplica1",
        "a\tb",
        "a\0b",
        "é",
        "réplica",
        "replica１",  # a full-width digit
        "rерlica1",  # Cyrillic letters that look Latin
        "x" * 32,
        "x" * 10_000,
    ],
)
def test_a_malformed_name_is_refused_and_shown(name: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        check_node_name(name)
    assert repr(name) in refusal.value.message
    assert "a-z" in refusal.value.hint


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_reserved_name_is_refused(name: str) -> None:
    with pytest.raises(RefusedError, match="reserved"):
        check_node_name(name)


@given(st.text(max_size=40))
def test_whatever_is_accepted_is_harmless_everywhere(name: str) -> None:
    try:
        check_node_name(name)
    except RefusedError:
        return
    assert name.isascii()
    assert name.replace("_", "a").isalnum()
    assert name == name.lower()
    assert 1 <= len(name) <= 31


@given(st.sets(st.integers(1, 40)))
def test_the_next_replica_takes_the_lowest_free_number(taken: set[int]) -> None:
    names = {f"replica{n}" for n in taken}
    found = next_replica_name(names)
    number = int(found.removeprefix("replica"))
    assert found not in names
    assert all(n in taken for n in range(1, number))


def test_other_names_do_not_use_up_numbers() -> None:
    assert next_replica_name({"primary", "blue", "replica01"}) == "replica1"


@given(st.integers(1, 65535), st.sets(st.integers(1, 65535), max_size=5))
def test_node_ports_count_up_and_step_over_what_is_reserved(first: int, reserved: set[int]) -> None:
    ports = [port for port, _ in zip(node_ports(first, reserved), range(20), strict=False)]
    assert ports == sorted(set(ports))
    assert not reserved & set(ports)
    if ports:
        assert set(range(first, ports[-1])) - set(ports) <= reserved


def test_node_ports_end_with_the_last_port_there_is() -> None:
    assert list(node_ports(65533, {65534})) == [65533, 65535]
