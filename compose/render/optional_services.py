"""The services beside nodes and PgBouncer: what watches the cluster and shows it. Pure."""

from collections.abc import Callable, Iterator, Mapping

from cluster.config.settings import Settings
from cluster.http.pages import pages
from cluster.services import GUIDE, LISTENING, SUPERVISOR, store_names
from cluster.topology import Topology
from compose.render.alertmanager_yml import SECRETS
from compose.render.compose_types import Service, VolumeMount
from compose.render.host_facts import HostFacts
from compose.render.seccomp import WITH_IO_URING, WITHOUT_IO_URING, security_option
from compose.render.service_definition import hardened, mount
from compose.render.service_definition import port as published

GATE_SOCKET = "./data/.gate"
DRILL_SOCKET = "./data/.sandbox/drill"
BACKUP_STATE = "./data/.state"
READERS = "./data/.readers"
SUPERVISOR_STATE = "./data/.supervisor"
GUIDE_VOLUME = "./data/.guide"
"""What a guide writes, and PgBouncer reads a part of."""
HA_IDENTITY = "./secrets/hosts/exporter"
INSIGHT = "./data/.insight"
FINDINGS = "./data/.findings"
_PAGES = "/usr/share/prometheus"
"""Where Debian's packages have what they show in place of the web applications that they leave out."""
_SILENT = "30s"
"""After which Prometheus closes a connection that asks nothing; the exporter and health have theirs."""
_GRAFANA_TLS = {
    "GF_SERVER_PROTOCOL": "https",
    "GF_SERVER_CERT_FILE": "/run/tls/server.crt",
    "GF_SERVER_CERT_KEY": "/run/tls/server.key",
    "GF_SERVER_CERTS_WATCH_INTERVAL": "1m",
    "GF_SECURITY_COOKIE_SECURE": "true",
}
_GRAFANA_CHECK = ["CMD", "wget", "-q", "--spider", "--no-check-certificate"]


def optional_service(name: str, template: Service, settings: Settings, topology: Topology, facts: HostFacts) -> Service:
    """The definition of one of ``cluster.services.optional_services``."""
    return _MADE[name](template, settings, topology, facts)


def _ours(template: Service, facts: HostFacts) -> Service:
    """A service of our own code; it sees the cluster through files that are made anew when the cluster changes."""
    service = hardened(template, facts.images.services, facts.user)
    service["volumes"].append(mount("./rendered/services", "/etc/pods"))
    return service


def _shown(service: Service, name: str, settings: Settings) -> Service:
    """With its page published, and what it shows or checks certificates with."""
    page = pages(settings)[name]
    service["ports"] = [published(page.bind, page.port, LISTENING[name])]
    service["volumes"].append(mount(f"./secrets/tls/{name}", "/run/tls"))
    return service


def _gate(template: Service, _: Settings, topology: Topology, facts: HostFacts) -> Service:
    service = hardened(template, facts.images.services, facts.user)
    service["group_add"] = [str(facts.socket.group)]
    service["environment"] = {"PODS_PROJECT": topology.project, "PODS_ENGINE_SOCKET": "/run/docker.sock"}
    service["volumes"] += [
        mount(facts.socket.path, "/run/docker.sock"),
        mount(GATE_SOCKET, "/run/gate", read_only=False),
        mount("./data/.disk", "/disk"),
        *(mount(f"./data/{name}", f"/disks/{name}") for name in facts.disks),
    ]
    return service


def _exporter(template: Service, settings: Settings, topology: Topology, facts: HostFacts) -> Service:
    service = _shown(_ours(template, facts), "exporter", settings)
    if pages(settings)["exporter"].secure:
        service["healthcheck"]["test"] = ["CMD", "pods-alive", "--listens", str(LISTENING["exporter"])]
    service["volumes"].append(mount("./data/logs", "/var/log/pods"))
    if settings.container_metrics == "on":
        service["volumes"].append(mount(GATE_SOCKET, "/run/gate"))
    if settings.health == "on":
        service["volumes"].append(mount(FINDINGS, "/run/findings"))
    return _with_engine(_with_backups(service, settings), settings, topology)


