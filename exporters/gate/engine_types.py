"""What the gate reads of the engine's answers, as types.

Source: Docker Engine API v1.41 and later: `ContainerInspect`, `ContainerStats`, `SystemInfo`; only what is used.
"""

from typing import NotRequired, TypedDict


class ContainerSummary(TypedDict):
    """One container of the list."""

    Id: str
    Labels: dict[str, str]


class Healthiness(TypedDict):
    """The engine's own health check."""

    Status: str


class State(TypedDict):
    """Whether a container runs, and how it ended."""

    Status: str
    Running: bool
    OOMKilled: NotRequired[bool]
    ExitCode: NotRequired[int]
    StartedAt: NotRequired[str]
    Health: NotRequired[Healthiness | None]


class HostConfig(TypedDict, total=False):
    """Limits: bytes of memory, billionths of a processor."""

    Memory: int | None
    NanoCpus: int | None


class Config(TypedDict):
    """What a container was made from."""

    Image: str
    Labels: NotRequired[dict[str, str] | None]


class MountPoint(TypedDict, total=False):
    """A directory of the host in a container."""

    Source: str
    RW: bool


class Inspected(TypedDict):
    """`docker inspect` of one container."""

    Id: str
    Name: str
    State: State
    HostConfig: HostConfig
    Config: Config
    Mounts: NotRequired[list[MountPoint] | None]
    RestartCount: NotRequired[int]


class CpuUsage(TypedDict):
    """Nanoseconds."""

    total_usage: int
    usage_in_usermode: NotRequired[int]
    usage_in_kernelmode: NotRequired[int]


class Throttling(TypedDict, total=False):
    """Periods of the kernel's scheduler, and nanoseconds without a processor."""

    periods: int
    throttled_periods: int
    throttled_time: int


class CpuStats(TypedDict):
    """Processors."""

    cpu_usage: CpuUsage
    throttling_data: NotRequired[Throttling | None]


class MemoryStats(TypedDict, total=False):
    """Bytes; ``stats`` are the kernel's own names, which cgroup v1 and v2 do not share."""

    usage: int
    stats: dict[str, int] | None


class BlockEntry(TypedDict):
    """Bytes read or written on one device."""

    op: str
    value: int


class BlockStats(TypedDict, total=False):
    """Block devices."""

    io_service_bytes_recursive: list[BlockEntry] | None


class Stats(TypedDict):
    """One sample of what a container uses."""

    read: str
    cpu_stats: CpuStats
    memory_stats: NotRequired[MemoryStats | None]
    networks: NotRequired[dict[str, dict[str, int]] | None]
    blkio_stats: NotRequired[BlockStats | None]


class Info(TypedDict):
    """The host: processors, bytes of memory."""

    NCPU: int
    MemTotal: int
