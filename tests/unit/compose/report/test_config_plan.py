from dataclasses import replace

import pytest

from cluster.parameter_change import ParameterChange
from compose.operations.apply_config import ConfigPlan
from compose.report.config_plan import actions, print_plan
from tests.fix_settings import settings_of, topology_of

TOPOLOGY = topology_of(settings_of())


def _plan(*changed: ParameterChange, pooler: bool = False, waiting: tuple[str, ...] = ()) -> ConfigPlan:
    return ConfigPlan(
        parameters=dict.fromkeys(TOPOLOGY.names, changed), access=(), pooler=pooler, waiting={"primary": waiting}
    )


def _limit(why: str) -> ParameterChange:
    return ParameterChange(name="max_connections", old="100", new="60", need="restart", why=why)


def test_a_limit_that_gets_lower_restarts_the_primary_first_and_where_it_is() -> None:
    reload_all, first, *others = actions(_plan(_limit("the primary first: it gets lower")), TOPOLOGY)
    assert reload_all.startswith("reload primary, replica1")
    assert first.startswith("restart primary where it is")
    assert [line.split(":")[0] for line in others] == [f"restart {node.name}" for node in TOPOLOGY.replicas]


def test_else_replicas_restart_first_and_one_takes_over() -> None:
    *_, last = actions(_plan(_limit("replicas first: it gets higher")), TOPOLOGY)
    assert last.startswith("another node becomes the primary")


def test_what_waits_since_an_earlier_reload_restarts_only_who_waits() -> None:
    assert len(actions(_plan(waiting=("max_connections",)), TOPOLOGY)) == 1


def test_a_reload_that_ends_sessions_says_so() -> None:
    assert actions(replace(_plan(), primary_port=True), TOPOLOGY) == [
        "reload haproxy: sessions on PODS_PRIMARY_PORT end"
    ]


@pytest.mark.parametrize(("plan", "text"), [(_plan(), "nothing differs"), (_plan(pooler=True), "1. reload pgbouncer")])
def test_it_is_printed(plan: ConfigPlan, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_plan(plan, TOPOLOGY)
    assert text in capsys.readouterr().out


def test_a_change_that_is_the_same_on_all_nodes_is_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    print_plan(_plan(_limit("")), TOPOLOGY)
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("max_connections")]
    assert rows == [["max_connections", "all", "100", "60", "restart"]]
