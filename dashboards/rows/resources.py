"""What containers use, one by one and in all."""

from dashboards.model import Row
from dashboards.panels import bars, figure, fine_from, lines, series

_NAME = "container_label_com_docker_compose_service"

CPU = Row(
    title="Container CPU",
    panels=(
        lines(
            "CPU over time",
            "CPU time that each container spends, in cores: 1 is one core kept busy.",
            "none",
            series(
                f'sum by ({_NAME}) (rate(container_cpu_usage_seconds_total{{cluster="$cluster"}}[$__rate_interval]))',
                f"{{{{{_NAME}}}}}",
            ),
            width=16,
            decimals=3,
        ),
        bars(
            "CPU now",
            "The same, now.",
            "none",
            series(
                f'sum by ({_NAME}) (rate(container_cpu_usage_seconds_total{{cluster="$cluster"}}[$__rate_interval]))',
                f"{{{{{_NAME}}}}}",
            ),
            decimals=3,
        ),
    ),
)

MEMORY = Row(
    title="Container memory",
    panels=(
        lines(
            "Memory over time",
            "Each container's working set: memory without the page cache that could go. Shared buffers are in it.",
            "bytes",
            series(f'sum by ({_NAME}) (container_memory_working_set_bytes{{cluster="$cluster"}})', f"{{{{{_NAME}}}}}"),
            width=16,
        ),
        bars(
            "Memory now",
            "The same, now.",
            "bytes",
            series(f'sum by ({_NAME}) (container_memory_working_set_bytes{{cluster="$cluster"}})', f"{{{{{_NAME}}}}}"),
        ),
    ),
)


def _of_nodes(expr: str) -> str:
    """Of containers only those that are nodes: whose service has the name of a node that is scraped."""
    return f"""sum(label_replace({expr}, "instance", "$1", "{_NAME}", "(.+)")
  and on (cluster, instance) pg_up{{cluster="$cluster"}})"""


_CPU_RATE = 'rate(container_cpu_usage_seconds_total{cluster="$cluster"}[$__rate_interval])'
_WORKING_SET = 'container_memory_working_set_bytes{cluster="$cluster"}'

SUMMARY = Row(
    title="Resource summary",
    panels=(
        figure(
            "CPU of PostgreSQL",
            "Cores that all nodes together keep busy.",
            "none",
            series(_of_nodes(_CPU_RATE), "cores"),
            width=3,
            decimals=2,
            graph=True,
        ),
        figure(
            "CPU of the stack",
            "Cores that all containers of the cluster together keep busy.",
            "none",
            series(f"sum({_CPU_RATE})", "cores"),
            width=3,
            decimals=2,
            graph=True,
        ),
        figure(
            "Memory of PostgreSQL",
            "Working sets of all nodes together.",
            "bytes",
            series(_of_nodes(_WORKING_SET), "memory"),
            graph=True,
        ),
        figure(
            "Memory of the stack",
            "Working sets of all containers of the cluster together.",
            "bytes",
            series(f"sum({_WORKING_SET})", "memory"),
            graph=True,
        ),
        figure(
            "Cores of the host",
            "CPU cores of the host that all of it runs on.",
            "none",
            series('max(machine_cpu_cores{cluster="$cluster"})', "cores"),
            width=3,
        ),
        figure(
            "Memory of the host",
            "Memory of the host that all of it runs on.",
            "bytes",
            series('max(machine_memory_bytes{cluster="$cluster"})', "memory"),
            width=3,
        ),
        figure(
            "Disk free",
            "The fullest of the file systems below data/: the share that is free. Below 15 % an alert fires.",
            "percentunit",
            series(
                """min(pods_filesystem_avail_bytes{cluster="$cluster"}
  / pods_filesystem_size_bytes{cluster="$cluster"})""",
                "free",
            ),
            base="red",
            limits=fine_from(0.05, 0.15),
        ),
    ),
)
