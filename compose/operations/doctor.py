"""`inv doctor`: checks of engine, host and cluster. Changes nothing."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.config.env_file import RETIRED, retired_in_file
from cluster.config.settings import Settings
from cluster.errors import PodsError
from cluster.postgres.failures import one_line
from cluster.sizing import derive
from cluster.topology import Topology
from cluster.topology_file import load
from cluster.units import human_seconds, human_size
from compose.engine import containers, daemon, exposure
from compose.engine.containers import Container
from compose.engine.host import io_uring_refusal
from compose.home import certificate_authority, passwords
from compose.home.certificate_names import faces_of
from compose.home.paths import Home, service_user
from compose.home.store_directory import examine_store
from compose.operations import pooler_limits, preflight, provision
from compose.operations.alerts.receiver_findings import examine_deliveries, examine_receivers
from compose.operations.database_owner import REMEDY
from compose.operations.home_identity import moved_from
from compose.operations.hosts.host_check import examine_hosts
from compose.operations.image_states import report_of
from compose.operations.log_findings import examine_logs
from compose.operations.mirror_findings import examine_mirror
from compose.operations.role_rotation.open_rotations import OpenRotation, open_rotations
from compose.stack import Stack

if TYPE_CHECKING:
    from docker import DockerClient

_CHECK_OVERDUE = 35 * 86_400.0
"""Seconds without a check for updates; as the alert PodsImagesNotChecked."""
_CLOCK_TOLERANCE = 5.0
"""Seconds by which the engine's clock may differ from this host's."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result: what was found, whether it hurts, what to do."""

    subject: str
    hurts: bool
    text: str
    hint: str = ""


def examine(home: Home, settings: Settings) -> list[Finding]:
    """Check engine, host and cluster."""
    findings = [*_io_uring(settings), *_open_pages(home, settings)]
    findings += [Finding("mirror", *each) for each in examine_mirror(settings)]
    try:
        topology = load(home.topology)
    except PodsError as error:
        findings.append(Finding("topology", True, error.message, error.hint))
        topology = None
    wanted = topology or Topology.first(settings, preflight.measure_host(home, settings.replicas + 1))
    findings += [Finding("backups", *each) for each in examine_store(home, settings, wanted.system_identifier)]
    findings += [Finding("alerts", *each) for each in examine_receivers(home, settings)]
    findings += [*_disk(home, settings, wanted), *_memory(settings, wanted), *_permissions(home, settings, topology)]
    findings += [*examine_images(home, time.time()), *(Finding("logs", *each) for each in examine_logs(home, settings))]
    try:
        client = daemon.connect()
    except PodsError as error:
        return [Finding("engine", True, error.message, error.hint), *findings]
    found = containers.of_project(client, wanted.project)
    return [
        *_engine(client),
        *_exposure(client, settings),
        *_clock(client),
        *_ports(settings, wanted, found),
        *_identity(client, home, wanted, found),
        *_leftovers(home, wanted, found),
        *(_cluster(Stack(home, settings, topology, client), found) if topology else ()),
        *(Finding("hosts", *each) for each in examine_hosts(home, settings)),
        *findings,
    ]


def _engine(client: "DockerClient") -> Iterator[Finding]:
    try:
        daemon.check_versions(client)
    except PodsError as error:
        yield Finding("engine", True, error.message, error.hint)
    else:
        yield Finding("engine", False, f"engine {client.version()['Version']}, Compose {daemon.compose_version()}")
    info = client.info()
    if not any("seccomp" in option for option in info.get("SecurityOptions", ())):
        yield Finding("engine", True, "containers run without seccomp", "use a kernel and engine with seccomp")
    if not info.get("MemoryLimit", True):
        yield Finding("memory", True, "the engine cannot limit memory", "boot with cgroup_enable=memory")


