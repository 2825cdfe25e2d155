"""Replication at a glance: how far behind, and what that costs."""

from dashboards.model import Row
from dashboards.panels import lines, series, warn_at

# A replica whose link is cut is in nobody's pg_stat_replication: then the distance of the two nodes' own positions.
_LAG = """max by (standby) (pods_replication_replay_lag_bytes{cluster="$cluster", standby=~"$instance"})
or max by (standby) (label_replace(
  clamp_min(
    max by (cluster) (pods_wal_position_bytes{cluster="$cluster"})
    - on (cluster) group_right () pods_wal_replayed_bytes{cluster="$cluster", instance=~"$instance"},
    0),
  "standby", "$1", "instance", "(.+)"))"""

REPLICATION = Row(
    title="Replication",
    panels=(
        lines(
            "Lag in bytes",
            "WAL that the primary has written and a replica has not replayed. Known while the link is cut, too: "
            "then it is the distance of the two nodes' own positions.",
            "bytes",
            series(_LAG, "{{standby}}"),
            limits=warn_at(50e6, 1e9),
        ),
        lines(
            "Lag in time",
            "0 only while a replica streams and has replayed all it received; while the link is cut, how long it has "
            "heard nothing. An idle primary makes no lag.",
            "s",
            series(
                """pods_replication_lag_seconds{cluster="$cluster", instance=~"$instance"}
  and on (cluster, instance) pg_replication_is_replica{cluster="$cluster"} == 1""",
                "{{instance}}",
            ),
            limits=warn_at(30, 300),
        ),
        lines(
            "WAL kept by slots",
            "WAL that each replication slot holds back. It grows while a replica is away, up to PODS_WAL_BUDGET; "
            "beyond that the slot is lost and the replica must be copied anew.",
            "bytes",
            series('pods_slot_retained_wal_bytes{cluster="$cluster"}', "{{slot_name}} on {{instance}}"),
        ),
    ),
)