def _with_engine(service: Service, settings: Settings, topology: Topology) -> Service:
    """What the supervisor says of itself; where Patroni decides, what agents and votes are asked with."""
    if topology.engine != "local":
        service["volumes"].append(mount(HA_IDENTITY, "/run/ha"))
    elif settings.failover == "auto":
        service["volumes"].append(mount(SUPERVISOR_STATE, "/run/supervisor"))
    return service


def _with_backups(service: Service, settings: Settings) -> Service:
    """What the backup service says of itself: small files, none of them a backup."""
    if settings.backup == "on":
        service["volumes"].append(mount(BACKUP_STATE, "/run/backup"))
    return service


def _health(template: Service, settings: Settings, topology: Topology, facts: HostFacts) -> Service:
    service = _shown(_ours(template, facts), "health", settings)
    if settings.health_tls == "on":
        service["healthcheck"]["test"] = ["CMD", "pods-alive", "--listens", str(LISTENING["health"])]
    service["volumes"] += [
        mount(READERS, "/run/readers", read_only=False),
        mount(INSIGHT, "/run/insight", read_only=False),
        mount(FINDINGS, "/run/findings", read_only=False),
    ]
    if settings.monitoring == "on":
        service["secrets"] += ["prometheus_password", "alertmanager_password"]
    return _with_engine(_with_backups(service, settings), settings, topology)


def _prometheus(template: Service, settings: Settings, _: Topology, facts: HostFacts) -> Service:
    page = pages(settings)["prometheus"]
    service = _shown(hardened(template, facts.images.prometheus, facts.user), "prometheus", settings)
    service["command"] = [
        "--config.file=/etc/prometheus/prometheus.yml",
        "--storage.tsdb.path=/prometheus",
        f"--storage.tsdb.retention.time={settings.metrics_days}d",
        f"--storage.tsdb.retention.size={settings.metrics_size}B",
        f"--web.external-url={page.url}",
        "--web.config.file=/run/secrets/prometheus_web",
        "--web.user-assets=/etc/prometheus/runbooks",
        "--web.cors.origin=^$",  # no other site's page may read an answer
        f"--web.read-timeout={_SILENT}",
    ]
    service["healthcheck"]["test"].append(f"--url={page.scheme}://127.0.0.1:{LISTENING['prometheus']}")
    service["volumes"] += [
        mount("./rendered/prometheus", "/etc/prometheus"),
        mount("./rendered/pages/prometheus", f"{_PAGES}/web/no-ui"),
        mount("./data/prometheus", "/prometheus", read_only=False),
    ]
    return service


def _alertmanager(template: Service, settings: Settings, _: Topology, facts: HostFacts) -> Service:
    page = pages(settings)["alertmanager"]
    service = _shown(hardened(template, facts.images.alertmanager, facts.user), "alertmanager", settings)
    service["command"].append(f"--web.external-url={page.url}")
    service["healthcheck"]["test"].append(f"--alertmanager.url={page.scheme}://127.0.0.1:{LISTENING['alertmanager']}")
    service["volumes"] += [
        mount("./rendered/alertmanager", "/etc/alertmanager"),
        mount("./rendered/pages/alertmanager", f"{_PAGES}/alertmanager/no-ui"),
        mount("./data/alertmanager", "/alertmanager", read_only=False),
        mount("./secrets/alerts", SECRETS),
    ]
    return service


def _grafana(template: Service, settings: Settings, _: Topology, facts: HostFacts) -> Service:
    page = pages(settings)["grafana"]
    service = _shown(hardened(template, facts.images.grafana, facts.user), "grafana", settings)
    service["environment"] |= {
        "PODS_SCRAPE_INTERVAL": str(settings.scrape_interval),
        "PODS_PROMETHEUS": f"{page.scheme}://prometheus:{LISTENING['prometheus']}",
        "GF_SERVER_ROOT_URL": page.url,
    }
    if page.secure:
        service["environment"] |= _GRAFANA_TLS
        service["healthcheck"]["test"] = [*_GRAFANA_CHECK, f"https://127.0.0.1:{LISTENING['grafana']}/api/health"]
    service["volumes"] += [
        mount("./rendered/grafana/provisioning", "/etc/grafana/provisioning"),
        mount("./rendered/grafana/dashboards", "/etc/grafana/dashboards"),
        mount("./data/grafana", "/grafana", read_only=False),
    ]
    return service


