from dataclasses import replace

import pytest
from psycopg.conninfo import conninfo_to_dict

from cluster.config.databases_file import parse
from cluster.errors import RefusedError, UsageError
from cluster.postgres.session import guarded, options
from cluster.topology import Copy
from compose.home.paths import Home
from compose.operations.psql import PsqlTarget, for_script, psql_arguments
from compose.stack import Stack
from tests.fix_settings import settings_of, topology_of

SETTINGS = settings_of(database="shopdb", user="shop")
NOTHING = PsqlTarget(node=None, pool=None, user=None, superuser=False)


@pytest.fixture
def stack(bare_home: Home) -> Stack:
    """A cluster with two replicas."""
    return Stack(bare_home, SETTINGS, topology_of(SETTINGS))


def _goes_to(stack: Stack, **asked: object) -> dict[str, object]:
    (conninfo,) = psql_arguments(stack, replace(NOTHING, **asked))  # type: ignore[arg-type]
    return dict(conninfo_to_dict(conninfo))


def test_nothing_asked_for_is_the_write_pool_as_the_owner(stack: Stack) -> None:
    assert _goes_to(stack) == {"host": "pgbouncer", "port": "6432", "user": "shop", "dbname": "shopdb_write"}


@pytest.mark.parametrize("pool", ["shopdb", "shopdb_write", "shopdb_read", "shopdb_read2", "pgbouncer"])
def test_a_pool_is_reached_through_pgbouncer(stack: Stack, pool: str) -> None:
    assert _goes_to(stack, pool=pool) == {"host": "pgbouncer", "port": "6432", "user": "shop", "dbname": pool}


def test_a_node_is_reached_directly(stack: Stack) -> None:
    assert _goes_to(stack, node="replica1") == {
        "host": "replica1",
        "port": "5432",
        "user": "shop",
        "dbname": "shopdb",
        "channel_binding": "require",
    }


def test_a_copy_is_reached_like_a_node(stack: Stack) -> None:
    beside = stack.with_topology(stack.topology.with_copy(Copy(name="before", ordinal=4)))
    assert _goes_to(beside, node="before") == {**_goes_to(stack, node="replica1"), "host": "before"}
    with pytest.raises(RefusedError, match="before"):
        _goes_to(stack, node="before")


def test_another_role_can_be_asked_for(stack: Stack) -> None:
    assert _goes_to(stack, user="monitor")["user"] == "monitor"
    assert _goes_to(stack, node="primary", user="monitor")["user"] == "monitor"


def test_who_logs_in_and_where_follows_what_is_declared(bare_home: Home) -> None:
    declarations = parse("[databases.blog]\nowner = 'writer'\n[roles.ada]\nread = ['blog']\n")
    settings = replace(SETTINGS, declarations=declarations)
    stack = Stack(bare_home, settings, topology_of(settings))
    reached = {
        (found["user"], found["dbname"])
        for found in (
            _goes_to(stack, pool="blog_read"),
            _goes_to(stack, user="ada"),
            _goes_to(stack, node="primary", database="blog"),
            _goes_to(stack, node="primary", user="writer"),
        )
    }
    assert reached == {("writer", "blog_read"), ("ada", "blog_write"), ("writer", "blog")}


@pytest.mark.parametrize("user", ["o'brien", "two words", "back\\slash", "x host=evil.example", "ünï"])
def test_a_role_of_any_name_is_just_a_role(stack: Stack, user: str) -> None:
    assert _goes_to(stack, user=user) == {**_goes_to(stack), "user": user}


def test_the_superuser_goes_to_a_node_where_no_application_is_and_nothing_set_there_holds(stack: Stack) -> None:
    target = _goes_to(stack, node="primary", superuser=True)
    assert (target["user"], target["dbname"]) == ("postgres", "postgres")
    assert target["options"] == options(guarded())


def test_another_database_can_be_asked_for_on_a_node(stack: Stack) -> None:
    assert _goes_to(stack, node="primary", superuser=True, database="shopdb")["dbname"] == "shopdb"
    assert _goes_to(stack, node="primary", superuser=True, database="shopdb")["options"] == options(guarded())
    assert _goes_to(stack, node="primary", database="other")["dbname"] == "other"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"node": "primary", "pool": "shopdb"}, "--node and --pool"),
        ({"superuser": True}, "superuser does not go through PgBouncer"),
        ({"superuser": True, "pool": "shopdb"}, "superuser does not go through PgBouncer"),
        ({"database": "shopdb"}, "--database goes with --node"),
        ({"database": "shopdb", "pool": "shopdb"}, "--database goes with --node"),
        ({"superuser": True, "user": "monitor", "node": "primary"}, "--superuser"),
    ],
)
def test_what_does_not_go_together_is_refused(stack: Stack, asked: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _goes_to(stack, **asked)


@pytest.mark.parametrize("pool", ["appdb", "shopdb_read9", "shopdb x=y"])
def test_an_unknown_pool_is_refused_with_those_there_are(stack: Stack, pool: str) -> None:
    with pytest.raises(UsageError) as refusal:
        _goes_to(stack, pool=pool)
    assert repr(pool) in refusal.value.message
    assert "shopdb_read1" in refusal.value.hint


@pytest.mark.parametrize("node", ["replica9", "pgbouncer", "primary host=evil.example"])
def test_an_unknown_node_is_refused_with_those_there_are(stack: Stack, node: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        _goes_to(stack, node=node)
    assert "primary, replica1, replica2" in refusal.value.hint


def test_no_password_is_ever_among_the_arguments(stack: Stack) -> None:
    for asked in ({}, {"node": "primary"}, {"node": "primary", "superuser": True}):
        assert "password" not in _goes_to(stack, **asked)


def test_a_script_without_a_destination_goes_to_the_primary_itself(stack: Stack) -> None:
    """Through a pool each transaction may get another server connection, and a dump breaks off half-way."""
    assert for_script(stack, NOTHING).node == "primary"
    assert for_script(stack, replace(NOTHING, user="monitor")) == replace(NOTHING, user="monitor", node="primary")
    switched = stack.with_topology(replace(stack.topology, primary="replica1"))
    assert for_script(switched, NOTHING).node == "replica1"


@pytest.mark.parametrize("chosen", [{"node": "replica1"}, {"pool": "shopdb_read"}, {"superuser": True}])
def test_a_script_goes_where_somebody_sends_it(stack: Stack, chosen: dict[str, object]) -> None:
    target = replace(NOTHING, **chosen)  # type: ignore[arg-type]
    assert for_script(stack, target) == target


def test_a_script_may_name_a_database_of_the_primary(stack: Stack) -> None:
    assert psql_arguments(stack, for_script(stack, replace(NOTHING, database="other")))[0].endswith("dbname=other")
