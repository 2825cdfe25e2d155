"""Replication in detail: each stage of the way from the primary to a replica, slots that keep its WAL, and hosts."""

from dashboards import annotations
from dashboards.model import Dashboard, Row
from dashboards.panels import bars, figure, from_, lines, series, states, warn_at, word
from dashboards.rows.hosts import HOSTS
from dashboards.tables import cells, newest, table
from dashboards.variables import CLUSTER, INSTANCE

_YES_NO = (word(0, "no", "red"), word(1, "yes", "green"))
_STAGES = ("sent", "write", "flush", "replay")

_NOW = Row(
    title="Now",
    panels=(
        figure(
            "Receiving",
            "Whether each replica's walreceiver streams.",
            "none",
            series('pods_replication_receiver_up{cluster="$cluster", instance=~"$instance"}', "{{instance}}"),
            width=8,
            words=_YES_NO,
        ),
        figure(
            "Replay paused",
            "Whether somebody paused replay on a replica (pg_wal_replay_pause). It falls behind until that is resumed.",
            "none",
            series('pods_replication_replay_paused{cluster="$cluster", instance=~"$instance"}', "{{instance}}"),
            width=8,
            words=(word(0, "no", "green"), word(1, "paused", "orange")),
        ),
        figure(
            "Timeline",
            "The history each node is on. All must agree; a promotion begins a new one.",
            "none",
            series('pods_timeline_id{cluster="$cluster", instance=~"$instance"}', "{{instance}}"),
            width=8,
        ),
        table(
            "Who streams",
            "Standbys as their primary sees them. Bytes are WAL not yet sent, written, synced to disk, replayed.",
            {"standby": "standby", "sync_state": "sync", "slot_name": "slot"},
            {
                "not sent": (
                    cells(
                        f"""max by (standby, sync_state, slot_name) (
  {newest('pods_replication_sent_lag_bytes{cluster="$cluster", standby=~"$instance"}', "standby")})"""
                    ),
                    "bytes",
                ),
                **{
                    heading: (
                        cells(
                            f'max by (standby) (pods_replication_{stage}_lag_bytes{{cluster="$cluster",'
                            ' standby=~"$instance"})'
                        ),
                        "bytes",
                    )
                    for heading, stage in (
                        ("not written", "write"),
                        ("not on disk", "flush"),
                        ("not replayed", "replay"),
                    )
                },
                "replay lag": (
                    cells(
                        """max by (standby) (
  pods_replication_replay_lag_seconds{cluster="$cluster", standby=~"$instance"})"""
                    ),
                    "s",
                ),
            },
        ),
    ),
)

_DELAY_ROW = Row(
    title="The way to a replica",
    panels=(
        *(
            lines(
                title,
                description,
                "bytes",
                series(
                    f"""max by (standby) (
  pods_replication_{stage}_lag_bytes{{cluster="$cluster", standby=~"$instance"}})""",
                    "{{standby}}",
                ),
                width=6,
            )
            for stage, title, description in zip(
                _STAGES,
                ("Not yet sent", "Not yet written", "Not yet on disk", "Not yet replayed"),
                (
                    "WAL that the primary has not sent: its walsender or the network is slow.",
                    "WAL that the replica has not written to its file.",
                    "WAL that the replica has not synced: what a crash of both would lose.",
                    "WAL that the replica does not show to readers yet: replay is slow or held up by a query.",
                ),
                strict=True,
            )
        ),
        lines(
            "Time to be shown",
            "How long a commit takes to be written, synced and replayed on each replica, as the primary measures it.",
            "s",
            *(
                series(
                    f'max by (standby) (pods_replication_{stage}_lag_seconds{{cluster="$cluster",'
                    ' standby=~"$instance"})',
                    f"{{{{standby}}}} {stage}",
                )
                for stage in _STAGES[1:]
            ),
        ),
        lines(
            "Silence",
            "Seconds since a replica last heard from its upstream. Some 10 s are usual while nothing happens.",
            "s",
            series(
                """time() - pods_replication_receiver_last_message_timestamp_seconds{
  cluster="$cluster", instance=~"$instance"}""",
                "{{instance}}",
            ),
            limits=warn_at(30, 60),
        ),
        lines(
            "Queries cancelled",
            "Queries per second that recovery cancelled on replicas because it needed what they used.",
            "ops",
            series(
                """sum by (instance) (rate(
  pg_stat_database_conflicts{cluster="$cluster", instance=~"$instance"}[$__rate_interval]))""",
                "{{instance}}",
            ),
        ),
    ),
)

