"""The services beside nodes and PgBouncer: what watches the cluster and shows it. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from cluster.desired import store_names, web_address
from cluster.settings import Settings
from cluster.topology import Topology
from compose.render.concrete import Concrete
from compose.render.service import hardened, mount
from compose.render.service import port as published

Service = dict[str, Any]
GATE_SOCKET = "./data/.gate"
DRILL_SOCKET = "./data/.sandbox/drill"
BACKUP_STATE = "./data/.state"
PROMETHEUS_PORT, ALERTMANAGER_PORT, GRAFANA_PORT, CADVISOR_PORT = 9090, 9093, 3000, 8080
EXPORTER_PORT, HEALTH_PORT = 9187, 8080


def optional_service(
    name: str, template: Service, settings: Settings, topology: Topology, concrete: Concrete
) -> Service:
    """The definition of one of ``cluster.desired.optional_services``."""
    return _MADE[name](template, settings, topology, concrete)


def _ours(template: Service, concrete: Concrete) -> Service:
    """A service of our own code; it sees the cluster through files that are made anew when the cluster changes."""
    service = hardened(template, concrete.images.services, concrete.user)
    service["volumes"].append(mount("./rendered/services", "/etc/pods"))
    return service


def _gate(template: Service, _: Settings, topology: Topology, concrete: Concrete) -> Service:
    service = hardened(template, concrete.images.services, concrete.user)
    del service["networks"]
    service["group_add"] = [str(concrete.socket.group)]
    service["environment"] = {"PODS_PROJECT": topology.project, "PODS_ENGINE_SOCKET": "/run/docker.sock"}
    service["volumes"] += [
        mount(concrete.socket.path, "/run/docker.sock"),
        mount(GATE_SOCKET, "/run/gate", read_only=False),
        mount("./data/.disk", "/disk"),
        *(mount(f"./data/{name}", f"/disks/{name}") for name in concrete.disks),
    ]
    return service


def _exporter(template: Service, settings: Settings, _: Topology, concrete: Concrete) -> Service:
    service = _ours(template, concrete)
    service["ports"] = [published(settings.web_bind, settings.exporter_port, EXPORTER_PORT)]
    service["volumes"].append(mount("./secrets/tls/exporter", "/run/tls"))
    if settings.container_metrics == "on":
        service["volumes"].append(mount(GATE_SOCKET, "/run/gate"))
    return _with_backups(service, settings)


def _with_backups(service: Service, settings: Settings) -> Service:
    """What the backup service says of itself: small files, none of them a backup."""
    if settings.backup == "on":
        service["volumes"].append(mount(BACKUP_STATE, "/run/backup"))
    return service


def _health(template: Service, settings: Settings, _: Topology, concrete: Concrete) -> Service:
    service = _ours(template, concrete)
    service["ports"] = [published(settings.web_bind, settings.health_port, HEALTH_PORT)]
    service["volumes"].append(mount("./secrets/tls/health", "/run/tls"))
    if settings.health_tls == "on":
        service["healthcheck"]["test"] = ["CMD", "pods-alive", "--listens", str(HEALTH_PORT)]
    return _with_backups(service, settings)


def _prometheus(template: Service, settings: Settings, _: Topology, concrete: Concrete) -> Service:
    service = hardened(template, concrete.images.prometheus, concrete.user)
    service["command"] = [
        "--config.file=/etc/prometheus/prometheus.yml",
        "--storage.tsdb.path=/prometheus",
        f"--storage.tsdb.retention.time={settings.metrics_days}d",
        f"--storage.tsdb.retention.size={settings.metrics_size}B",
        f"--web.external-url=http://{web_address(settings)}:{settings.prometheus_port}/",
    ]
    service["ports"] = [published(settings.web_bind, settings.prometheus_port, PROMETHEUS_PORT)]
    service["volumes"] += [
        mount("./rendered/prometheus", "/etc/prometheus"),
        mount("./data/prometheus", "/prometheus", read_only=False),
    ]
    return service


def _alertmanager(template: Service, settings: Settings, _: Topology, concrete: Concrete) -> Service:
    service = hardened(template, concrete.images.alertmanager, concrete.user)
    service["command"].append(f"--web.external-url=http://{web_address(settings)}:{settings.alertmanager_port}/")
    service["ports"] = [published(settings.web_bind, settings.alertmanager_port, ALERTMANAGER_PORT)]
    service["volumes"] += [
        mount("./rendered/alertmanager", "/etc/alertmanager"),
        mount("./data/alertmanager", "/alertmanager", read_only=False),
    ]
    return service


def _grafana(template: Service, settings: Settings, _: Topology, concrete: Concrete) -> Service:
    service = hardened(template, concrete.images.grafana, concrete.user)
    service["environment"]["PODS_SCRAPE_INTERVAL"] = str(settings.scrape_interval)
    service["ports"] = [published(settings.web_bind, settings.grafana_port, GRAFANA_PORT)]
    service["volumes"] += [
        mount("./rendered/grafana/provisioning", "/etc/grafana/provisioning"),
        mount("./rendered/grafana/dashboards", "/etc/grafana/dashboards"),
        mount("./data/grafana", "/grafana", read_only=False),
    ]
    return service


def _backup(template: Service, settings: Settings, _: Topology, concrete: Concrete) -> Service:
    service = _ours(template, concrete)
    service["volumes"] += [
        mount("./secrets/tls/backup", "/run/tls"),
        mount("./data/backup", "/var/lib/pods", read_only=False),
        mount(BACKUP_STATE, "/run/backup", read_only=False),
        mount("./config/drill", "/etc/drill"),
        mount(DRILL_SOCKET, "/run/sandbox", read_only=False),
    ]
    if "local" in store_names(settings):
        service["volumes"].append(mount(settings.backup_directory or "./data/backups", "/backups", read_only=False))
    if settings.backup_encryption == "on":
        service["secrets"].append("backup_key")
    if settings.s3_ca:
        service["secrets"].append("s3_ca")
    return service


def _sandbox(template: Service, _: Settings, __: Topology, concrete: Concrete) -> Service:
    """A directory of its own and the socket of the backup service; a restore mounts others in their places."""
    service = hardened(template, concrete.images.services, concrete.user)
    del service["networks"]
    service["volumes"] += [mount("./data/sandbox", "/restore", read_only=False), mount(DRILL_SOCKET, "/run/sandbox")]
    return service


def _cadvisor(template: Service, settings: Settings, _: Topology, concrete: Concrete) -> Service:
    return {
        **template,
        "image": concrete.images.cadvisor,
        "pull_policy": "never",
        "ports": [published(settings.web_bind, settings.cadvisor_port, CADVISOR_PORT)],
    }


_MADE: Mapping[str, Callable[[Service, Settings, Topology, Concrete], Service]] = {
    "gate": _gate,
    "exporter": _exporter,
    "health": _health,
    "backup": _backup,
    "sandbox": _sandbox,
    "prometheus": _prometheus,
    "alertmanager": _alertmanager,
    "grafana": _grafana,
    "cadvisor": _cadvisor,
}
