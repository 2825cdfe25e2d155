"""The metrics of containers, their host, and the disks of the data. Names as cAdvisor's where it has them."""

from exporters.declarations import Family, counter, gauge

_WHO = ("name", "image", "container_label_com_docker_compose_service")

_USAGE = Family(
    source="containers",
    prefix="container_",
    labels=_WHO,
    metrics=(
        counter("cpu_user_seconds_total", "CPU time spent in user mode."),
        counter("cpu_system_seconds_total", "CPU time spent in the kernel."),
        counter("cpu_cfs_periods_total", "Scheduling periods, where the container has a CPU quota."),
        counter("cpu_cfs_throttled_periods_total", "Periods in which it was held back."),
        counter("cpu_cfs_throttled_seconds_total", "Time for which it was held back."),
        gauge("spec_cpu_quota", "CPU quota in microseconds a period."),
        gauge("spec_cpu_period", "Length of a scheduling period in microseconds."),
        gauge("spec_memory_limit_bytes", "Memory limit; 0 is none."),
        gauge("memory_usage_bytes", "Memory in use, page cache included."),
        gauge("memory_working_set_bytes", "Memory in use without the page cache that could go; holds shared buffers."),
        gauge("memory_rss", "Anonymous memory in bytes."),
        gauge("memory_cache", "Page cache and shared memory in bytes."),
        gauge("memory_mapped_file", "Mapped files and shared memory in bytes."),
        counter("fs_reads_bytes_total", "Bytes read from block devices."),
        counter("fs_writes_bytes_total", "Bytes written to block devices."),
        gauge("start_time_seconds", "When it started, Unix time."),
        counter("oom_events_total", "Processes killed in it for want of memory, since the gate opened."),
    ),
)
_NETWORK = Family(
    source="networks",
    prefix="container_",
    labels=("name", "image", "interface"),
    metrics=tuple(
        counter(f"network_{direction}_{what}_total", f"Network: {text}.")
        for direction, verb in (("receive", "received"), ("transmit", "sent"))
        for what, text in (
            ("bytes", f"bytes {verb}"),
            ("packets", f"packets {verb}"),
            ("errors", f"packets not {verb} because of an error"),
            ("packets_dropped", f"packets dropped rather than {verb}"),
        )
    ),
)

FAMILIES = (
    _USAGE,
    Family(
        source="containers",
        prefix="container_",
        labels=(*_WHO, "cpu"),
        metrics=(counter("cpu_usage_seconds_total", "CPU time spent."),),
    ),
    _NETWORK,
    Family(
        source="containers",
        prefix="pods_container_",
        labels=("name",),
        metrics=(
            counter("restarts_total", "Times the engine restarted it."),
            gauge("oom_killed", "1 if its last end was for want of memory."),
            gauge("exit_code", "Code it last ended with."),
        ),
    ),
    Family(
        source="states",
        prefix="pods_",
        labels=("name", "state"),
        metrics=(gauge("container_state", "1 for the state it is in, stopped ones included; also whether unhealthy."),),
    ),
    Family(
        source="machine",
        prefix="machine_",
        metrics=(gauge("cpu_cores", "CPU cores of the host."), gauge("memory_bytes", "Memory of the host.")),
    ),
    Family(
        source="disks",
        prefix="pods_filesystem_",
        labels=("mount",),
        metrics=(
            gauge("size_bytes", "Size of the file system below a directory of data/."),
            gauge("avail_bytes", "Bytes free on it for whoever is not root."),
        ),
    ),
)
