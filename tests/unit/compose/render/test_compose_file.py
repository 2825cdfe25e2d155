import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cluster.config.env_file import PROJECT_ROOT
from cluster.config.settings import Settings
from cluster.services import optional_services
from cluster.sizing import derive
from cluster.topology import Copy, Topology
from compose.engine.host import io_uring_refusal
from compose.render.compose_file import (
    BASE,
    DEFINITION_LABEL,
    compose_text,
    definition_hash,
    definitions,
    passwd_text,
)
from compose.render.host_facts import HostFacts
from compose.render.seccomp import WITH_IO_URING, WITHOUT_IO_URING
from tests.fix_settings import CONCRETE, settings_of, topology_of
from tests.unit.compose.render.stack_samples import stack_of

SETTINGS = settings_of()
UNWATCHED = {"monitoring": "off", "health": "off", "backup": "off"}
TOPOLOGY = topology_of(SETTINGS)
BEFORE = Copy(name="before", ordinal=4)


def _stack(settings: Settings = SETTINGS, topology: Topology = TOPOLOGY, facts: HostFacts = CONCRETE) -> Any:
    return stack_of(settings, topology, facts)


def _definitions(
    settings: Settings = SETTINGS, topology: Topology = TOPOLOGY, facts: HostFacts = CONCRETE
) -> dict[str, str]:
    return definitions(settings, topology, derive(settings, topology.sizing), facts)


