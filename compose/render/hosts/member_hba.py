"""pg_hba.conf of a node whose role Patroni decides. Pure.

Nodes, poolers and services are on several hosts. What leaves a host's bridge has the host's address, so each cluster
address stands for everything on that host: it is the password that says who comes. A superuser comes from nowhere.
"""

from collections.abc import Iterable, Iterator

from cluster.config.settings import Settings
from compose.render.postgresql_conf import ARCHIVED, CLUSTER_ROLES, HbaRow, application_rows, hba_text

INSIDE = "samenet"
"""This host's own bridge: its pooler, and whatever comes to its published port from this very host."""


def member_hba(settings: Settings, addresses: Iterable[str]) -> str:
    """The text; ``addresses`` are those of all hosts of the cluster, and of the control machine."""
    networks = tuple(dict.fromkeys((INSIDE, *(f"{address}/32" for address in addresses))))
    return hba_text(
        (
            ("local", "all", "postgres", "", "peer", "Patroni, which runs as the server does"),
            ("local", "all", "monitor", "", "scram-sha-256", "the node's own health check"),
            *_services(settings, networks),
            ("host", "all", CLUSTER_ROLES, "all", "reject", "the cluster's roles from nowhere else"),
            *application_rows(settings, dict.fromkeys((*networks, *settings.clients))),
        )
    )


def _services(settings: Settings, networks: Iterable[str]) -> Iterator[HbaRow]:
    databases = ",".join(each.name for each in settings.declared.databases)
    for net in networks:
        yield "hostssl", "replication", "replicator", net, "scram-sha-256", "replicas and clones"
        # Patroni asks for the timeline, and checks where a former leader's data parts from this
        yield "hostssl", "postgres", "replicator,rewinder", net, "scram-sha-256", "Patroni and pg_rewind"
        yield "hostssl", ARCHIVED, "archiver", net, "scram-sha-256", "backups and the WAL archive"
        yield "hostssl", f"postgres,{databases}", "monitor", net, "scram-sha-256", "status and metrics"
        yield "hostssl", "postgres", "pooler", net, "scram-sha-256", "PgBouncer's auth_query"
