"""Settings of what watches the cluster: exporter, Prometheus, alerts, Grafana, health."""

from dataclasses import dataclass

from cluster.config.declaration import HEALTH, MONITORING, setting
from cluster.config.server_settings import ServerSettings
from cluster.config.validators import (
    AUTO,
    address,
    address_or_auto,
    names,
    one_of,
    size,
    whole,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringSettings(ServerSettings):
    """Sizes are bytes, durations seconds."""

    monitoring: str = setting(
        "on",
        one_of("on", "off"),
        "Whether exporter, Prometheus, Alertmanager and Grafana run.",
        MONITORING,
    )
    web_bind: str = setting(
        "127.0.0.1",
        address,
        "Address on which Prometheus, Alertmanager, Grafana and exporter listen; health has its own.",
        MONITORING,
    )
    web_tls: str = setting(
        AUTO,
        one_of(AUTO, "on", "off"),
        "Whether these speak TLS, with certificates of the project's CA; auto: where PODS_WEB_BIND is not loopback.",
        MONITORING,
    )
    web_tls_names: tuple[str, ...] = setting(
        "", names, "More host names or addresses by which these are asked, and their certificates good for.", MONITORING
    )
    exporter_port: int = setting("9187", whole(1, 65535), "Host port of the exporter.", MONITORING)
    prometheus_port: int = setting("9090", whole(1, 65535), "Host port of Prometheus.", MONITORING)
    alertmanager_port: int = setting("9093", whole(1, 65535), "Host port of Alertmanager.", MONITORING)
    grafana_port: int = setting("3000", whole(1, 65535), "Host port of Grafana.", MONITORING)
    grafana: str = setting(
        AUTO,
        one_of(AUTO, "on", "off"),
        "Whether Grafana runs; auto: where the other images come from a registry.",
        MONITORING,
    )
    container_metrics: str = setting(
        "on",
        one_of("on", "off"),
        "Whether the gate runs, which reads containers through the engine's socket, and has no network.",
        MONITORING,
    )
    scrape_interval: int = setting("10", whole(3, 300), "Seconds between two looks of Prometheus.", MONITORING)
    metrics_databases: int = setting(
        "100",
        whole(1, 200),
        "Databases with metrics of their own: declared ones, then the largest; the others are summed up as `other`.",
        MONITORING,
    )
    report: str = setting(
        "off",
        one_of("off", "weekly"),
        "Whether a report comes the way alerts do, Mondays at 07:00 UTC: restores, backups, growth, disks, updates.",
        MONITORING,
    )
    metrics_days: int = setting("15", whole(1, 3650), "Days that Prometheus keeps metrics.", MONITORING)
    metrics_size: int = setting("5GB", size("64MB"), "Disk that Prometheus may use for metrics.", MONITORING)
    health: str = setting("on", one_of("on", "off"), "Whether the health service runs.", HEALTH)
    health_bind: str | None = setting(
        AUTO,
        address_or_auto,
        "Address on which the health service listens; auto: PODS_WEB_BIND if that is loopback, else it must be said.",
        HEALTH,
    )
    health_port: int = setting("8080", whole(1, 65535), "Host port of the health service and its page.", HEALTH)
    health_auth: str = setting(
        "off",
        one_of("on", "off"),
        "Whether health page and checks ask for what is in secrets/health_password; dashboards and insight always do.",
        HEALTH,
    )
    health_tls: str = setting(
        "off",
        one_of("on", "off"),
        "Whether the health service speaks TLS, with a certificate of the project's CA.",
        HEALTH,
    )
    health_tls_names: tuple[str, ...] = setting(
        "", names, "More host names or addresses by which it is asked, and its certificate good for.", HEALTH
    )
    health_lag: int = setting(
        "64MB", size("1MB"), "A replica that is further behind than this is a reason to say degraded.", HEALTH
    )
    health_silence: int = setting(
        "30", whole(20, 3600), "Seconds without a word from the primary after which a replica is degraded.", HEALTH
    )
    health_wait: int = setting(
        "5", whole(1, 3600), "Seconds a client may wait for a connection before its pool is degraded.", HEALTH
    )
