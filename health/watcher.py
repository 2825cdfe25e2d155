"""Polls the cluster about once a second, in a thread: no request ever waits for a database."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from cluster import history
from cluster.backup_status import BackupStatus, parse_status
from cluster.config.mounted import ClusterConfig, MountedConfig
from cluster.errors import PodsError
from cluster.hosts.hosts_reading import HostsReading
from cluster.http.pages import pages
from cluster.observed.hosts_reader import MOUNTED as HA_MOUNTED
from cluster.observed.hosts_reader import HostsReader, both, identity_in
from cluster.observed.poller import Poller
from cluster.observed.primary_port import read_primary_port
from cluster.observed.snapshot import Snapshot, keep_known, read_snapshot
from cluster.postgres.lsn import Lsn
from cluster.service_verdict import ServicesReading
from cluster.services import optional_services
from cluster.supervisor_status import MOUNTED, read_status
from cluster.view import make_view
from health.alert_text import alert_text
from health.alert_watcher import AlertWatcher
from health.broadcast import Broadcast
from health.history import History
from health.readers import ReadPoolKeeper
from health.responses import ResponseTable, make_response_table
from health.service_probe import ServiceProbe

PERIOD = 1.0
"""Seconds from the beginning of one poll to that of the next."""
DEADLINE = 2.0
"""Seconds that one server may take in a poll. One that hangs delays only some of the polls: see Poller."""
CONNECT_TIMEOUT = 6
"""Seconds after which a connection attempt to a server that hangs is given up."""
TOO_OLD = 10.0
"""Seconds after which the result of a poll no longer counts as knowledge."""
BACKUP_STATE = Path("/run/backup/status.json")
"""The backup service's status file, where there is one."""

log = logging.getLogger("health")


class ClusterWatcher:
    """Polls the nodes and judges the cluster. ``latest``: responses of the latest poll; ``error``: why none is newer.

    ``broadcast`` is notified after each poll, and ``readers`` decides who takes part in the pool of all readers.
    ``alerts`` reads Alertmanager beside it.
    """

    def __init__(
        self,
        config: MountedConfig,
        *,
        backup_state: Path = BACKUP_STATE,
        broadcast: Broadcast | None = None,
        readers: ReadPoolKeeper | None = None,
    ) -> None:
        self.latest: ResponseTable | None = None
        self.error = "it has not looked yet"
        self.history = History()
        self.broadcast = broadcast or Broadcast()
        self.config, self._backup_state = config, backup_state
        self._poller, self._probe = Poller(), ServiceProbe()
        self._hosts = HostsReader()
        self._readers = readers
        self.alerts = AlertWatcher(config)
        self._written: Lsn | None = None
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to poll, until ``stop``."""
        threading.Thread(target=self._run, name="poll", daemon=True).start()
        self.alerts.start()

    def stop(self) -> None:
        """End after the poll that runs."""
        self._stopped.set()
        self.alerts.stop()

    @property
    def age(self) -> float:
        """Seconds since the latest poll; infinite before the first."""
        latest = self.latest
        return time.monotonic() - latest.polled if latest else float("inf")

    def _run(self) -> None:
        while not self._stopped.is_set():
            began = time.monotonic()
            self.poll()
            self._stopped.wait(max(0.1, PERIOD - (time.monotonic() - began)))

    def poll(self) -> None:
        """Poll once and notify. An error is kept; the age of the last poll says the rest."""
        try:
            self._poll()
            self.error = ""
        except PodsError as error:
            self.error = str(error)
        except Exception:
            # a bug here must be seen, and must not end the service: without polls it answers 503 by itself
            log.exception("a look failed")
            self.error = "a look failed; see the log of the health service"
        self.broadcast.notify()

    def _poll(self) -> None:
        config = self.config.read()
        began = time.monotonic()
        before = self.latest.view.snapshot if self.latest else None
        read, hosts = both(partial(self._read, config), self._hosts_of(config))
        snapshot = keep_known(read, before)
        if snapshot.primary and snapshot.primary.facts:
            self._written = snapshot.primary.facts.lsn
        services = self._read_services(config)
        latest = history.read_latest(self.config.root / history.NAME)
        view = make_view(
            config.settings,
            config.topology,
            snapshot,
            written=self._written,
            services=services,
            latest=latest,
            hosts=hosts,
        )
        alerts = alert_text(self.alerts.latest.aged(began))
        self.latest = make_response_table(view, began, self.history.add(view), alerts)
        if self._readers is not None:
            self._readers.update(view, time.monotonic())

    def _read_services(self, config: ClusterConfig) -> ServicesReading:
        names = optional_services(config.settings, config.topology.image_source, config.topology.engine)
        shown = pages(config.settings)
        watching = {name: shown[name].secure for name in names if name in shown and name != "health"}
        return ServicesReading(
            backup=read_backup_state(self._backup_state),
            down=self._probe.down(watching),
            supervisor=read_status(MOUNTED),
        )

    def _hosts_of(self, config: ClusterConfig) -> Callable[[], HostsReading] | None:
        """Only where Patroni decides who is the primary."""
        if config.topology.engine == "local":
            return None
        return partial(self._hosts.read, config.settings.hosts, identity_in(HA_MOUNTED), deadline=DEADLINE)

    def _read(self, config: ClusterConfig) -> Snapshot:
        nodes = {name: replace(config.node(name), connect_timeout=CONNECT_TIMEOUT) for name in config.topology.names}
        pooler = replace(config.pooler(), connect_timeout=CONNECT_TIMEOUT)
        port = partial(read_primary_port, *config.primary_port())
        return read_snapshot(nodes, pooler, port=port, deadline=DEADLINE, poller=self._poller)


def read_backup_state(path: Path) -> BackupStatus | None:
    """What the backup service said last; None where it wrote nothing, or nothing that can be read."""
    try:
        return parse_status(path.read_bytes())
    except (OSError, ValueError):
        return None
