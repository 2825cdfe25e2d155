"""The cluster: which node is what, who is up, and what is wrong."""

from dashboards.model import Row
from dashboards.panels import figure, from_, series, states, word
from dashboards.tables import cells, listing, newest, table

_ROLES = (word(0, "down", "red"), word(1, "primary", "blue"), word(2, "replica", "green"), word(3, "unknown", "orange"))
# Arithmetic on every side drops the metric's name: with it, a node that comes back would be another series.
_ROLE = """(pg_up{cluster="$cluster", instance=~"$instance"} == 1)
  + pg_replication_is_replica{cluster="$cluster", instance=~"$instance"}
or 3 * pg_up{cluster="$cluster", instance=~"$instance"}"""
_ALERTS = 'ALERTS{cluster=~"$cluster|", alertname!~"PodsWatchdog|PodsReport"}'

NODES = Row(
    title="Cluster",
    panels=(
        figure(
            "Nodes",
            "Each node's state now. It is down when PostgreSQL did not answer the exporter.",
            "none",
            series(_ROLE, "{{instance}}"),
            width=9,
            words=_ROLES,
        ),
        figure(
            "Replicas streaming",
            "Replicas that stream from the primary now, and those that the topology asks for.",
            "none",
            series('sum(pods_replication_streaming_replicas{cluster="$cluster"})', "streaming"),
            series('sum(pods_cluster_nodes_expected{cluster="$cluster", role="replica"})', "expected"),
            width=4,
        ),
        figure(
            "Clients",
            "Client sessions on the chosen nodes, PgBouncer's among them.",
            "none",
            series('sum(pods_activity_client_backends{cluster="$cluster", instance=~"$instance"})', "clients"),
            width=3,
            graph=True,
        ),
        figure(
            "Database size",
            "Size of the chosen databases on the primary, indexes included. Looked at once a minute.",
            "bytes",
            series(
                """sum(pg_database_size_bytes{cluster="$cluster", datname=~"$database"}
  and on (cluster, instance) pg_replication_is_replica{cluster="$cluster"} == 0)""",
                "size",
            ),
            width=4,
            graph=True,
        ),
        figure(
            "Alerts firing",
            "Alerts that fire now, PodsWatchdog left out.",
            "none",
            series(f'count({_ALERTS[:-1]}, alertstate="firing"}}) or vector(0)', "firing"),
            width=4,
            limits=(from_(1, "red"),),
        ),
        states(
            "Roles over time",
            "Which node was the primary when, and which were down. A switchover is where two bands change colours.",
            series(_ROLE, "{{instance}}"),
            words=_ROLES,
            width=12,
        ),
        listing(
            "Alerts",
            "Alerts that fire or are about to. What to do about each is on its page under docs/ (runbooks).",
            cells(f"max by (alertname, alertstate, severity, node, instance) ({_ALERTS})"),
            {
                "alertname": "alert",
                "alertstate": "state",
                "severity": "severity",
                "node": "node",
                "instance": "instance",
            },
            width=12,
            empty="no alerts",
        ),
        table(
            "Nodes in detail",
            "What each node is and does. Behind: seconds for which a replica has not caught up; 0 while it keeps up.",
            {"instance": "node", "server_version": "version", "io_method": "io method"},
            {
                "up since": (
                    cells(
                        f"""max by (instance, server_version, io_method) (
  ({newest('pods_node_info{cluster="$cluster", instance=~"$instance"}', "instance")})
  * on (cluster, instance) group_left () pg_postmaster_start_time_seconds{{cluster="$cluster"}}) * 1000"""
                    ),
                    "dateTimeAsIso",
                ),
                "role": (cells(f"max by (instance) ({_ROLE})"), "none"),
                "timeline": (
                    cells('max by (instance) (pods_timeline_id{cluster="$cluster", instance=~"$instance"})'),
                    "none",
                ),
                "behind": (
                    cells(
                        'max by (instance) (pods_replication_lag_seconds{cluster="$cluster", instance=~"$instance"})'
                    ),
                    "s",
                ),
                "restart pending": (
                    cells(
                        'max by (instance) (pods_settings_pending_restart{cluster="$cluster", instance=~"$instance"})'
                    ),
                    "none",
                ),
            },
            words={"role": _ROLES},
        ),
    ),
)