_SLOTS = Row(
    title="Slots",
    panels=(
        lines(
            "WAL kept",
            "WAL that each slot holds back for its replica.",
            "bytes",
            series('pods_slot_retained_wal_bytes{cluster="$cluster"}', "{{slot_name}} on {{instance}}"),
        ),
        bars(
            "WAL budget spent",
            "WAL kept, of what max_slot_wal_keep_size (PODS_WAL_BUDGET) allows. At 100 % the slot is lost.",
            "percentunit",
            series(
                """pods_slot_retained_wal_bytes{cluster="$cluster"}
/ on (cluster, instance) group_left () (pg_settings_max_slot_wal_keep_size_bytes{cluster="$cluster"} > 0)""",
                "{{slot_name}} on {{instance}}",
            ),
            limits=warn_at(0.5, 0.8),
            most=1,
            empty="no slots, or no budget",
        ),
        lines(
            "Left before a slot is lost",
            "WAL that may still be written before the slot is lost. Not there while slots have no limit.",
            "bytes",
            series('pg_replication_slots_safe_wal_size_bytes{cluster="$cluster"}', "{{slot_name}} on {{instance}}"),
        ),
        states(
            "Slot in use",
            "Whether a slot was used in the last minute. One that nobody uses keeps WAL for a replica that is away. "
            "The archive's slots on replicas are moved every few seconds, which is use too.",
            series(
                'max by (slot_name, instance) (pods_slot_inactive_seconds{cluster="$cluster"} < bool 60)',
                "{{slot_name}} on {{instance}}",
            ),
            words=(word(0, "unused", "orange"), word(1, "in use", "green")),
            width=8,
            height=8,
        ),
        lines(
            "Unused for",
            "Seconds for which nobody has used the slot; 0 while somebody does.",
            "s",
            series('pods_slot_inactive_seconds{cluster="$cluster"}', "{{slot_name}} on {{instance}}"),
            limits=(from_(600, "orange"),),
        ),
        states(
            "Slot lost",
            "Lost slots keep nothing any more: their replica must be copied anew (`inv replica.reclone`, or `inv up`).",
            series(
                'max by (slot_name, instance) (pods_slot_invalidated{cluster="$cluster"})',
                "{{slot_name}} on {{instance}}",
            ),
            words=(word(0, "kept", "green"), word(1, "lost", "red")),
            width=8,
            height=8,
        ),
    ),
)

_WAL = Row(
    title="WAL",
    panels=(
        lines(
            "WAL written",
            "Bytes of WAL per second that each node writes. Replicas write none of their own.",
            "Bps",
            series(
                'rate(pods_wal_bytes_total{cluster="$cluster", instance=~"$instance"}[$__rate_interval])',
                "{{instance}}",
            ),
        ),
        lines(
            "WAL received",
            "Bytes of WAL per second that each replica receives.",
            "Bps",
            series(
                'rate(pods_wal_received_bytes{cluster="$cluster", instance=~"$instance"}[$__rate_interval])',
                "{{instance}}",
            ),
        ),
        lines(
            "Size of pg_wal",
            "Bytes in each node's pg_wal, counted twice a minute.",
            "bytes",
            series('pg_wal_size_bytes{cluster="$cluster", instance=~"$instance"}', "{{instance}}"),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="pods-replication",
    title="PODS / Replication",
    description="Every stage of the way from the primary to its replicas, and the slots that keep their WAL.",
    variables=(CLUSTER, INSTANCE),
    annotations=annotations.ALL,
    rows=(_NOW, _DELAY_ROW, _SLOTS, _WAL, HOSTS),
)
