"""How hosts that were checked look on a terminal."""

from dataclasses import dataclass

from cluster.config.docker_hosts import DockerHosts, Host
from cluster.config.settings import Settings
from cluster.errors import PodsError
from cluster.units import human_size
from compose.operations.hosts.host_check import HostsReport
from compose.render.hosts.docker_user_rules import docker_user_rules
from compose.report.status import table


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRow:
    """One host: what the file says of it, and what was read of it (nothing where it cannot be reached)."""

    host: str
    ssh: str
    address: str
    roles: tuple[str, ...]
    zone: str
    added: bool
    engine: str | None
    architecture: str | None
    clock_offset_seconds: float | None
    free_bytes: int | None
    sync_seconds: float | None


def host_rows(hosts: DockerHosts, report: HostsReport) -> list[HostRow]:
    """One row per host that was checked."""
    return [_row(host, report) for host in hosts.hosts if host.name in report.readings]


def _row(host: Host, report: HostsReport) -> HostRow:
    found = report.readings[host.name]
    reading = None if isinstance(found, PodsError) else found
    return HostRow(
        host=host.name,
        ssh=host.ssh,
        address=host.address,
        roles=host.roles,
        zone=host.zone,
        added=host.name in report.added,
        engine=reading.version if reading else None,
        architecture=reading.architecture if reading else None,
        clock_offset_seconds=round(reading.offset, 3) if reading else None,
        free_bytes=reading.free if reading else None,
        sync_seconds=reading.sync_seconds if reading else None,
    )


def print_hosts(rows: list[HostRow], report: HostsReport) -> None:
    """The hosts, then what was found, but for the one with which the task is refused afterwards."""
    table(
        ["host", "ssh", "address", "roles", "added", "engine", "clock", "free", "sync"],
        [
            [
                row.host,
                row.ssh,
                row.address,
                " ".join(row.roles),
                "yes" if row.added else "no",
                row.engine,
                None if row.clock_offset_seconds is None else f"{row.clock_offset_seconds:+.1f} s",
                human_size(row.free_bytes),
                None if row.sync_seconds is None else f"{row.sync_seconds * 1000:.1f} ms",
            ]
            for row in rows
        ],
    )
    for each in (each for each in report.findings if each not in report.fatal[:1]):
        print(f"{'✗' if each.fatal else '!'} {each.line}")
        if each.hint:
            print(f"  → {each.hint}")
    if not report.findings:
        print("nothing keeps these hosts from being used")


def firewall_rules(settings: Settings) -> str:
    """What each host's administrator can run there, so that only the cluster reaches its ports."""
    rules = (docker_user_rules(settings, settings.hosts, host) for host in settings.hosts.hosts)
    return "\n".join(
        f"# --- on {host.name} ({host.ssh}) ---\n{text}" for host, text in zip(settings.hosts.hosts, rules, strict=True)
    )