def _services(**texts: str) -> dict[str, dict[str, Any]]:
    settings = settings_of(**texts)
    services: dict[str, dict[str, Any]] = _stack(settings, topology_of(settings))["services"]
    return services


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from (str(key), *_strings(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
    else:
        yield str(value)


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {_mapped(key, change): _mapped(inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [_mapped(inner, change) for inner in value]
    return change(value) if isinstance(value, str) else value


def _as_compose_reads(text: str) -> Any:
    """The file as Compose has it after interpolation, in which `$$` stands for `$`."""
    return _mapped(yaml.safe_load(text), lambda string: string.replace("$$", "$"))


def test_the_whole_stack(golden: Callable[[str, str], None]) -> None:
    settings = settings_of(project="shop", tls_names="db.example.org", bind="192.0.2.7")
    stack = _stack(settings, replace(topology_of(settings), lift_memlock=True).with_copy(BEFORE))
    for service in stack["services"].values():
        service["labels"][DEFINITION_LABEL] = "a hash of all this"
    golden(
        "compose.yaml", compose_text(_mapped(stack, lambda text: text.replace(str(PROJECT_ROOT / "compose"), "/pods")))
    )


def test_every_node_and_pgbouncer_and_psql_is_a_service_and_what_watches_them() -> None:
    core = ["primary", "replica1", "replica2", "pgbouncer", "haproxy", "psql"]
    assert list(_services(**UNWATCHED)) == core
    assert list(_services()) == [*core, *optional_services(SETTINGS, "registry")]


def test_the_project_is_the_topology_s() -> None:
    assert _stack(topology=replace(TOPOLOGY, project="shop"))["name"] == "shop"


def test_every_service_is_locked_down() -> None:
    for name, service in _services().items():
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["read_only"] is True, name
        assert service["user"] == "999:999", name
        assert not {"privileged", "cap_add", "devices", "pid", "ipc"} & service.keys(), name
        assert service.get("network_mode", "none") == "none", name


def test_services_run_as_the_user_who_was_asked_for() -> None:
    stack = _stack(facts=replace(CONCRETE, user=(1000, 1001)))
    for name, service in stack["services"].items():
        assert service["user"] == "1000:1001", name
        private = [path for path in service["tmpfs"] if not path.startswith("/tmp:")]
        assert all(":uid=1000,gid=1001,mode=0700" in path for path in private), name


def test_nodes_run_under_the_project_s_seccomp_profile() -> None:
    for name in TOPOLOGY.names:
        assert f"seccomp={WITH_IO_URING}" in _services()[name]["security_opt"]
    assert json.loads(WITH_IO_URING.read_text())["defaultAction"] == "SCMP_ACT_ERRNO"


@pytest.mark.parametrize(
    ("method", "allowed", "profile"),
    [
        ("auto", True, WITH_IO_URING),
        ("io_uring", True, WITH_IO_URING),
        ("auto", False, WITHOUT_IO_URING),
        ("io_uring", False, WITHOUT_IO_URING),
        ("worker", True, WITHOUT_IO_URING),
        ("sync", True, WITHOUT_IO_URING),
    ],
)
def test_who_does_not_use_io_uring_does_not_have_its_calls(method: str, allowed: bool, profile: Path) -> None:
    settings = settings_of(io_method=method)
    services = _stack(settings, facts=replace(CONCRETE, io_uring=allowed))["services"]
    for name in TOPOLOGY.names:
        assert [option for option in services[name]["security_opt"] if "seccomp" in option] == [f"seccomp={profile}"]


def test_the_two_profiles_differ_in_io_uring_alone() -> None:
    with_it, without = (json.loads(path.read_text()) for path in (WITH_IO_URING, WITHOUT_IO_URING))
    (more,) = [group for group in with_it["syscalls"] if group not in without["syscalls"]]
    assert more["names"] == ["io_uring_enter", "io_uring_register", "io_uring_setup"]
    with_it["syscalls"].remove(more)
    assert with_it == without
    assert "io_uring" not in WITHOUT_IO_URING.read_text()


@pytest.mark.parametrize(
    ("disabled", "group", "refusal"),
    [
        (None, None, ""),
        ("0", "-1", ""),
        ("1", "-1", "kernel.io_uring_disabled=1"),
        ("1", "999", ""),
        ("1", "1000", "kernel.io_uring_disabled=1"),
        ("2", "999", "kernel.io_uring_disabled=2"),
    ],
)
def test_the_kernel_may_give_io_uring_to_one_group(
    tmp_path: Path, disabled: str | None, group: str | None, refusal: str
) -> None:
    for name, value in (("io_uring_disabled", disabled), ("io_uring_group", group)):
        if value is not None:
            (tmp_path / name).write_text(f"{value}\n")
    assert io_uring_refusal(999, tmp_path) == refusal


def test_no_service_takes_a_password_from_its_environment() -> None:
    for name, service in _services().items():
        for variable, value in service.get("environment", {}).items():
            assert variable != "PGPASSWORD", name
            assert "PASSWORD" not in variable or variable.endswith("_FILE"), name
            assert variable != "PGPASSFILE" or value.startswith("/run/secrets/"), name


def test_secrets_come_from_files_and_each_service_has_only_its_own() -> None:
    stack = _stack()
    assert all(list(secret) == ["file"] for secret in stack["secrets"].values())
    given = {name: set(service.get("secrets", ())) for name, service in stack["services"].items()}
    assert given["primary"] == given["replica1"] == {"replication_password", "monitor_password"}
    assert given["pgbouncer"] == {"pooler_password", "monitor_password", "admin_password"}
    assert given["psql"] == {"pgpass"}
    assert given["exporter"] == {"monitor_password", "exporter_password"}
    assert given["health"] == {"monitor_password", "health_password", "prometheus_password", "alertmanager_password"}
    assert given["grafana"] == {"grafana_password", "prometheus_password"}
    asked = {"prometheus_password", "alertmanager_password", "exporter_password"}
    assert given["prometheus"] == {"prometheus_web", *asked}
    assert given["alertmanager"] == {"alertmanager_web", "alertmanager_password"}
    assert given["gate"] == given["sandbox"] == set()
    assert set.union(*given.values()) == set(stack["secrets"])


def test_without_prometheus_health_has_no_password_of_it() -> None:
    settings = settings_of(monitoring="off")
    service = _stack(settings, topology_of(settings))["services"]["health"]
    assert set(service["secrets"]) == {"monitor_password", "health_password"}


def test_a_secret_that_no_service_reads_is_none_of_the_project_s() -> None:
    settings = settings_of(**UNWATCHED)
    assert not {"health_password", "grafana_password"} & set(_stack(settings, topology_of(settings))["secrets"])


@pytest.mark.parametrize("bind", ["127.0.0.1", "0.0.0.0", "192.0.2.7"])
def test_ports_listen_on_the_address_that_was_asked_for_and_nowhere_else(bind: str) -> None:
    services = _services(bind=bind, web_bind="127.0.0.9", health_bind="127.0.0.8")
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    database = {name: ports for name, ports in published.items() if name in (*TOPOLOGY.names, "pgbouncer", "haproxy")}
    assert {port["host_ip"] for ports in database.values() for port in ports} == {bind}
    pages = {port["host_ip"] for name, ports in published.items() if name not in database for port in ports}
    assert pages == {"127.0.0.8", "127.0.0.9"}
    assert published["health"][0]["host_ip"] == "127.0.0.8"


def test_every_service_listens_on_its_own_host_port() -> None:
    services = _services(primary_port="15440", replica_port="15433", pgbouncer_port="16432", **UNWATCHED)
    published = {name: s["ports"][0]["published"] for name, s in services.items() if "ports" in s}
    nodes = {"replica1": "15433", "replica2": "15434", "primary": "15435"}
    assert published == {**nodes, "haproxy": "15440", "pgbouncer": "16432"}


def test_only_data_is_writable_and_a_missing_directory_is_an_error_not_an_empty_one() -> None:
    writable = set()
    for name, service in _services().items():
        for mount in service["volumes"]:
            assert mount["type"] == "bind"
            assert mount["bind"]["create_host_path"] is False
            if not mount.get("read_only", False):
                writable.add((name, mount["source"]))
    nodes = {(name, f"./data/{name}") for name in TOPOLOGY.names}
    watchers = {(name, f"./data/{name}") for name in ("prometheus", "alertmanager", "grafana")}
    backups = {("backup", f"./data/{each}") for each in ("backup", "backups", ".state", ".sandbox/drill")}
    health = {("health", f"./data/{each}") for each in (".readers", ".insight", ".findings")}
    logs = {(name, f"./data/logs/{name}") for name in (*TOPOLOGY.names, "pgbouncer")}
    others = {("gate", "./data/.gate"), ("sandbox", "./data/sandbox")}
    assert writable == {*nodes, *watchers, *backups, *health, *logs, *others}


def test_a_node_sees_no_other_node_s_files() -> None:
    for name in TOPOLOGY.names:
        others = set(TOPOLOGY.names) - {name}
        for mount in _services()[name]["volumes"]:
            assert not others & set(mount["source"].split("/")), (name, mount)


def test_images_are_never_pulled_behind_our_back() -> None:
    for service in _services().values():
        assert service["pull_policy"] == "never"
    assert _services()["pgbouncer"]["image"] == CONCRETE.images.pgbouncer
    assert _services()["replica1"]["image"] == CONCRETE.images.postgres


def test_every_lasting_service_is_watched_restarted_and_bounded_in_its_logs() -> None:
    for name, service in _services().items():
        assert service["logging"]["options"]["max-size"], name
        if name != "psql":
            assert service["restart"] == "unless-stopped", name
            assert service["healthcheck"]["test"], name


def test_psql_starts_only_when_asked() -> None:
    assert _services()["psql"]["profiles"] == ["tools"]


def test_locked_memory_is_lifted_for_nodes_alone_and_only_where_the_engine_may() -> None:
    assert all("ulimits" not in service for service in _stack()["services"].values())
    lifted = _stack(topology=replace(TOPOLOGY, lift_memlock=True))["services"]
    assert {name for name, service in lifted.items() if "ulimits" in service} == set(TOPOLOGY.names)


@pytest.mark.parametrize("text", ["$", "$$", "${HOME}", "a$b", "$$$", "pa$$word", "$(id)"])
def test_no_dollar_is_left_to_compose_s_interpolation(text: str) -> None:
    images = replace(CONCRETE.images, postgres=f"mirror/{text}/postgres:18", pgbouncer=f"mirror/{text}/pgbouncer:1")
    stack = _stack(facts=replace(CONCRETE, images=images))
    rendered = compose_text(stack)
    assert "$" not in rendered.replace("$$", "")
    assert _as_compose_reads(rendered) == stack


def test_the_text_is_the_stack_in_yaml() -> None:
    stack = _stack()
    text = compose_text(stack)
    assert text.startswith("# Made by")
    assert _as_compose_reads(text) == stack


_values = st.recursive(
    st.one_of(
        st.text(max_size=12), st.integers(), st.booleans(), st.sampled_from(["yes", "007", "1e3", "~", "$x", "a: b"])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=8), _values, max_size=4))
def test_any_value_comes_through_yaml_and_interpolation_unharmed(stack: Any) -> None:
    assert _as_compose_reads(compose_text(stack)) == stack


def test_the_same_inputs_give_the_same_definitions() -> None:
    assert _definitions() == _definitions(settings_of(), topology_of(settings_of()))
    assert set(_definitions()) == {*TOPOLOGY.names, "pgbouncer", "haproxy", "psql", *WATCHERS}


def test_the_order_of_a_definition_s_keys_is_no_change() -> None:
    service: Any = _services()["primary"]
    assert definition_hash(cast("Any", dict(reversed(service.items())))) == definition_hash(service)


@given(st.data())
def test_any_change_to_a_service_changes_its_definition(data: st.DataObject) -> None:
    service: Any = _services()["primary"]
    changed: Any = copy.deepcopy(service)
    key = data.draw(st.sampled_from(sorted(service)))
    changed[key] = data.draw(_values.filter(lambda value: json.dumps(value) != json.dumps(service[key])))
    assert definition_hash(changed) != definition_hash(service)


NODES = {"primary", "replica1", "replica2"}
OURS = {"gate", "exporter", "health", "backup", "sandbox"}
WATCHERS = {*OURS, "prometheus", "alertmanager", "grafana"}
PAGES = {"exporter", "prometheus", "alertmanager", "grafana"}


@pytest.mark.parametrize(
    ("texts", "touched"),
    [
        ({"bind": "0.0.0.0"}, {*NODES, "pgbouncer", "haproxy"}),
        ({"primary_port": "15440"}, {"haproxy"}),
        ({"replica_port": "15433"}, NODES),
        ({"pgbouncer_port": "16432"}, {"pgbouncer"}),
        ({"stop_grace": "60"}, NODES),
        # files inside the containers: reloaded, not replaced
        ({"clients": "10.0.0.0/8"}, set()),
        ({"work_mem": "8MB"}, set()),
        ({"max_connections": "200"}, set()),
        ({"max_clients": "2000"}, set()),
        ({"pool_size": "5"}, set()),
        ({"pool_reset": "off"}, set()),
        ({"pool_idle_transaction": "0"}, set()),
        ({"tls_names": "db.example.org"}, set()),
        ({"start_timeout": "60"}, set()),
        ({"scrape_interval": "15"}, {"grafana"}),
        ({"health_lag": "1GB"}, set()),
        ({"web_bind": "0.0.0.0", "health_bind": "127.0.0.1"}, PAGES),
        ({"health_bind": "127.0.0.3"}, {"health"}),
        ({"web_tls": "on"}, PAGES),
        ({"web_tls_names": "watch.example.org"}, set()),
        ({"node_egress": "on"}, NODES),
        ({"exporter_port": "19187"}, {"exporter"}),
        ({"health_port": "18080"}, {"health"}),
        ({"health_tls": "on"}, {"health"}),
        ({"prometheus_port": "19090"}, {"prometheus"}),
        ({"alertmanager_port": "19093"}, {"alertmanager"}),
        ({"grafana_port": "13000"}, {"grafana"}),
        ({"metrics_days": "30"}, {"prometheus"}),
        ({"metrics_size": "1GB"}, {"prometheus"}),
    ],
)
def test_a_setting_touches_the_containers_it_concerns_and_no_other(texts: dict[str, str], touched: set[str]) -> None:
    before, after = _definitions(), _definitions(settings_of(**texts))
    assert {name for name in before if before[name] != after[name]} == touched


@pytest.mark.parametrize(
    ("facts", "touched"),
    [
        (replace(CONCRETE, user=(1000, 1000)), {*NODES, "pgbouncer", "haproxy", "psql", *WATCHERS}),
        (replace(CONCRETE, images=replace(CONCRETE.images, services="pods/services:4567")), OURS),
        (replace(CONCRETE, images=replace(CONCRETE.images, prometheus="prom/prometheus:v4")), {"prometheus"}),
        (replace(CONCRETE, socket=replace(CONCRETE.socket, group=999)), {"gate"}),
        (replace(CONCRETE, images=replace(CONCRETE.images, postgres="pods/postgres:4567")), {*NODES, "psql"}),
        (replace(CONCRETE, images=replace(CONCRETE.images, pgbouncer="pods/pgbouncer:4567")), {"pgbouncer", "haproxy"}),
    ],
)
def test_an_image_or_user_touches_the_containers_it_concerns(facts: HostFacts, touched: set[str]) -> None:
    before, after = _definitions(), _definitions(facts=facts)
    assert {name for name in before if before[name] != after[name]} == touched


def test_more_memory_touches_the_nodes_and_whoever_may_take_a_share_of_it() -> None:
    sizing = replace(TOPOLOGY.sizing, memory=TOPOLOGY.sizing.memory * 2)
    before, after = _definitions(), _definitions(topology=replace(TOPOLOGY, sizing=sizing))
    shares = {*NODES, "pgbouncer", "haproxy", "psql", *WATCHERS}
    assert {name for name in before if before[name] != after[name]} == shares


def test_a_node_that_comes_or_a_switchover_touches_no_other_container() -> None:
    before = _definitions()
    more = _definitions(topology=TOPOLOGY.add())
    assert {name: more[name] for name in before} == before
    assert _definitions(topology=replace(TOPOLOGY, primary="replica1")) == before


def test_a_copy_touches_no_container_of_the_cluster() -> None:
    before, after = _definitions(), _definitions(topology=TOPOLOGY.with_copy(BEFORE))
    assert {name for name in before if before[name] != after[name]} == {"psql"}, "which starts anew each time"
    assert set(after) - set(before) == {"before"}


def test_a_copy_is_locked_down_and_has_no_secret_and_less_of_the_host() -> None:
    services = _stack(topology=replace(TOPOLOGY, lift_memlock=True).with_copy(BEFORE))["services"]
    copy, node = services["before"], services["primary"]
    for key in ("image", "user", "cap_drop", "read_only", "restart", "tmpfs", "stop_signal", "dns"):
        assert copy[key] == node[key], key
    assert copy["security_opt"] == ["no-new-privileges:true", f"seccomp={WITHOUT_IO_URING}"]
    assert not {"secrets", "ulimits", "privileged", "cap_add"} & copy.keys()
    assert (copy["cpu_shares"], copy["oom_score_adj"], copy["networks"]) == (256, 900, ["copies"])
    assert copy["mem_limit"] == TOPOLOGY.sizing.memory // 8
    assert copy["ports"] == [{**node["ports"][0], "published": "5436"}]
    sources = {mount["source"]: mount.get("read_only", False) for mount in copy["volumes"]}
    assert sources == {
        "./rendered/passwd": True,
        "./data/copies/before": False,
        "./rendered/copies/before": True,
        "./secrets/tls/before": True,
    }


@pytest.mark.parametrize(("memory", "limit"), [(1 << 30, 512 << 20), (8 << 30, 1 << 30), (256 << 30, 4 << 30)])
def test_a_copy_may_take_an_eighth_of_the_host_within_bounds(memory: int, limit: int) -> None:
    topology = replace(TOPOLOGY, sizing=replace(TOPOLOGY.sizing, memory=memory)).with_copy(BEFORE)
    assert _stack(topology=topology)["services"]["before"]["mem_limit"] == limit


def test_the_template_s_service_names_cannot_be_a_node_s() -> None:
    from cluster.naming import RESERVED

    assert set(yaml.safe_load(BASE.read_text())["services"]) - {"node"} <= RESERVED


def test_containers_have_a_name_for_the_user_they_run_as() -> None:
    lines = [line.split(":") for line in passwd_text((1000, 1001)).splitlines()]
    assert [line[:4] for line in lines] == [["root", "x", "0", "0"], ["postgres", "x", "1000", "1001"]]
    assert all(len(line) == 7 for line in lines)


def test_running_the_stack_s_strings_leak_no_unset_value() -> None:
    assert not [text for text in _strings(_stack()) if "None" in text]


def test_every_service_has_an_end_of_what_it_may_take() -> None:
    """Also one that is added tomorrow: nodes alone have no limit of memory, which PostgreSQL's own settings bound."""
    for name, service in _stack(topology=TOPOLOGY.with_copy(BEFORE))["services"].items():
        assert 0 < service["pids_limit"] <= 16_384, name
        assert all("size=" in memory for memory in service["tmpfs"]), name
        assert ("mem_limit" in service) == (name not in TOPOLOGY.names), name
        assert service.get("mem_limit", 1) <= TOPOLOGY.sizing.memory, name


@pytest.mark.parametrize("memory", [2 << 30, 4 << 30, 24 << 30, 512 << 30])
def test_no_limit_is_beyond_the_host_s_memory(memory: int) -> None:
    topology = replace(TOPOLOGY, sizing=replace(TOPOLOGY.sizing, memory=memory)).with_copy(BEFORE)
    for name, service in _stack(topology=topology)["services"].items():
        assert service.get("mem_limit", 0) <= memory // 2, name


def test_where_memory_runs_out_guests_go_first_and_the_database_last() -> None:
    services = _stack(topology=TOPOLOGY.with_copy(BEFORE))["services"]
    rank = {name: service.get("oom_score_adj", 0) for name, service in services.items()}
    guests, watchers = (
        {"before", "psql", "sandbox"},
        {"gate", "exporter", "health", "prometheus", "alertmanager", "grafana"},
    )
    assert min(rank[name] for name in guests) > max(rank[name] for name in watchers)
    assert min(rank[name] for name in watchers) > rank["backup"] > 300 > rank["pgbouncer"]
    assert {rank[name] for name in TOPOLOGY.names} == {0}, "a node's own rank is its role's: see pods-node"


NETWORKS = {
    **{name: {"nodes"} for name in (*TOPOLOGY.names, "pgbouncer", "haproxy", "backup")},
    "psql": {"copies", "nodes"},
    **{name: {"monitoring", "nodes"} for name in ("exporter", "health")},
    **{name: {"monitoring"} for name in ("prometheus", "grafana")},
    "alertmanager": {"egress", "monitoring"},
    "before": {"copies"},
    "gate": set(),
    "sandbox": set(),
}


def _networks(settings: Settings = SETTINGS) -> dict[str, set[str]]:
    topology = topology_of(settings).with_copy(BEFORE)
    services = _stack(settings, topology)["services"]
    return {name: set(service.get("networks", ())) for name, service in services.items()}


def test_each_service_is_in_the_networks_it_needs() -> None:
    assert _networks() == NETWORKS
    assert set(_stack()["services"]["psql"]["networks"]) == {"nodes"}, "without a copy there is none to reach"
    s3 = settings_of(s3_bucket="b")
    assert _networks(s3) == {**NETWORKS, "backup": {"egress", "nodes"}}
    assert _networks(settings_of(node_egress="on"))["primary"] == {"node_egress", "nodes"}


def test_nothing_leads_out_but_where_it_is_needed() -> None:
    stack = _stack(topology=TOPOLOGY.with_copy(BEFORE))
    option = "com.docker.network.bridge.enable_ip_masquerade"
    assert {n for n, made in stack["networks"].items() if made["driver_opts"].get(option) != "false"} == {"egress"}
    closed = {name for name, service in stack["services"].items() if service.get("dns") == ["127.0.0.1"]}
    assert closed == {name for name, networks in NETWORKS.items() if networks and "egress" not in networks}


def test_those_who_share_only_a_egress_do_not_reach_each_other() -> None:
    networks = _stack(topology=TOPOLOGY.with_copy(BEFORE))["networks"]
    option = "com.docker.network.bridge.enable_icc"
    assert {n for n, made in networks.items() if made["driver_opts"].get(option) == "false"} == {"egress"}


def test_nodes_reach_each_other_wherever_a_name_of_theirs_leads() -> None:
    """Docker's resolver answers with an address in any network that both are in."""
    stack = _stack(settings_of(node_egress="on"))
    shared = set(stack["services"]["primary"]["networks"]) & set(stack["services"]["replica1"]["networks"])
    assert shared == {"node_egress", "nodes"}
    option = "com.docker.network.bridge.enable_icc"
    assert [n for n in shared if stack["networks"][n].get("driver_opts", {}).get(option) == "false"] == []


def test_a_port_leads_to_the_network_that_comes_first_by_name() -> None:
    """Docker publishes, and routes, through that one: it must be a way out, and where a page is asked."""
    for name, networks in _networks(settings_of(s3_bucket="b", node_egress="on")).items():
        for egress in networks & {"egress", "node_egress"}:
            assert min(networks) == egress, name
    assert min(NETWORKS["exporter"]) == min(NETWORKS["health"]) == "monitoring"


def test_a_network_that_nobody_is_in_is_not_made() -> None:
    settings = settings_of(**UNWATCHED)
    assert set(_stack(settings, topology_of(settings))["networks"]) == {"nodes"}
