from dataclasses import dataclass, field
from typing import Any

import pytest

from cluster.pgbouncer import is_held, read_pools, reconnect, reload


@dataclass
class _Answer:
    rows: list[dict[str, Any]]

    def fetchall(self) -> list[dict[str, Any]]:
        return self.rows


@dataclass
class _Console:
    """PgBouncer's console, answering from a table."""

    answers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def execute(self, command: str | bytes) -> _Answer:
        text = command if isinstance(command, str) else command.decode()
        self.asked.append(text)
        return _Answer(self.answers.get(text, []))


def _database(name: str, **columns: Any) -> dict[str, Any]:
    return {"name": name, "host": "primary", "pool_size": 34, "paused": 0, "disabled": 0, **columns}


def _busy(database: str, **columns: Any) -> dict[str, Any]:
    idle = dict.fromkeys(["cl_active", "cl_waiting", "sv_active", "sv_idle", "maxwait", "maxwait_us"], 0)
    return {"database": database, **idle, **columns}


def _read(databases: list[dict[str, Any]], pools: list[dict[str, Any]]) -> list[Any]:
    return list(read_pools(_Console({"SHOW DATABASES": databases, "SHOW POOLS": pools})))  # type: ignore[arg-type]


def test_a_pool_nobody_uses_is_a_pool() -> None:
    (pool,) = _read([_database("appdb")], [])
    assert (pool.name, pool.hosts, pool.size) == ("appdb", ("primary",), 34)
    assert (pool.clients_active, pool.clients_waiting, pool.servers_active, pool.servers_idle) == (0, 0, 0, 0)
    assert pool.max_wait == 0.0
    assert not pool.paused
    assert not pool.disabled


def test_the_users_of_a_pool_are_counted_together_and_the_longest_wait_counts() -> None:
    (pool,) = _read(
        [_database("appdb")],
        [
            _busy("appdb", cl_active=3, sv_active=2, cl_waiting=1, maxwait=2, maxwait_us=500_000),
            _busy("appdb", cl_active=1, sv_idle=4, cl_waiting=2, maxwait=1),
            _busy("appdb_read", cl_active=99),
        ],
    )
    assert (pool.clients_active, pool.clients_waiting, pool.servers_active, pool.servers_idle) == (4, 3, 2, 4)
    assert pool.max_wait == 2.5


def test_a_pool_over_several_nodes_names_each() -> None:
    (pool,) = _read([_database("appdb_read", host="replica1,replica2")], [])
    assert pool.hosts == ("replica1", "replica2")


def test_a_paused_and_a_disabled_pool_say_so() -> None:
    paused, disabled = _read([_database("a", paused="1"), _database("b", disabled="1")], [])
    assert (paused.paused, paused.disabled) == (True, False)
    assert (disabled.paused, disabled.disabled) == (False, True)


def test_the_console_itself_is_no_pool() -> None:
    assert _read([_database("pgbouncer", host=None)], [_busy("pgbouncer", cl_active=1)]) == []


def test_a_database_that_a_client_named_is_no_pool_whatever_it_is_called() -> None:
    named = [_database(name, host="haproxy") for name in ("test_1", 'x"; SHUTDOWN; --')]
    assert [pool.name for pool in _read([_database("*", host="haproxy"), *named, _database("appdb")], [])] == ["appdb"]


def test_reloading_is_one_command() -> None:
    console = _Console()
    reload(console)  # type: ignore[arg-type]
    assert console.asked == ["RELOAD"]


@pytest.mark.parametrize("state", ["paused", "suspended"])
def test_a_pooler_that_holds_everybody_back_has_no_pool_that_goes_on(state: str) -> None:
    answers = {"SHOW DATABASES": [_database("appdb")], "SHOW STATE": [{"key": state, "value": "yes"}]}
    assert all(pool.paused for pool in read_pools(_Console(answers)))  # type: ignore[arg-type]
    assert is_held(_Console(answers))  # type: ignore[arg-type]
    assert not is_held(_Console({"SHOW STATE": [{"key": "active", "value": "yes"}]}))  # type: ignore[arg-type]


def test_server_connections_of_all_pools_or_of_one_are_replaced() -> None:
    console: Any = _Console()
    reconnect(console)
    reconnect(console, "my-shop_read")
    assert console.asked == ["RECONNECT", 'RECONNECT "my-shop_read"']