def _exposure(client: "DockerClient", settings: Settings) -> Iterator[Finding]:
    info = client.info()
    why = exposure.open_loopback(str(client.version()["Version"]), info)
    yield Finding(
        "exposure",
        bool(why),
        why or "ports on 127.0.0.1 are for this host alone",
        "update the engine to 28.3.3 or newer; docs/how-to/install.md has a rule of iptables for until then",
    )
    if exposure.hides_clients(info):
        yield Finding(
            "exposure",
            not ip_address(settings.bind).is_loopback,
            "a rootless engine hides clients' addresses: to PostgreSQL everybody comes from its own network (samenet)",
            "keep PODS_BIND on loopback, or run PODS with an engine that root runs",
        )


def _clock(client: "DockerClient") -> Iterator[Finding]:
    theirs = datetime.fromisoformat(client.info()["SystemTime"][:19]).replace(tzinfo=UTC)
    apart = abs((datetime.now(UTC) - theirs).total_seconds())
    text = f"the engine's clock and this host's are {human_seconds(apart)} apart"
    yield Finding("clock", apart > _CLOCK_TOLERANCE, text, "run a time service such as systemd-timesyncd")
    yield Finding(
        "clock",
        time.time() < 1_700_000_000,
        f"this host believes it is {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "set the clock: certificates depend on it",
    )


def _ports(settings: Settings, topology: Topology, found: list[containers.Container]) -> Iterator[Finding]:
    clashes = preflight.own_port_clashes(settings, topology, found)
    for clash in clashes:
        yield Finding(
            "ports",
            True,
            f"port {clash.port}, wanted for {clash.service}, is in use{clash.holder}",
            f"stop that, or set {clash.variable} in .env",
        )
    if not clashes:
        yield Finding("ports", False, "every port is this cluster's or free")


def _identity(client: "DockerClient", home: Home, topology: Topology, found: list[Container]) -> Iterator[Finding]:
    try:
        if before := moved_from(client, home, topology.project, topology, found):
            yield Finding("containers", True, f"they were made when this home was {before}", "inv up makes them anew")
    except PodsError as error:
        yield Finding("containers", True, error.message, error.hint)


def _leftovers(home: Home, topology: Topology, found: list[containers.Container]) -> Iterator[Finding]:
    for container in found:
        if container.one_off and container.service != "psql":
            yield Finding(
                "containers", True, f"{container.name} was left by an interrupted operation", "inv up removes it"
            )
        elif container.oom_killed:
            yield Finding(
                "containers",
                True,
                f"{container.name} was killed for want of memory",
                "lower PODS_SHARED_BUFFERS or PODS_MAX_CONNECTIONS, or add memory",
            )
        elif container.restarts > 2:
            yield Finding(
                "containers",
                True,
                f"{container.name} was restarted {container.restarts} times",
                f"see inv logs --service {container.service}",
            )
    for name in preflight.strangers(home, topology):
        yield Finding("data", True, f"{home.node(name)} holds data that no topology knows", "move it away")
    if home.aside.is_dir() and (kept := sorted(p.name for p in home.aside.iterdir())):
        yield Finding(
            "data", False, f"{home.aside} keeps replaced data: {', '.join(kept)}; delete it when you no longer need it"
        )


def _cluster(stack: Stack, found: list[containers.Container]) -> Iterator[Finding]:
    if short := pooler_limits.missing_files(stack, found):
        yield Finding("pgbouncer", True, short, pooler_limits.REMEDY)
    yield from _roles(stack)
    for each in examine_deliveries(stack):
        yield Finding("alerts", *each)


def _roles(stack: Stack) -> Iterator[Finding]:
    """Whether somebody is more than PODS made them; skipped where the primary does not answer."""
    import psycopg

    try:
        monitor = stack.monitor(stack.topology.primary)
        found = provision.examine(monitor, stack.settings)
    except (PodsError, psycopg.Error) as error:
        text = error.message if isinstance(error, PodsError) else one_line(error)
        yield Finding("roles", False, f"what roles may was not looked at: {text}")
        return
    for each in found:
        yield Finding("roles", each.ours, each.text, f"it is not of PODS' making; {REMEDY}")
    if not any(each.ours for each in found):
        yield Finding("roles", False, "no role of the cluster may more than PODS gave it")


