"""Looks for what hurts: every minute what nodes show by themselves, every ten minutes what is in databases.

Of hundreds of databases each time some, those first that were read longest ago: what was found in the others
stays until they are read again. What comes of it is a file of numbers, which the exporter reads.
"""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cluster.config.mounted import ClusterConfig, MountedConfig
from cluster.errors import PodsError
from cluster.insight.findings import InsightFinding, ordered
from cluster.insight.findings_status import MOUNTED, FindingsStatus, counted, read_status, write_status
from cluster.insight.judgement import NODE_KINDS, judge
from cluster.insight.readings import InsightReading, TransactionMark
from cluster.observed.insight_reader import read_insight, read_nodes
from cluster.observed.poller import Poller
from cluster.postgres.connection import Access

PERIOD = 60.0
"""Seconds between two looks at nodes."""
DATABASES_EVERY = 600.0
"""Seconds between two looks into databases."""
MOST_DATABASES = 50
"""At once: a connection to each node for each; 500 take a hundred minutes in all."""
DEADLINE = 60.0
"""Seconds for them together."""
_DAY = 86400.0
_MOST_MARKS = 10

log = logging.getLogger("health")


class FindingRecorder:
    """Reads, judges and counts. What it cannot write down is said in the log; the cluster needs none of it."""

    def __init__(self, config: MountedConfig, directory: Path = MOUNTED) -> None:
        self._config, self._directory = config, directory
        self._poller = Poller()
        self._read: dict[str, float] = {}
        self._inside: dict[str, tuple[InsightFinding, ...]] = {}
        self._of_nodes: tuple[InsightFinding, ...] = ()
        self._marks: tuple[TransactionMark, ...] | None = None
        self._unread: Mapping[str, str] = {}
        self._next = 0.0
        self._problem = ""
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to look, until ``stop``."""
        threading.Thread(target=self._run, name="findings", daemon=True).start()

    def stop(self) -> None:
        """End after the look that runs."""
        self._stopped.set()

    @property
    def findings(self) -> tuple[InsightFinding, ...]:
        """What is known now, the worst first."""
        return ordered([*self._of_nodes, *(each for found in self._inside.values() for each in found)])

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.record()
                self._report("")
            except PodsError as error:
                self._report(str(error))
            except Exception:
                # a bug here must be seen, and must not end the service
                log.exception("findings were not recorded")
            self._stopped.wait(PERIOD)

    def record(self) -> None:
        """Read what it is time for, judge it, and write down how much was found."""
        config = self._config.read()
        declared = [database.name for database in config.settings.declared.databases]
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + DATABASES_EVERY
            self._record_databases(config, declared)
        else:
            self._record_nodes(read_nodes(_accesses(config), poller=self._poller))
        self._write(declared)

    def _record_databases(self, config: ClusterConfig, declared: list[str]) -> None:
        self._forget(declared)
        chosen = sorted(declared, key=lambda name: self._read.get(name, 0.0))[:MOST_DATABASES]
        reading = read_insight(_accesses(config), chosen, deadline=DEADLINE, poller=self._poller)
        reading = replace(reading, marks=self._marked(reading))
        found = [each for each in judge(reading) if each.kind not in NODE_KINDS]
        for database in reading.databases:
            self._read[database] = time.monotonic()
            self._inside[database] = tuple(each for each in found if each.database == database)
        self._inside[""] = tuple(each for each in found if not each.database)
        self._record_nodes(reading)

    def _record_nodes(self, reading: InsightReading) -> None:
        self._unread = reading.unread
        self._of_nodes = tuple(each for each in judge(reading) if each.kind in NODE_KINDS)

    def _forget(self, declared: list[str]) -> None:
        """Databases that are no longer declared; what is of no database stays."""
        known = {*declared, ""}
        self._read = {name: at for name, at in self._read.items() if name in known}
        self._inside = {name: found for name, found in self._inside.items() if name in known}

    def _marked(self, reading: InsightReading) -> tuple[TransactionMark, ...]:
        """The marks, and once a day a new one."""
        if self._marks is None:
            kept = read_status(self._directory)
            self._marks = kept.marks if kept else ()
        node = reading.nodes.get(reading.primary)
        xid = node.counters.next_xid if node else None
        # another server's ids, or a restored one's, have nothing to do with those from before
        marks = tuple(mark for mark in self._marks if xid is None or mark.xid <= xid)
        if xid is not None and (not marks or reading.taken - marks[-1].at >= _DAY):
            marks = (*marks, TransactionMark(at=reading.taken, xid=xid))[-_MOST_MARKS:]
        self._marks = marks
        return marks

    def _write(self, declared: list[str]) -> None:
        status = FindingsStatus(
            updated=time.time(),
            databases=len(self._read),
            unread=len(set(declared) - self._read.keys()),
            counts=counted(self.findings),
            marks=self._marks or (),
        )
        try:
            write_status(self._directory, status)
        except OSError as error:
            self._report(f"how many findings there are cannot be written: {error}")

    def _report(self, problem: str) -> None:
        """Once, and not each minute."""
        if problem and problem != self._problem:
            log.warning("%s", problem)
        self._problem = problem


def _accesses(config: ClusterConfig) -> dict[str, Access]:
    return {name: replace(config.node(name), application="pods_insight") for name in config.topology.names}
