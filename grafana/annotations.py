"""Marks on every time axis. ``$__rate_interval`` reaches a scrape further back than the step: none is missed."""

from grafana.model import Annotation

ROLES = Annotation(
    name="Role changes",
    expr='changes(pg_replication_is_replica{cluster="$cluster"}[$__rate_interval]) > 0',
    title="{{instance}} changed its role",
    colour="purple",
)
RESTARTS = Annotation(
    name="Restarts",
    expr='changes(pg_postmaster_start_time_seconds{cluster="$cluster"}[$__rate_interval]) > 0',
    title="{{instance}} was restarted",
    colour="orange",
)
MEMBERS = Annotation(
    name="Replicas added or removed",
    expr='changes(pods_cluster_nodes_expected{cluster="$cluster", role="replica"}[$__rate_interval]) > 0',
    title="the number of replicas changed",
    colour="blue",
)
BACKUPS = Annotation(
    name="Backups",
    expr='changes(pods_backup_last_success_timestamp_seconds{cluster="$cluster"}[$__rate_interval]) > 0',
    title="a backup ended well",
    colour="green",
)

ALL = (ROLES, RESTARTS, MEMBERS, BACKUPS)
