"""Who watches the watchers: scrapes, the exporter's own cost, Prometheus and Alertmanager."""

from dashboards import annotations
from dashboards.model import Dashboard, Query, Row
from dashboards.panels import figure, from_, lines, series, states, warn_at, word
from dashboards.variables import CLUSTER, INSTANCE

_THESE = 'cluster="$cluster", instance=~"$instance"'
_UP = (word(0, "down", "red"), word(1, "up", "green"))


def _failures(counter: str, what: str) -> Query:
    return series(f'sum(rate({counter}{{cluster="$cluster"}}[$__rate_interval]))', what)


_CAUSES = ("starting", "refused", "full", "auth", "rejected", "no_database", "certificate", "timeout", "unreachable")
_CAUSE = " + ".join(
    f'{number} * max by (instance) (pods_node_state{{{_THESE}, state="{cause}"}})'
    for number, cause in enumerate(_CAUSES, start=1)
)

_SCRAPES = Row(
    title="Scrapes",
    panels=(
        states(
            "Targets",
            "Whether Prometheus reached each target. For a node that is down the exporter answers all the same.",
            series('max by (job, instance) (up{cluster="$cluster"})', "{{job}} {{instance}}"),
            words=_UP,
            height=8,
        ),
        states(
            "State of nodes",
            "Whether each node answers, and if not, why: starting, connection refused, full (no connection left), "
            "password refused, rejected by pg_hba.conf, no such database, wrong certificate, no answer in time, "
            "unreachable.",
            series(_CAUSE, "{{instance}}"),
            words=(word(0, "up", "green"), *(word(n, cause, "red") for n, cause in enumerate(_CAUSES, start=1))),
            height=8,
        ),
        lines(
            "Time of a scrape",
            "How long Prometheus waits for a node's metrics.",
            "s",
            series(f'scrape_duration_seconds{{job="pods-nodes", {_THESE}}}', "{{instance}}"),
            width=6,
            limits=warn_at(1, 3),
        ),
        lines(
            "Samples of a node",
            "Samples in each node's answer; grows with databases, sessions' programs, slots. At 20000 Prometheus drops "
            "the whole answer.",
            "none",
            series(f"pods_scrape_samples{{{_THESE}}}", "{{instance}}"),
            width=6,
            limits=warn_at(16000, 20000),
        ),
        lines(
            "Without series of their own",
            "How many databases, sessions, slots and so on are part of `other`, or left out, so that no number of them "
            "blinds Prometheus. PODS_METRICS_DATABASES says how many databases are shown.",
            "none",
            series('max by (what) (pods_scrape_not_shown{cluster="$cluster"}) > 0', "{{what}}"),
            width=6,
            empty="all have their own",
        ),
        lines(
            "Time of a collector",
            "How long each part of a look takes, on the slowest node.",
            "s",
            series(f"max by (collector) (pg_scrape_collector_duration_seconds{{{_THESE}}})", "{{collector}}"),
            width=6,
        ),
        states(
            "Collectors",
            "Whether each collector could read all it wanted, on all chosen nodes.",
            series(f"min by (collector) (pg_scrape_collector_success{{{_THESE}}})", "{{collector}}"),
            words=(word(0, "failed", "red"), word(1, "well", "green")),
            width=24,
            height=8,
        ),
    ),
)

_EXPORTER = Row(
    title="The exporter",
    panels=(
        figure(
            "Container metrics",
            "Whether the gate, the one reader of the Docker socket, answers.",
            "none",
            series('pods_gate_up{cluster="$cluster"}', "gate"),
            height=8,
            words=_UP,
        ),
        figure(
            "Version",
            "The version of PODS that the exporter was built from.",
            "none",
            series('pods_build_info{cluster="$cluster"}', "{{version}}"),
            height=8,
            named=True,
        ),
        lines(
            "CPU",
            "Cores that the exporter keeps busy.",
            "none",
            series(
                'rate(process_cpu_seconds_total{job="pods-stack", cluster="$cluster"}[$__rate_interval])', "exporter"
            ),
        ),
        lines(
            "Memory",
            "Resident memory of the exporter. It should stay level for months.",
            "bytes",
            series('process_resident_memory_bytes{job="pods-stack", cluster="$cluster"}', "exporter"),
        ),
    ),
)

_PROMETHEUS = Row(
    title="Prometheus and Alertmanager",
    panels=(
        lines(
            "Series",
            "Series that Prometheus holds in memory.",
            "short",
            series('prometheus_tsdb_head_series{cluster="$cluster"}', "series"),
            width=6,
        ),
        lines(
            "On disk",
            "Bytes of blocks and of the write-ahead log. PODS_METRICS_DAYS and PODS_METRICS_SIZE bound them.",
            "bytes",
            series('prometheus_tsdb_storage_blocks_bytes{cluster="$cluster"}', "blocks"),
            series('prometheus_tsdb_wal_storage_size_bytes{cluster="$cluster"}', "write-ahead log"),
            width=6,
        ),
        lines(
            "Memory",
            "Resident memory of Prometheus and Alertmanager.",
            "bytes",
            series('process_resident_memory_bytes{cluster="$cluster", job=~"prometheus|alertmanager"}', "{{job}}"),
            width=6,
        ),
        lines(
            "Things that went wrong",
            "Per second: service discovery that failed, samples dropped as duplicates, rules that failed, alerts "
            "that no Alertmanager took.",
            "ops",
            _failures("prometheus_sd_http_failures_total", "service discovery"),
            _failures("prometheus_target_scrapes_sample_duplicate_timestamp_total", "duplicates"),
            _failures("prometheus_rule_evaluation_failures_total", "rules"),
            _failures("prometheus_notifications_dropped_total", "alerts"),
            width=6,
            limits=(from_(0.000001, "red"),),
        ),
        lines(
            "Alerts",
            "Alerts that fire, by severity; PodsWatchdog, which always does, is left out.",
            "none",
            *(
                series(
                    f'count(ALERTS{{cluster=~"$cluster|", alertstate="firing", severity="{severity}",'
                    ' alertname!~"PodsWatchdog|PodsReport"}) or vector(0)',
                    severity,
                )
                for severity in ("critical", "warning", "info")
            ),
            width=12,
        ),
        lines(
            "Alerts known to Alertmanager",
            "Alerts in Alertmanager, by state; suppressed ones are silenced or inhibited.",
            "none",
            series('sum by (state) (alertmanager_alerts{cluster="$cluster"})', "{{state}}"),
            width=12,
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="pods-monitoring",
    title="PODS / Monitoring",
    description="Who watches the watchers: scrapes, the exporter's own cost, Prometheus and Alertmanager.",
    variables=(CLUSTER, INSTANCE),
    annotations=annotations.ALL,
    rows=(_SCRAPES, _EXPORTER, _PROMETHEUS),
)