def _backup(template: Service, settings: Settings, _: Topology, facts: HostFacts) -> Service:
    service = _ours(template, facts)
    service["volumes"] += [
        mount("./secrets/tls/backup", "/run/tls"),
        mount("./data/backup", "/var/lib/pods", read_only=False),
        mount(BACKUP_STATE, "/run/backup", read_only=False),
        mount("./config/drill", "/etc/drill"),
        mount(DRILL_SOCKET, "/run/sandbox", read_only=False),
    ]
    service["environment"] = {"TMPDIR": "/var/lib/pods/tmp"}  # what a store wants whole does not fit into memory
    if "s3" in store_names(settings):
        service["networks"] = ["egress", *service["networks"]]
    if "local" in store_names(settings):
        # settings are read again while a container runs, and the mount stays what it was
        service["environment"]["STORE_DIRECTORY"] = settings.backup_directory
        service["volumes"].append(mount(settings.backup_directory or "./data/backups", "/backups", read_only=False))
    if settings.backup_encryption == "on":
        service["secrets"].append("backup_key")
    if settings.s3_ca and "s3" in store_names(settings):  # it may come from the environment of whoever runs inv
        service["secrets"].append("s3_ca")
    return service


def _sandbox(template: Service, _: Settings, __: Topology, facts: HostFacts) -> Service:
    """A directory of its own and the socket of the backup service; a restore mounts others in their places."""
    service = hardened(template, facts.images.services, facts.user)
    service["volumes"] += [mount("./data/sandbox", "/restore", read_only=False), mount(DRILL_SOCKET, "/run/sandbox")]
    return service


def _supervisor(template: Service, settings: Settings, _: Topology, facts: HostFacts) -> Service:
    """Whoever runs PODS, in a container: it does what `inv failover` does, with the same files under the same paths.

    Under root it wants the rights that root has on the files of the containers' user.
    """
    operator = facts.operator
    service = hardened(template, facts.images.supervisor, (operator.uid, operator.gid))
    service["group_add"] = [str(facts.socket.group)]
    if operator.uid == 0:
        service["cap_add"] = ["CHOWN", "DAC_OVERRIDE", "FOWNER"]
    service["environment"] = {
        "PODS_HOME": operator.home,
        "CHECKOUT": facts.checkout,
        "PODS_REGISTRY": settings.registry,
        "DOCKER_HOST": f"unix://{facts.socket.path}",
        "DOCKER_CONFIG": "/tmp/docker",
        "HOME": "/tmp",
    }
    service["volumes"] += [
        mount(facts.socket.path, facts.socket.path),
        *(mount(path, path, read_only=False) for path in (operator.home, *operator.linked)),
        *(mount(path, path) for path in _profiles(facts)),
        mount(SUPERVISOR_STATE, "/run/supervisor", read_only=False),
    ]
    return service


def guide_service(template: Service, facts: HostFacts, agents_ca: VolumeMount) -> Service:
    """A guide; ``agents_ca`` is what Patroni's agents are checked with."""
    service = hardened(template, facts.images.services, facts.user)
    service["volumes"] += [
        mount("./rendered/guide", "/etc/guide"),
        mount("./secrets/tls/pgbouncer/ca.crt", "/run/tls/ca.crt"),
        agents_ca,
        mount(GUIDE_VOLUME, "/run/guide", read_only=False),
    ]
    return service


def _guide(template: Service, _: Settings, __: Topology, facts: HostFacts) -> Service:
    return guide_service(template, facts, mount("./secrets/hosts/control/ca.crt", "/run/ha/ca.crt"))


def _profiles(facts: HostFacts) -> Iterator[str]:
    """Compose reads them, and hands them to the engine."""
    for profile in (WITH_IO_URING, WITHOUT_IO_URING):
        yield security_option(profile, facts).removeprefix("seccomp=")


_MADE: Mapping[str, Callable[[Service, Settings, Topology, HostFacts], Service]] = {
    "gate": _gate,
    "exporter": _exporter,
    "health": _health,
    "backup": _backup,
    "sandbox": _sandbox,
    "prometheus": _prometheus,
    "alertmanager": _alertmanager,
    "grafana": _grafana,
    SUPERVISOR: _supervisor,
    GUIDE: _guide,
}
