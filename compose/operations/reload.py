"""Letting running servers take up changed files and certificates, without a restart and without a client noticing."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from cluster import pgbouncer
from cluster.config.settings import Settings
from cluster.endpoints import POOLER, PROXY
from cluster.errors import MachineError
from cluster.files import write_atomically
from cluster.postgres.connection import connect, fetch_one
from cluster.topology import Topology
from cluster.waiting import comes_true
from compose.engine import containers
from compose.engine.containers import Container, send_signal
from compose.engine.published_ports import listens_elsewhere
from compose.home import passwords
from compose.home.store_directory import has_local_store, local_store
from compose.operations.pooler_consoles import PoolerConsoles
from compose.stack import Stack

if TYPE_CHECKING:
    from docker import DockerClient

_SECRETS = {
    "backup": ("archive_password", "s3_access_key", "s3_secret_key", "s3_ca", "backup_key"),
    "exporter": ("exporter_password",),
    "prometheus": ("prometheus_password", "prometheus_web.yml", "alertmanager_password", "exporter_password"),
    "alertmanager": ("alertmanager_password", "alertmanager_web.yml"),
    "health": ("health_password", "prometheus_password", "alertmanager_password"),
    "grafana": ("prometheus_password",),
    POOLER: ("pooler_password", "monitor_password", "admin_password"),
}
"""What people change in a running cluster: the keys of its stores, and the passwords of pages and of PgBouncer."""
_RELOAD_SECONDS = 5.0
"""How long a node may take to read its files; what comes next counts on them."""


def reload_node(stack: Stack, node: str, *, force: bool = False) -> bool:
    """Reload ``node`` if one of its files or certificates is newer than what it has loaded; True if it was.

    SIGHUP takes no password anywhere; the load time is read by the monitoring role. Of a node on another host its relay
    is reloaded; its files reach it by remote_replicas.py.
    """
    if node not in stack.topology.local_names:
        return _reload_relay(stack, node)
    paths = [*(stack.home.rendered / "nodes" / node).iterdir(), stack.home.tls / node / "server.crt"]
    newest = max(path.stat().st_mtime for path in paths)
    loaded = _load_time(stack, node)
    stale = force or loaded < newest
    if stale:
        send_signal(stack.client, stack.containers()[node].id, "HUP")
        comes_true(lambda: _load_time(stack, node) != loaded, timeout=_RELOAD_SECONDS, pause=0.05)
    return stale


def _reload_relay(stack: Stack, node: str) -> bool:
    """Nothing where it has no other configuration; who is connected through it stays so."""
    relay = stack.containers().get(node)
    if relay is not None and relay.status == "running":
        send_signal(stack.client, relay.id, "HUP")
    return False


def _load_time(stack: Stack, node: str) -> float:
    """When ``node`` read its files last, in Unix seconds; 0 where it does not say."""
    try:
        with connect(stack.monitor(node)) as connection:
            return fetch_one(connection, "load_time", lambda loaded: float(loaded)) or 0.0
    except MachineError:
        return 0.0


def show_new(client: "DockerClient", settings: Settings, topology: Topology, made: Collection[str]) -> None:
    """Have nodes and PgBouncer show certificates that were ``made`` anew, by a signal.

    With one that has ended they would let nobody in who could ask them to. A server that listens elsewhere until it is
    replaced keeps the one that is good for where it is.
    """
    servers = {*topology.servers, POOLER}.intersection(made)
    for container in containers.of_project(client, topology.project) if servers else ():
        if container.status != "running" or container.one_off or listens_elsewhere(settings, topology, container):
            continue
        if container.service in servers:
            send_signal(client, container.id, "HUP")


def reload_optional(stack: Stack, service: str, container: Container) -> bool:
    """Restart an optional service if one of its secrets is newer than the container; else let it re-read newer files.

    Only Prometheus and Alertmanager are signalled for files. True if anything was done.
    """
    directory = stack.home.rendered / service
    if service in _SECRETS and _restart_with_new_secrets(stack, service, container):
        return True
    if service == "backup" and has_local_store(stack.settings):
        return restart_on_other_disk(stack, container)
    if service not in ("prometheus", "alertmanager") or container.started is None:
        return False
    newest = max(path.stat().st_mtime for path in directory.rglob("*") if path.is_file())
    stale = newest > container.started.timestamp()
    if stale:
        send_signal(stack.client, container.id, "HUP")
    return stale


def _restart_with_new_secrets(stack: Stack, service: str, container: Container) -> bool:
    stale = has_new_secrets(stack, service, container)
    if stale:
        stack.client.api.restart(container.id, timeout=60)
    return stale


def has_new_secrets(stack: Stack, service: str, container: Container) -> bool:
    """A secret is replaced whole, and a container goes on seeing the file that was there when it started."""
    files = [path for name in _SECRETS[service] if (path := stack.home.secrets / name).exists()]
    newest = max((path.stat().st_mtime for path in files), default=0.0)
    return container.started is not None and newest > container.started.timestamp() + 1  # which has whole seconds


def reconnect_pools(stack: Stack, pool: str = "") -> Mapping[str, str]:
    """Let every PgBouncer replace its server connections, all or those of ``pool``, each as it comes free.

    Returns the hosts where it does not answer, and why.
    """
    consoles = PoolerConsoles(stack)
    for _, console in consoles.each():
        pgbouncer.reconnect(console, pool)
    return consoles.silent


def renew_pooled(stack: Stack, digest: str, *, same: bool) -> bool:
    """Reconnect where sessions begin otherwise (``digest``) than when that was done last; True if it was.

    Not if PgBouncer is not the ``same`` as before: one that has just started has no connections from before. It is done
    again while one on another host does not answer.
    """
    mark = stack.home.pooled_defaults
    known = mark.read_text(errors="replace") if mark.exists() else None
    if known == digest:
        return False
    silent = reconnect_pools(stack) if same else {}
    if not silent:
        write_atomically(mark, digest)
    return same and known is not None


def restart_on_other_disk(stack: Stack, container: Container) -> bool:
    """A disk that was mounted after the backup service started is not seen by it, nor a directory made anew."""
    directory = local_store(stack.home, stack.settings)
    if not directory.is_dir():
        return False
    found = directory.stat()
    inspection = stack.client.api.exec_create(container.id, ["stat", "-c", "%d %i", "/backups"])
    seen = stack.client.api.exec_start(inspection["Id"]).decode(errors="replace").split()
    stale = seen != [str(found.st_dev), str(found.st_ino)]
    if stale:
        stack.client.api.restart(container.id, timeout=60)
    return stale


def reload_primary_port(stack: Stack) -> None:
    """Have PODS_PRIMARY_PORT lead to the primary of the topology, whose files are written: it takes writes already.

    The primary itself lets clients in from there only then. Who was connected to another one is disconnected.
    """
    reload_node(stack, stack.topology.primary)
    proxy = stack.containers().get(PROXY)
    if proxy is not None and proxy.status == "running":
        send_signal(stack.client, proxy.id, "HUP")


def reload_pooler(stack: Stack) -> None:
    """Let PgBouncer take up its configuration and certificates."""
    with connect(stack.access(POOLER, passwords.ADMIN, pgbouncer.CONSOLE), console=True) as console:
        pgbouncer.reload(console)
