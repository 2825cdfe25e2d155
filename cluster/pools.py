"""The pools that settings and topology ask for, and how many replicas commits wait for."""

from cluster.config.env_file import Settings
from cluster.naming import read_pool_of, shared_read_pool, write_pools
from cluster.topology import Topology


def pools(settings: Settings, topology: Topology) -> dict[str, tuple[str, ...]]:
    """Every pool and the nodes it leads to. With no replica to read from, reads go to the primary.

    A replica that catches up or is on its way out has its own pool and no part in the shared one.
    """
    shared = topology.in_state("member")
    own = topology.in_state("member", "catching_up", "leaving")
    return {
        **dict.fromkeys(write_pools(settings.database), (topology.primary,)),
        shared_read_pool(settings.database): shared or (topology.primary,),
        **{read_pool_of(name, settings.database): (name,) for name in own},
    }


def synchronous_count(settings: Settings) -> int:
    """How many replicas a commit waits for."""
    return 0 if settings.sync == "off" else int(settings.sync.split(":")[1])


def optional_services(settings: Settings, image_source: str) -> tuple[str, ...]:
    """Services beside nodes and PgBouncer that shall run, in the order in which they are started."""
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
    }
    return tuple(name for name, runs in wanted.items() if runs)


def store_names(settings: Settings) -> tuple[str, ...]:
    """Which backup stores settings ask for; what is restored comes from the first."""
    if settings.backup_stores == "auto":
        return ("s3",) if settings.s3_bucket else ("local",)
    return tuple(settings.backup_stores.split(","))
