"""What a standby cluster on hosts needs of the one it follows: a relay, names, and nothing of a node made anew."""

from dataclasses import replace

from cluster.sizing import derive
from cluster.standby_topology import moved_to, prepared_on
from compose.home.certificate_names import faces_of
from compose.render.compose_file import compose_stack
from compose.render.haproxy_cfg import haproxy_cfg
from compose.render.source_relay import FILE, SOURCE, source_relay_cfg, source_relay_files
from tests.fix_settings import CONCRETE, topology_of
from tests.unit.cluster.test_standby_topology import HOSTS, SETTINGS

LONE = topology_of(SETTINGS)
PREPARED = prepared_on(LONE, HOSTS)
MOVED = moved_to(PREPARED, "alpha")


def test_nodes_run_on_when_hosts_are_prepared_and_pools_reach_the_hosts() -> None:
    before, now = (
        compose_stack(SETTINGS, each, derive(SETTINGS, each.sizing), CONCRETE)["services"] for each in (LONE, PREPARED)
    )
    assert {name: now[name] for name in LONE.names} == {name: before[name] for name in LONE.names}
    assert set(now) - set(before) == {SOURCE}
    assert "alpha:10.0.0.11" in now["pgbouncer"]["extra_hosts"]


def test_pgbouncer_is_not_made_anew_by_the_move() -> None:
    before, after = (
        compose_stack(SETTINGS, each, derive(SETTINGS, each.sizing), CONCRETE)["services"] for each in (PREPARED, MOVED)
    )
    assert before["pgbouncer"] == after["pgbouncer"]
    assert SOURCE not in after
    assert not set(after) & {*HOSTS, *LONE.names}, "no node runs here"


def test_the_relay_lets_hosts_in_alone_and_leads_to_the_primary_by_name() -> None:
    text = source_relay_cfg(SETTINGS, replace(PREPARED, primary="replica1"))
    assert "unless { src 10.0.0.11 10.0.0.12 10.0.0.13 samenet }" in text
    assert "server replica1 replica1:5432 resolvers engine" in text
    assert list(source_relay_files(SETTINGS, PREPARED)) == [FILE]
    assert source_relay_files(SETTINGS, LONE) == {}


def test_the_primary_s_certificate_has_the_address_by_which_hosts_find_it() -> None:
    assert "10.0.0.11" in faces_of(SETTINGS, PREPARED)["primary"]
    assert "10.0.0.11" not in faces_of(SETTINGS, LONE)["primary"]


def test_the_port_of_the_primary_leads_to_whom_agents_call_that() -> None:
    text = haproxy_cfg(SETTINGS, MOVED)
    assert [line.split()[1:3] for line in text.splitlines() if line.strip().startswith("server ")] == [
        ["alpha", "10.0.0.11:5432"],
        ["beta", "10.0.0.12:5432"],
        ["gamma", "10.0.0.13:5432"],
    ]
    assert "option httpchk OPTIONS /primary" in text
