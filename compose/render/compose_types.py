"""What PODS writes of the Compose specification, as types: a misspelt key is mypy's error, not a container's."""

from typing import Any, TypedDict


class Bind(TypedDict):
    """Options of a bind mount."""

    create_host_path: bool


class VolumeMount(TypedDict, total=False):
    """One entry of ``volumes``, in its long form; a name and a target (a named volume) in its short one is a text."""

    type: str
    source: str
    target: str
    bind: Bind
    read_only: bool


class Port(TypedDict):
    """One entry of ``ports``, in its long form."""

    mode: str
    host_ip: str
    published: str
    target: int
    protocol: str


class Attachment(TypedDict, total=False):
    """How a service is in a network."""

    link_local_ips: list[str]
    aliases: list[str]


class Healthcheck(TypedDict, total=False):
    """How the engine asks a service whether it is well; times as Compose writes them (``5s``)."""

    test: list[str]
    interval: str
    timeout: str
    retries: int
    start_period: str
    start_interval: str


class Service(TypedDict, total=False):
    """One service. Sizes in bytes."""

    image: str
    pull_policy: str
    command: list[str]
    entrypoint: list[str]
    user: str
    group_add: list[str]
    environment: dict[str, str]
    secrets: list[str]
    volumes: list[VolumeMount]
    tmpfs: list[str]
    networks: list[str] | dict[str, Attachment]
    network_mode: str
    ports: list[Port]
    dns: list[str]
    extra_hosts: list[str]
    labels: dict[str, str]
    healthcheck: Healthcheck
    read_only: bool
    security_opt: list[str]
    cap_add: list[str]
    cap_drop: list[str]
    ulimits: dict[str, int]
    stop_grace_period: str
    shm_size: int
    cpu_shares: int
    mem_limit: int
    pids_limit: int
    oom_score_adj: int


class Project(TypedDict):
    """A whole Compose file."""

    name: str
    services: dict[str, Service]
    networks: dict[str, Any]
    secrets: dict[str, Any]
