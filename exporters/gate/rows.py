"""Docker's statistics of a container, as rows whose columns are cAdvisor's metric names. Pure.

The same on cgroup v1 and v2: the engine passes the kernel's own names through, and they differ. Sources: Docker Engine
API (`ContainerStats`), cAdvisor's container/libcontainer/handler.go for what each metric means.
"""

from typing import Any

from exporters.gate.engine_types import Inspected, Stats

Row = dict[str, Any]
STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
_NANO = 1e9
_PERIOD = 100_000


def container_row(inspected: Inspected, stats: Stats | None) -> Row:
    """One container: its labels, its state, and what it uses while it runs (``stats`` None: it does not)."""
    state, limits = inspected["State"], inspected["HostConfig"]
    row = {
        **labels_of(inspected),
        "spec_memory_limit_bytes": limits.get("Memory") or 0,
        "restarts_total": inspected.get("RestartCount", 0),
        "oom_killed": int(state.get("OOMKilled", False)),
        "exit_code": state.get("ExitCode", 0),
        "start_time_seconds": state.get("StartedAt", ""),
    }
    if nano := limits.get("NanoCpus"):
        row |= {"spec_cpu_quota": nano / _NANO * _PERIOD, "spec_cpu_period": _PERIOD}
    return row if stats is None else row | _cpu(stats) | _memory(stats) | _disk(stats)


def data_directories(inspected: Inspected) -> set[str]:
    """The directories of the cluster's data/ that a container may write, by their first names."""
    home = (inspected["Config"].get("Labels") or {}).get("com.docker.compose.project.working_dir")
    sources = [mount.get("Source", "") for mount in inspected.get("Mounts") or () if mount.get("RW")]
    below = [source.partition(f"{home}/data/")[2] for source in sources] if home else []
    return {name for path in below if (name := path.partition("/")[0]) and not name.startswith(".")}


def labels_of(inspected: Inspected) -> Row:
    """Name, image and Compose service; never the environment, which holds what is nobody's business."""
    labels = inspected["Config"].get("Labels") or {}
    return {
        "name": inspected["Name"].lstrip("/"),
        "cpu": "total",
        "image": inspected["Config"]["Image"],
        "container_label_com_docker_compose_service": labels.get("com.docker.compose.service", ""),
    }


def state_rows(inspected: Inspected) -> list[Row]:
    """One row per state a container can be in; 1 for the one it is in."""
    now, check = inspected["State"]["Status"], inspected["State"].get("Health")
    rows: list[Row] = [
        {**labels_of(inspected), "state": state, "container_state": int(state == now)} for state in STATES
    ]
    if check:
        bad = int(check["Status"] == "unhealthy")
        rows.append({**labels_of(inspected), "state": "unhealthy", "container_state": bad})
    return rows


def network_rows(inspected: Inspected, stats: Stats) -> list[Row]:
    """One row per network interface."""
    return [
        {**labels_of(inspected), "interface": interface, **_network(counts)}
        for interface, counts in (stats.get("networks") or {}).items()
    ]


def _network(counts: dict[str, int]) -> Row:
    return {
        f"network_{long}_{what}_total": counts.get(f"{short}_{field}", 0)
        for long, short in (("receive", "rx"), ("transmit", "tx"))
        for what, field in (
            ("bytes", "bytes"),
            ("packets", "packets"),
            ("errors", "errors"),
            ("packets_dropped", "dropped"),
        )
    }


def _cpu(stats: Stats) -> Row:
    usage, throttled = stats["cpu_stats"]["cpu_usage"], stats["cpu_stats"].get("throttling_data") or {}
    row: Row = {
        "cpu_usage_seconds_total": usage["total_usage"] / _NANO,
        "cpu_user_seconds_total": usage.get("usage_in_usermode", 0) / _NANO,
        "cpu_system_seconds_total": usage.get("usage_in_kernelmode", 0) / _NANO,
    }
    if throttled.get("periods"):
        row |= {
            "cpu_cfs_periods_total": throttled["periods"],
            "cpu_cfs_throttled_periods_total": throttled["throttled_periods"],
            "cpu_cfs_throttled_seconds_total": throttled["throttled_time"] / _NANO,
        }
    return row


def _memory(stats: Stats) -> Row:
    memory = stats.get("memory_stats") or {}
    if "usage" not in memory:
        return {}
    detail = memory.get("stats") or {}
    second = "anon" in detail  # cgroup v2
    inactive = detail.get("inactive_file" if second else "total_inactive_file", 0)
    return {
        "memory_usage_bytes": memory["usage"],
        "memory_working_set_bytes": max(0, memory["usage"] - inactive),
        "memory_rss": detail.get("anon" if second else "total_rss", 0),
        "memory_cache": detail.get("file" if second else "total_cache", 0),
        "memory_mapped_file": detail.get("file_mapped" if second else "total_mapped_file", 0),
    }


def _disk(stats: Stats) -> Row:
    """Summed over devices. cgroup v1 says ``Read`` and counts what v2 calls ``read``."""
    entries = (stats.get("blkio_stats") or {}).get("io_service_bytes_recursive") or []
    return {
        f"fs_{name}_bytes_total": sum(entry["value"] for entry in entries if entry["op"].lower() == operation)
        for name, operation in (("reads", "read"), ("writes", "write"))
    }
