"""The services beside nodes and PgBouncer that settings ask for, and the stores that backups go to. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

from cluster.config.settings import Settings

SUPERVISOR = "supervisor"
"""The service that makes another node the primary by itself."""
GUIDE = "guide"
"""The service beside a PgBouncer whose pools follow the primary."""
LISTENING: Mapping[str, int] = MappingProxyType(
    {"prometheus": 9090, "alertmanager": 9093, "grafana": 3000, "exporter": 9187, "health": 8080}
)
"""The port on which each service with a page listens in its container."""


def optional_services(settings: Settings, image_source: str, engine: str = "local") -> tuple[str, ...]:
    """Services beside nodes and PgBouncer that shall run, in the order in which they are started.

    Where another ``engine`` decides who is the primary, the supervisor has nothing to decide.
    """
    watching = settings.monitoring == "on"
    grafana = settings.grafana == "on" or (settings.grafana == "auto" and image_source == "registry")
    wanted = {
        "gate": watching and settings.container_metrics == "on",
        "exporter": watching,
        "health": settings.health == "on",
        "backup": settings.backup == "on",
        "sandbox": settings.backup == "on",
        "prometheus": watching,
        "alertmanager": watching,
        "grafana": watching and grafana,
        SUPERVISOR: settings.failover == "auto" and engine == "local",
    }
    return tuple(name for name, runs in wanted.items() if runs)


def beside(settings: Settings, image_source: str, engine: str) -> tuple[str, ...]:
    """The same, with the guide where ``engine`` is Patroni: PgBouncer's pools follow whom that makes the primary."""
    return (*((GUIDE,) if engine == "patroni" else ()), *optional_services(settings, image_source, engine))


def store_names(settings: Settings) -> tuple[str, ...]:
    """Which backup stores settings ask for; what is restored comes from the first."""
    if settings.backup_stores == "auto":
        return ("s3",) if settings.s3_bucket else ("local",)
    return tuple(settings.backup_stores.split(","))
