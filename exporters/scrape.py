"""Scrapes of one node and of the rest of the stack; each is encoded once for all requests that share it."""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from cluster import certificate_report, history, image_report, supervisor_status
from cluster.config.mounted import ROOT, ClusterConfig
from cluster.hosts.hosts_reading import HostsReading
from cluster.insight import findings_status
from cluster.observed.hosts_reader import MOUNTED, HostsReader, identity_in
from cluster.observed.primary_port import read_primary_port
from cluster.postgres.failures import Failure
from exporters.collectors.backup_files import read_backups
from exporters.collectors.container_stats import read_gate
from exporters.collectors.login_log import LoginLog
from exporters.collectors.pgbouncer_console import read_console
from exporters.collectors.statistics import Remembered, Statistics, fail_unread, read_statistics
from exporters.metrics.exposition import encode
from exporters.metrics.logins import known_roles
from exporters.metrics.postgres import SOURCES
from exporters.metrics.probe import node_metrics
from exporters.metrics.series import NodeSeries
from exporters.metrics.stack import Reported, stack_metrics
from exporters.metrics.stack_series import StackSeries

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Exposed

Page = tuple[bytes, str]
"""Body and content type."""
_FIRST = ("server", "standbys", "slots", "metrics_sessions")
"""Sources that a page which comes too late still has: few rows, read first, and most alerts are about them."""


_HOSTS_SHARE = 0.6
"""Of a scrape's time, for agents and votes; what is left is for the listing of members."""


class Scrape:
    """The metrics of one moment. Each format is encoded once, at the first request for it."""

    def __init__(self, metrics: "Iterable[Exposed]") -> None:
        self._metrics = list(metrics)
        self._pages: dict[str, Page] = {}
        self._writing = threading.Lock()

    def page(self, accept: str) -> Page:
        """The metrics in the format that ``accept`` asks for."""
        with self._writing:
            if accept not in self._pages:
                self._pages[accept] = encode(self._metrics, accept)
            return self._pages[accept]


class Scraper:
    """Makes scrapes; remembers per node the rows of queries that need not run each time."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._remembered: dict[str, Remembered] = {}
        self._series: dict[str, NodeSeries] = {}
        self._begun: dict[str, Statistics] = {}
        self._stack = StackSeries()
        self._logins = LoginLog()
        self._hosts = HostsReader()

    def node(self, config: ClusterConfig, name: str, patience: float, accept: str) -> Callable[[], Scrape]:
        """A scrape of one node, to be run in a thread."""
        remembered = self._remembered.setdefault(name, Remembered())
        series = self._series.setdefault(name, NodeSeries())
        for gone in self._remembered.keys() - set(config.topology.names):
            self._remembered.pop(gone, None)
            self._series.pop(gone, None)

        def scrape() -> Scrape:
            began = time.perf_counter()
            access = replace(config.node(name), application="pods_exporter", patience=patience)
            begun = self._begun[name] = Statistics()
            reading = read_statistics(access, SOURCES, remembered, begun)
            seconds, most = time.perf_counter() - began, config.settings.metrics_databases
            first = ("postgres", config.settings.database, "archive", *config.topology.names)
            declared = [database.name for database in config.settings.declared.databases]
            metrics = node_metrics(reading, seconds, series, most=most, first=first, declared=declared)
            page = _written(metrics, accept)
            self._begun.pop(name, None)
            return page

        return scrape

    def late_node(self, name: str, patience: float) -> Scrape:
        """The metrics of a node of which not all was there in time: up, if it answered at all."""
        reason, begun = f"no answer within {patience:.1f} s", self._begun.get(name, Statistics())
        rows = {source: begun.rows[source] for source in _FIRST if source in begun.rows}
        if not rows:
            return Scrape(node_metrics(Statistics(error=reason, failure=Failure.TIMEOUT), patience))
        reading = Statistics(rows=rows)
        fail_unread(SOURCES, reading, reason)
        return Scrape(node_metrics(reading, patience))

    def stack(self, config: ClusterConfig, patience: float, accept: str) -> Callable[[], Scrape]:
        """A scrape of PgBouncer, the containers and this process."""

        def scrape() -> Scrape:
            from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR

            access = replace(config.pooler(), application="pods_exporter", patience=patience)
            with ThreadPoolExecutor(1) as beside:
                reading = beside.submit(self._read_hosts, config, patience)
                console, gate = read_console(access), read_gate(deadline=patience)
            itself = [
                *PROCESS_COLLECTOR.collect(), *PLATFORM_COLLECTOR.collect(), *GC_COLLECTOR.collect()
            ]  # fmt: skip
            reported = Reported(
                images=image_report.read_report(ROOT / image_report.NAME),
                certificates=certificate_report.read_ends(ROOT / certificate_report.NAME),
                primary_change=history.read_latest(ROOT / history.NAME),
                port=read_primary_port(*config.primary_port(), patience),
                supervisor=supervisor_status.read_status(supervisor_status.MOUNTED),
                findings=findings_status.read_status(findings_status.MOUNTED),
                hosts=reading.result(),
                failed_logins=self._logins.read(config.topology.names, known_roles(config.settings)),
            )
            found = stack_metrics(config, console, gate, self._version, read_backups(), reported, self._stack)
            return _written([*found, *itself], accept)

        return scrape

    def _read_hosts(self, config: ClusterConfig, patience: float) -> HostsReading | None:
        """Only where Patroni decides who is the primary."""
        if config.topology.engine == "local":
            return None
        deadline = _HOSTS_SHARE * patience
        return self._hosts.read(config.settings.hosts, identity_in(MOUNTED), deadline=deadline, figures=True)


def _written(metrics: "Iterable[Exposed]", accept: str) -> Scrape:
    """Encoded in the scrape's own thread already, where the event loop need not wait for it."""
    scrape = Scrape(metrics)
    scrape.page(accept)
    return scrape
