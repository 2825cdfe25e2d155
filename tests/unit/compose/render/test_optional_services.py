"""The services beside nodes and PgBouncer: which of them run, and what each of them may."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.config.env_file import fixed_ports
from cluster.config.mounted import CA, ROOT
from cluster.config.settings import Settings
from cluster.services import GUIDE, optional_services
from cluster.topology import Topology, host_ports
from compose.render.host_facts import Operator
from compose.render.optional_services import _MADE
from compose.render.seccomp import WITH_IO_URING, WITHOUT_IO_URING
from tests.fix_settings import CONCRETE, settings_of, topology_of
from tests.unit.compose.render.stack_samples import services_of, stack_of
from tests.unit.strategies import topologies

ALL = ("gate", "exporter", "health", "backup", "sandbox", "prometheus", "alertmanager", "grafana", "supervisor")
SILENT = {"gate", "backup", "sandbox", "supervisor"}
"""Services that publish nothing."""
_on_or_off = st.sampled_from(["on", "off"])
_settings = st.builds(
    settings_of,
    monitoring=_on_or_off,
    health=_on_or_off,
    backup=_on_or_off,
    health_tls=_on_or_off,
    health_auth=_on_or_off,
    grafana=st.sampled_from(["auto", "on", "off"]),
    container_metrics=_on_or_off,
    web_bind=st.sampled_from(["127.0.0.1", "0.0.0.0"]),
    health_bind=st.sampled_from(["127.0.0.1", "0.0.0.0"]),
    unprotected=st.just("health"),
    failover=st.sampled_from(["manual", "auto"]),
)


def _sources(service: dict[str, Any]) -> set[str]:
    """What of the host a container sees."""
    return {mount["source"] for mount in service["volumes"]}


EVERYTHING = services_of(settings_of(grafana="on", failover="auto"))


@pytest.mark.parametrize(
    ("texts", "source", "services"),
    [
        ({}, "registry", ALL[:8]),
        ({}, "debian", ALL[:7]),
        ({"grafana": "on"}, "debian", ALL[:8]),
        ({"grafana": "off"}, "registry", ALL[:7]),
        ({"container_metrics": "off"}, "debian", ALL[1:7]),
        ({"monitoring": "off"}, "registry", ("health", "backup", "sandbox")),
        ({"monitoring": "off", "grafana": "on"}, "registry", ("health", "backup", "sandbox")),
        ({"health": "off"}, "debian", ("gate", "exporter", "backup", "sandbox", "prometheus", "alertmanager")),
        ({"backup": "off", "monitoring": "off"}, "registry", ("health",)),
        ({"monitoring": "off", "health": "off", "backup": "off"}, "registry", ()),
        ({"monitoring": "off", "health": "off", "backup": "off", "failover": "auto"}, "registry", ("supervisor",)),
    ],
)
def test_what_was_asked_for_runs_and_nothing_else(
    texts: dict[str, str], source: str, services: tuple[str, ...]
) -> None:
    assert optional_services(settings_of(**texts), source) == services


def test_every_optional_service_has_its_definition() -> None:
    assert set(_MADE) == {*ALL, GUIDE}
    assert set(ALL) <= set(EVERYTHING)


@given(_settings, topologies())
def test_every_page_that_runs_is_published_on_its_own_port_and_no_other(settings: Settings, topology: Topology) -> None:
    services, ports = services_of(settings, topology), host_ports(settings, topology)
    for name in optional_services(settings, topology.image_source):
        published = [(port["published"], port["host_ip"]) for port in services[name].get("ports", ())]
        bind = settings.health_bind if name == "health" else settings.web_bind
        assert published == ([] if name in SILENT else [(str(ports[name]), bind)]), name


@given(_settings, topologies())
def test_a_service_that_runs_has_its_port_among_those_that_are_looked_at(
    settings: Settings, topology: Topology
) -> None:
    fixed = {name.removesuffix("_port") for name in fixed_ports(settings)}
    assert set(optional_services(settings, topology.image_source)) - SILENT <= fixed


@given(_settings, topologies())
def test_gate_and_supervisor_reach_the_engine_and_nobody_reaches_them(settings: Settings, topology: Topology) -> None:
    for name, service in services_of(settings, topology).items():
        assert (CONCRETE.socket.path in _sources(service)) == (name in ("gate", "supervisor")), name
        assert ("group_add" in service) == (name in ("gate", "supervisor")), name
        assert "cap_add" not in service or name == "supervisor"
        assert CONCRETE.operator.home not in _sources(service) or name == "supervisor"
        if name == "gate":
            assert service["network_mode"] == "none"
            assert not {"networks", "ports", "secrets"} & service.keys()


def test_the_gate_reads_the_engine_s_socket_as_a_member_of_its_group() -> None:
    gate = EVERYTHING["gate"]
    assert gate["group_add"] == ["103"]
    mounts = {mount["target"]: mount for mount in gate["volumes"]}
    assert mounts["/run/docker.sock"]["source"] == "/var/run/docker.sock"
    assert {target for target, mount in mounts.items() if not mount.get("read_only")} == {"/run/gate"}
    assert gate["environment"] == {"PODS_PROJECT": "pods", "PODS_ENGINE_SOCKET": "/run/docker.sock"}


def test_the_supervisor_is_who_runs_pods_where_he_is() -> None:
    supervisor = EVERYTHING["supervisor"]
    assert (supervisor["user"], supervisor["group_add"]) == ("0:0", ["103"])
    assert supervisor["cap_drop"] == ["ALL"]
    assert supervisor["cap_add"] == ["CHOWN", "DAC_OVERRIDE", "FOWNER"]
    mounts = {mount["target"]: mount["source"] for mount in supervisor["volumes"]}
    assert all(mounts[path] == path for path in ("/srv/pods", "/var/run/docker.sock"))
    for profile in (WITH_IO_URING, WITHOUT_IO_URING):  # Compose reads them where nodes name them
        assert mounts[str(profile)] == str(profile)
        assert f"seccomp={profile}" in EVERYTHING["primary"]["security_opt"] or profile == WITHOUT_IO_URING
    assert supervisor["environment"]["PODS_HOME"] == "/srv/pods"
    assert supervisor["networks"] == ["nodes"]
    assert not {"ports", "secrets"} & supervisor.keys()


def test_the_supervisor_of_an_ordinary_user_has_no_capability_and_the_disks_that_he_linked() -> None:
    operator = Operator(uid=1000, gid=1000, home="/home/ann/pods", linked=("/mnt/fast",))
    stack = stack_of(settings_of(failover="auto"), facts=replace(CONCRETE, user=(1000, 1000), operator=operator))
    supervisor = stack["services"]["supervisor"]
    assert supervisor["user"] == "1000:1000"
    assert "cap_add" not in supervisor
    assert {"/home/ann/pods", "/mnt/fast"} <= _sources(supervisor)


def test_what_the_supervisor_says_is_read_and_not_written_by_others() -> None:
    for name in ("exporter", "health"):
        mounts = {mount["target"]: mount for mount in EVERYTHING[name]["volumes"]}
        assert mounts["/run/supervisor"]["read_only"]
        assert "/run/supervisor" not in {mount["target"] for mount in services_of(settings_of())[name]["volumes"]}


def test_the_exporter_reads_what_the_gate_tells_and_cannot_change_it() -> None:
    mounts = {mount["target"]: mount for mount in EVERYTHING["exporter"]["volumes"]}
    assert mounts["/run/gate"]["source"] == "./data/.gate"
    assert mounts["/run/gate"]["read_only"] is True
    without = services_of(settings_of(container_metrics="off"))["exporter"]
    assert "/run/gate" not in {mount["target"] for mount in without["volumes"]}


@pytest.mark.parametrize("name", sorted(EVERYTHING))
def test_every_service_is_walled_in(name: str) -> None:
    service = EVERYTHING[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not {"privileged", "devices", "pid", "ipc", "userns_mode"} & service.keys()
    if name != "supervisor":  # who has the engine's socket and the home is who runs PODS: below
        assert service["user"] == "999:999"
        assert "cap_add" not in service


def test_prometheus_and_alertmanager_ask_for_a_password_and_let_no_other_site_read() -> None:
    prometheus, alertmanager = EVERYTHING["prometheus"], EVERYTHING["alertmanager"]
    assert "--web.config.file=/run/secrets/prometheus_web" in prometheus["command"]
    assert "--web.config.file=/run/secrets/alertmanager_web" in alertmanager["command"]
    assert "--web.cors.origin=^$" in prometheus["command"]
    for name, service in (("prometheus", prometheus), ("alertmanager", alertmanager)):
        assert {f"{name}_web", f"{name}_password"} <= set(service["secrets"])
        assert "client.yml" in " ".join(service["healthcheck"]["test"])


def test_a_health_check_keeps_no_configuration_for_docker_inspect() -> None:
    assert EVERYTHING["alertmanager"]["healthcheck"]["test"][:4] == ["CMD", "amtool", "cluster", "show"]


@pytest.mark.parametrize("name", ["exporter", "prometheus", "alertmanager", "grafana"])
def test_beyond_this_host_a_page_speaks_tls_and_is_looked_at_so(name: str) -> None:
    services = services_of(settings_of(grafana="on", web_bind="192.0.2.7", health_bind="127.0.0.1"))
    text = " ".join([*services[name]["healthcheck"]["test"], *services[name].get("command", ())])
    assert "http://" not in text
    assert "https://" in text or "--listens" in text


@pytest.mark.parametrize("name", ["exporter", "health", "backup"])
def test_our_services_see_the_cluster_through_files_and_check_its_certificates(name: str) -> None:
    mounts = {mount["target"]: mount["source"] for mount in EVERYTHING[name]["volumes"]}
    assert mounts[str(ROOT)] == "./rendered/services"
    assert mounts[str(CA.parent)] == f"./secrets/tls/{name}"


@pytest.mark.parametrize("name", ["exporter", "health", "backup", "prometheus", "alertmanager", "grafana"])
def test_no_service_with_a_network_sees_a_node_s_data_or_a_key_of_another(name: str) -> None:
    seen = _sources(EVERYTHING[name])
    told = (
        "./rendered/",
        "./data/.gate",
        "./data/.state",
        "./data/.readers",
        "./data/.insight",
        "./data/.findings",
        "./data/.sandbox/drill",
        "./data/.supervisor",
    )
    logs = ["./data/logs"] if name == "exporter" else []  # it counts refused logins
    tokens = ["./secrets/alerts"] if name == "alertmanager" else []  # of those who get alerts
    allowed = (*told, *logs, *tokens, f"./data/{name}", f"./secrets/tls/{name}", "./config/drill")
    assert [source for source in seen if not source.startswith(allowed)] == []


def test_the_gate_measures_the_disks_of_the_data_and_sees_none_of_it() -> None:
    mounts = {mount["target"]: mount for mount in EVERYTHING["gate"]["volumes"]}
    data = {target: mount["source"] for target, mount in mounts.items() if mount["source"].startswith("./data")}
    assert data == {"/run/gate": "./data/.gate", "/disk": "./data/.disk"}
    assert mounts["/disk"]["read_only"]


def test_of_what_is_on_a_disk_of_its_own_the_gate_sees_that_disk() -> None:
    settings = settings_of()
    topology = topology_of(settings)
    facts = replace(CONCRETE, disks=("replica1",))
    stack = stack_of(settings, topology, facts)
    mounts = {mount["target"]: mount for mount in stack["services"]["gate"]["volumes"]}
    assert (mounts["/disks/replica1"]["source"], mounts["/disks/replica1"]["read_only"]) == ("./data/replica1", True)


def test_the_sandbox_reaches_nothing_but_a_directory_of_its_own() -> None:
    sandbox = EVERYTHING["sandbox"]
    assert sandbox["network_mode"] == "none"
    assert not {"networks", "ports", "secrets", "environment", "group_add", "volumes_from"} & sandbox.keys()
    mounts = {mount["target"]: (mount["source"], mount.get("read_only", False)) for mount in sandbox["volumes"]}
    assert mounts == {
        "/etc/passwd": ("./rendered/passwd", True),
        "/restore": ("./data/sandbox", False),
        "/run/sandbox": ("./data/.sandbox/drill", True),
    }


def test_nobody_else_sees_what_the_sandbox_writes() -> None:
    for name, service in EVERYTHING.items():
        if name != "sandbox":
            assert "./data/sandbox" not in _sources(service), name
    meeting = {mount["target"]: mount for mount in EVERYTHING["backup"]["volumes"]}["/run/sandbox"]
    assert (meeting["source"], meeting.get("read_only", False)) == ("./data/.sandbox/drill", False)


def test_health_over_tls_is_looked_at_by_its_port_alone() -> None:
    plain, secure = (services_of(settings_of(health_tls=tls))["health"]["healthcheck"]["test"] for tls in ("off", "on"))
    assert plain == ["CMD", "pods-alive", "8080", "/livez"]
    assert secure == ["CMD", "pods-alive", "--listens", "8080"]


def test_prometheus_keeps_as_much_as_it_was_told() -> None:
    command = services_of(settings_of(metrics_days="7", metrics_size="1GB"))["prometheus"]["command"]
    assert "--storage.tsdb.retention.time=7d" in command
    assert f"--storage.tsdb.retention.size={1 << 30}B" in command


@pytest.mark.parametrize("name", ALL)
def test_a_container_s_log_has_an_end_and_it_is_started_again(name: str) -> None:
    assert EVERYTHING[name]["logging"]["options"]["max-size"]
    assert EVERYTHING[name]["restart"] == "unless-stopped"


def test_one_service_s_definition_is_not_another_s() -> None:
    again = services_of(settings_of(grafana="on", failover="auto"))
    again["gate"]["volumes"].clear()
    assert services_of(settings_of(grafana="on", failover="auto")) == EVERYTHING


def test_a_ca_that_a_shell_names_for_s3_is_nobody_s_where_no_store_is_there() -> None:
    """`AWS_CA_BUNDLE` is set in one shell and not in another: a backup service of neither may be made anew for it."""

    def secrets(**chosen: str) -> set[str]:
        return set(services_of(settings_of(s3_ca="/etc/ssl/own.crt", **chosen))["backup"]["secrets"])

    assert "s3_ca" not in secrets()
    assert "s3_ca" in secrets(s3_bucket="b")