def _disk(home: Home, settings: Settings, topology: Topology) -> Iterator[Finding]:
    free, derived = preflight.free_disk(home.data), derive(settings, topology.sizing)
    worst = derived.wal_budget + len(topology.local_nodes) * derived.max_wal_size
    text = f"{human_size(free)} free below {home.path}; WAL alone may come to take {human_size(worst)}"
    yield Finding(
        "disk",
        free < max(worst, preflight.NEEDED_FREE),
        text,
        "free space, or lower PODS_WAL_BUDGET and PODS_MAX_WAL_SIZE",
    )


def _memory(settings: Settings, topology: Topology) -> Iterator[Finding]:
    if not topology.local_nodes:
        return
    host = preflight.measure_host(Home(Path("/")), 1).memory
    derived = derive(settings, topology.sizing)
    shared = derived.shared_buffers * len(topology.local_nodes)
    text = (
        f"{len(topology.local_nodes)} nodes take {human_size(shared)} of {human_size(host)} memory for shared_buffers"
    )
    yield Finding("memory", shared > host * 0.6, text, "lower PODS_SHARED_BUFFERS, or run fewer replicas")


def _io_uring(settings: Settings) -> Iterator[Finding]:
    refusal = io_uring_refusal(service_user()[1])
    if settings.io_method in ("auto", "io_uring"):
        text = (
            "this host allows io_uring"
            if not refusal
            else f"this host forbids io_uring ({refusal}); io_method will be worker"
        )
        yield Finding(
            "io_uring",
            bool(refusal),
            text,
            "sysctl kernel.io_uring_disabled=0 allows it; PODS_IO_METHOD=worker accepts it as it is",
        )


def examine_images(home: Home, now: float) -> Iterator[Finding]:
    """As of the last `inv images.check`: querying the archive takes a while and needs network."""
    report = report_of(home)
    if not report.images:
        return
    security = sum(image.security for image in report.images)
    seen = report.checked if report.checked is not None else max(image.built for image in report.images)
    age = f"{human_seconds(now - seen)} ago" if report.checked is not None else "never"
    if security:
        text = f"{security} security updates wait for the images (asked {age})"
        yield Finding("images", True, text, "inv images.check names them, inv images.update brings them in")
    old = now - seen > _CHECK_OVERDUE
    yield Finding("images", old, f"the archive was asked for newer packages: {age}", "run: inv images.check")


def _open_pages(home: Home, settings: Settings) -> Iterator[Finding]:
    for name in settings.unprotected:
        yield Finding("pages", False, f"PODS_UNPROTECTED lets {name} listen beyond this host without password or TLS")
    for variable in retired_in_file(home.path):
        yield Finding("settings", False, f"{variable} in .env is no more: {RETIRED[variable]}")


def _permissions(home: Home, settings: Settings, topology: Topology | None) -> Iterator[Finding]:
    if topology is None:
        return
    rotations: list[OpenRotation] = []
    for check in (
        lambda: preflight.check_data(home, topology),
        lambda: passwords.read(home),
        lambda: rotations.extend(open_rotations(home, settings)),
        lambda: passwords.check_env(home),
    ):
        try:
            check()
        except PodsError as error:
            yield Finding("permissions", True, error.message, error.hint)
    for each in rotations:
        yield Finding("passwords", each.forgotten, each.text, each.hint)
    shown = [service for service, names in faces_of(settings, topology).items() if names]
    ends = [(service, certificate_authority.expires(home.tls / service / "server.crt")) for service in shown]
    for service, moment in ends:
        if moment is None or moment - datetime.now(UTC) < certificate_authority.RENEW_BEFORE:
            state = "is missing" if moment is None else f"ends on {moment:%Y-%m-%d}"
            yield Finding("certificates", True, f"the certificate of {service} {state}", "run: inv certs.renew")
    if os.geteuid() != 0 and home.data.exists() and not os.access(home.data, os.W_OK):
        yield Finding(
            "permissions", True, f"{home.data} is not writable for this user", "run as the user who made the cluster"
        )
