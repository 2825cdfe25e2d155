"""Marks on every time axis. Where the metric is itself a time, that is where the mark stands, whatever the zoom."""

from dashboards.model import Annotation

# A node is away while it changes its role: compared is what it last was, up to an hour ago.
ROLES = Annotation(
    name="Role changes",
    expr="""pg_replication_is_replica{cluster="$cluster"}
!= last_over_time(pg_replication_is_replica{cluster="$cluster"}[1h] offset $__rate_interval)""",
    title="{{instance}} changed its role",
    colour="purple",
)
PRIMARY = Annotation(
    name="Another primary",
    expr='pods_primary_change_timestamp_seconds{cluster="$cluster"} * 1000',
    title="{{node}} became the primary ({{event}}; before: {{before}})",
    colour="dark-purple",
    dated=True,
)
RESTARTS = Annotation(
    name="Restarts",
    expr='pg_postmaster_start_time_seconds{cluster="$cluster"} * 1000',
    title="{{instance}} was started",
    colour="orange",
    dated=True,
)
MEMBERS = Annotation(
    name="Replicas added or removed",
    expr='changes(pods_cluster_nodes_expected{cluster="$cluster", role="replica"}[$__rate_interval]) > 0',
    title="the number of replicas changed",
    colour="blue",
)
BACKUPS = Annotation(
    name="Backups",
    expr='pods_backup_last_success_timestamp_seconds{cluster="$cluster"} * 1000',
    title="a backup ended well",
    colour="green",
    dated=True,
)

ALL = (PRIMARY, ROLES, RESTARTS, MEMBERS, BACKUPS)
