"""Containers in detail: state, CPU, memory, network, block I/O, and the file systems of the data."""

from dashboards import annotations
from dashboards.model import Dashboard, Row
from dashboards.panels import bars, figure, from_, lines, series, states, warn_at, word
from dashboards.variables import CLUSTER, SERVICE

_NAME = "container_label_com_docker_compose_service"
_LEGEND = f"{{{{{_NAME}}}}}"
_THESE = f'cluster="$cluster", {_NAME}=~"$service"'


def _sum(metric: str) -> str:
    return f"sum by ({_NAME}) ({metric}{{{_THESE}}})"


def _rate(metric: str) -> str:
    return f"sum by ({_NAME}) (rate({metric}{{{_THESE}}}[$__rate_interval]))"


_STATE = Row(
    title="State",
    panels=(
        states(
            "Running",
            "Whether each container runs. Stopped ones are shown too, as long as they exist.",
            series('max by (name) (pods_container_state{cluster="$cluster", state="running"})', "{{name}}"),
            words=(word(0, "stopped", "red"), word(1, "running", "green")),
            width=12,
            height=8,
        ),
        figure(
            "Unhealthy",
            "Containers whose own health check fails.",
            "none",
            series('sum(pods_container_state{cluster="$cluster", state="unhealthy"})', "unhealthy"),
            height=8,
            limits=(from_(1, "red"),),
        ),
        figure(
            "Restarts",
            "Times the engine started a container again after it ended, over the chosen time.",
            "none",
            series('sum(increase(pods_container_restarts_total{cluster="$cluster"}[$__range]))', "restarts"),
            height=8,
            limits=warn_at(1, 3),
            decimals=0,
        ),
        figure(
            "Out of memory",
            "Containers whose last end was for want of memory.",
            "none",
            series('sum(pods_container_oom_killed{cluster="$cluster"})', "killed"),
            height=8,
            limits=(from_(1, "red"),),
        ),
    ),
)

_CPU = Row(
    title="CPU",
    panels=(
        lines(
            "CPU",
            "Cores that each container keeps busy.",
            "none",
            series(_rate("container_cpu_usage_seconds_total"), _LEGEND),
            stacked=True,
            decimals=3,
        ),
        lines(
            "In the kernel",
            "Of these, cores kept busy in the kernel: I/O, network, memory.",
            "none",
            series(_rate("container_cpu_system_seconds_total"), _LEGEND),
            decimals=3,
        ),
        lines(
            "Held back",
            "Share of scheduling periods in which a container was held back at its CPU quota, if it has one.",
            "percentunit",
            series(
                f"""{_rate("container_cpu_cfs_throttled_periods_total")}
/ ({_rate("container_cpu_cfs_periods_total")} > 0)""",
                _LEGEND,
            ),
            limits=(from_(0.25, "orange"),),
            most=1,
            empty="no container has a CPU limit",
        ),
    ),
)

_MEMORY = Row(
    title="Memory",
    panels=(
        lines(
            "Working set",
            "Memory in use without the page cache that could go. Shared buffers are in it.",
            "bytes",
            series(_sum("container_memory_working_set_bytes"), _LEGEND),
            stacked=True,
        ),
        lines(
            "Anonymous memory",
            "Memory that belongs to processes alone: what grows when queries or an exporter leak.",
            "bytes",
            series(_sum("container_memory_rss"), _LEGEND),
        ),
        bars(
            "Of the limit",
            "Working set as a share of the container's memory limit. Only for those that have one.",
            "percentunit",
            series(
                f"""{_sum("container_memory_working_set_bytes")}
/ ({_sum("container_spec_memory_limit_bytes")} > 0)""",
                _LEGEND,
            ),
            limits=warn_at(0.8, 0.9),
            most=1,
            empty="no container has a limit",
        ),
    ),
)

_TRAFFIC = Row(
    title="Network and block I/O",
    panels=(
        lines(
            "Received",
            "Bytes per second that each container receives.",
            "Bps",
            series(
                f"""sum by (name) (rate(container_network_receive_bytes_total{{cluster="$cluster"}}[$__rate_interval])
  and on (cluster, name) container_start_time_seconds{{{_THESE}}})""",
                "{{name}}",
            ),
            width=6,
        ),
        lines(
            "Sent",
            "Bytes per second that each container sends.",
            "Bps",
            series(
                f"""sum by (name) (rate(container_network_transmit_bytes_total{{cluster="$cluster"}}[$__rate_interval])
  and on (cluster, name) container_start_time_seconds{{{_THESE}}})""",
                "{{name}}",
            ),
            width=6,
        ),
        lines(
            "Read from disk",
            "Bytes per second read from block devices: what the page cache did not have.",
            "Bps",
            series(_rate("container_fs_reads_bytes_total"), _LEGEND),
            width=6,
        ),
        lines(
            "Written to disk",
            "Bytes per second written to block devices.",
            "Bps",
            series(_rate("container_fs_writes_bytes_total"), _LEGEND),
            width=6,
        ),
    ),
)

_DISKS = Row(
    title="File systems of the data",
    panels=(
        lines(
            "Free",
            "Bytes free below each directory of data/. Several directories usually share one file system.",
            "bytes",
            series('pods_filesystem_avail_bytes{cluster="$cluster"}', "{{mount}}"),
        ),
        bars(
            "Used",
            "Share of the file system that is used. An alert fires from 85 %.",
            "percentunit",
            series(
                '1 - pods_filesystem_avail_bytes{cluster="$cluster"} / pods_filesystem_size_bytes{cluster="$cluster"}',
                "{{mount}}",
            ),
            limits=warn_at(0.85, 0.95),
            most=1,
        ),
        lines(
            "In a day",
            "What will be free in a day if the last six hours go on; no more than there is.",
            "bytes",
            series(
                """clamp_min(predict_linear(pods_filesystem_avail_bytes{cluster="$cluster"}[6h], 24 * 3600), 0)
  < pods_filesystem_size_bytes{cluster="$cluster"}
or pods_filesystem_size_bytes{cluster="$cluster"} + 0""",
                "{{mount}}",
            ),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="pods-containers",
    title="PODS / Containers",
    description="Containers in detail: state, CPU, memory, network, block I/O, and the file systems of the data.",
    variables=(CLUSTER, SERVICE),
    annotations=annotations.ALL,
    rows=(_STATE, _CPU, _MEMORY, _TRAFFIC, _DISKS),
)
