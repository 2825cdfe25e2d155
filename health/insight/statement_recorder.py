"""Records what statements do: every minute the counters of every node, in a thread of its own."""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from cluster.config.mounted import ClusterConfig, MountedConfig
from cluster.errors import PodsError
from cluster.insight.redaction import redacted
from cluster.insight.statement_history import StatementBucket, StatementSpan, Texts, span
from cluster.observed.poller import Poller
from cluster.observed.statement_counters import StatementReading, read_counters, read_some_texts
from cluster.postgres.connection import Access
from health.insight.statement_ledger import StatementLedger, TimedReading
from health.insight.statement_store import HistoryStoreError, StatementStore

DIRECTORY = Path("/run/insight")
PERIOD = 60
"""Seconds from one reading to the next."""
DEADLINE = 20.0
"""Seconds that a node may take; one that takes longer is counted when it has answered."""
STATEMENT_TIMEOUT = 10.0
TEXTS_EVERY = 300.0
"""Seconds between two questions to a node for texts: for each it reads all that it has."""
TEXTS_REFUSED = 3600.0
"""The same after one that took longer than ``TEXTS_SLOW``."""
TEXTS_SLOW = 3.0
_MOST_TRIED = 20_000

log = logging.getLogger("health")


@dataclass(slots=True)
class _TextRequests:
    """When a node may be asked for texts again (monotonic), and which it was asked for: what it lacks it lacks."""

    after: float = float("-inf")
    tried: set[tuple[str, int]] = field(default_factory=set)

    def read(self, access: Access, wanted: set[tuple[str, int]]) -> Texts:
        """The texts that the node has, without what people typed into them."""
        began, texts, pause = time.monotonic(), dict[tuple[str, int], str](), TEXTS_REFUSED
        try:
            texts = read_some_texts(access, {queryid for _, queryid in wanted})
            self.tried = wanted | (self.tried if len(self.tried) < _MOST_TRIED else set())
            if time.monotonic() - began < TEXTS_SLOW:
                pause = TEXTS_EVERY
        except PodsError as error:
            log.warning("texts of statements cannot be read: %s", error)
        self.after = time.monotonic() + pause
        return {key: redacted(text) for key, text in texts.items() if key in wanted}


class StatementRecorder:
    """Reads, and hands out spans. What cannot be stored is remembered for an hour; the cluster needs none of it."""

    def __init__(self, config: MountedConfig, store: StatementStore | None = None) -> None:
        self._config, self._store = config, store or StatementStore(DIRECTORY)
        self._ledger = StatementLedger(self._stored)
        self._poller = Poller()
        self._requests: dict[str, _TextRequests] = {}
        self._recent: tuple[StatementBucket, ...] = ()
        self._unread: Mapping[str, str] = {}
        self._problem = ""
        self._compacted = float("-inf")
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to record, until ``stop``."""
        threading.Thread(target=self._run, name="statements", daemon=True).start()

    def stop(self) -> None:
        """End after the reading that runs."""
        self._stopped.set()

    def span(self, since: float, until: float, database: str = "") -> StatementSpan:
        """What is known of a time in Unix seconds."""
        recent, unread = {each.begun: each for each in self._recent}, dict(self._unread)
        known: dict[str, float] = {}
        found: dict[int, StatementBucket] = {}
        try:
            known = self._store.known()
            found = {each.begun: each for each in self._store.buckets(2 * since - until - 3600, until)}
        except HistoryStoreError as error:
            unread["history"] = str(error)
        for bucket in recent.values():
            for node in bucket.read:
                known[node] = min(known.get(node, bucket.begun), float(bucket.begun))
        made = span((found | recent).values(), since, until, known, database)
        try:
            return replace(made, texts=self._store.texts(made.works), unread=unread)
        except HistoryStoreError:
            return replace(made, unread=unread)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.record()
            except PodsError as error:
                self._report(str(error))
            except Exception:
                # a bug here must be seen, and must not end the service
                log.exception("statements were not recorded")
            self._stopped.wait(max(1.0, PERIOD - time.time() % PERIOD))

    def record(self) -> None:
        """Read every node once, store what came, and ask for texts that are missing.

        Raises:
            PodsError: there are no settings.
        """
        config = self._config.read()
        nodes = _accesses(config)
        self._read(nodes)
        self._recent = self._ledger.buckets()
        try:
            self._store.put(self._recent)
            self._ledger.store()
            self._ask_for_texts(nodes)
            if time.monotonic() - self._compacted > 600:
                self._store.compact(time.time())
                self._compacted = time.monotonic()
            self._report("")
        except HistoryStoreError as error:
            self._report(f"the history of statements cannot be stored: {error}")

    def _read(self, nodes: Mapping[str, Access]) -> None:
        readings = self._poller.run({name: partial(_timed, name, access) for name, access in nodes.items()}, DEADLINE)
        self._ledger.keep(nodes)
        for reading, timed in readings.values():
            if not reading.error:
                self._ledger.add(timed)
        late = dict.fromkeys(nodes.keys() - readings.keys(), f"no answer within {DEADLINE:.0f} s")
        self._unread = late | {name: each.error for name, (each, _) in readings.items() if each.error}

    def _stored(self, begun: int) -> StatementBucket | None:
        try:
            found = self._store.buckets(begun, begun + 1)
        except HistoryStoreError:
            return None
        return next((each for each in found if each.begun == begun), None)

    def _ask_for_texts(self, nodes: Mapping[str, Access]) -> None:
        missing = set(self._store.missing_texts())
        self._requests = {name: self._requests.get(name, _TextRequests()) for name in nodes}
        for name, request in self._requests.items():
            has = {(each.key.database, each.key.queryid) for each in self._ledger.last(name)}
            wanted = (missing & has) - request.tried
            if not wanted or time.monotonic() < request.after:
                continue
            kept = request.read(nodes[name], wanted)
            self._store.put_texts(kept, time.time())
            missing -= kept.keys()

    def _report(self, problem: str) -> None:
        if problem and problem != self._problem:
            log.warning("%s", problem)
        self._problem = problem


def _accesses(config: ClusterConfig) -> dict[str, Access]:
    return {
        name: replace(
            config.node(name), application="pods_insight", statement_timeout=STATEMENT_TIMEOUT, patience=DEADLINE
        )
        for name in config.topology.names
    }


def _timed(name: str, access: Access) -> tuple[StatementReading, TimedReading]:
    reading = read_counters(name, access)
    timed = TimedReading(node=name, counted=reading.counted, taken=time.time(), monotonic=time.monotonic())
    return reading, timed
