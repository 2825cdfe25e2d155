"""The gate's document: rows of containers, their networks and states, the host, and the data's file systems."""

import os
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from exporters.gate.engine import Engine
from exporters.gate.engine_types import Inspected, Stats
from exporters.gate.rows import Row, container_row, data_directories, network_rows, state_rows

_AT_ONCE = 8
Document = dict[str, list[Row]]


class Reader:
    """Reads everything each time; keeps only the count of out-of-memory kills."""

    def __init__(self, engine: Engine, root: Path = Path("/")) -> None:
        self._engine = engine
        self._root = root
        self._ooms: Counter[str] = Counter()
        self._counted_until = time.time()
        self._machine: Row = {}
        self._pool = ThreadPoolExecutor(_AT_ONCE)

    def read(self) -> Document:
        """The document: rows by source.

        Raises:
            OSError: the engine does not answer.
        """
        self._count_ooms()
        listed = [row for row in self._engine.containers() if row["Labels"].get("com.docker.compose.oneoff") != "True"]
        document: Document = {"machine": [self._host()], "containers": [], "networks": [], "states": []}
        names: set[str] = set()
        for inspected, stats in self._pool.map(self._inspect, (row["Id"] for row in listed)):
            if inspected is not None:
                self._add(document, inspected, stats)
                names |= data_directories(inspected)
        return document | {"disks": list(disk_rows(self._root, names))}

    def _inspect(self, container: str) -> tuple[Inspected | None, Stats | None]:
        """One that went away since it was listed is left out."""
        try:
            inspected = self._engine.inspect(container)
            return inspected, self._engine.stats(container) if inspected["State"]["Running"] else None
        except OSError:
            return None, None

    def _add(self, document: Document, inspected: Inspected, stats: Stats | None) -> None:
        row = container_row(inspected, stats) | {"oom_events_total": self._ooms[inspected["Id"]]}
        document["containers"].append(row | {"start_time_seconds": _unix(row["start_time_seconds"])})
        document["states"] += state_rows(inspected)
        document["networks"] += network_rows(inspected, stats) if stats else []

    def _count_ooms(self) -> None:
        until = time.time()
        self._ooms.update(self._engine.ooms(self._counted_until, until))
        self._counted_until = until

    def _host(self) -> Row:
        if not self._machine:
            info = self._engine.info()
            self._machine = {"cpu_cores": info["NCPU"], "memory_bytes": info["MemTotal"]}
        return self._machine


def disk_rows(root: Path, names: Iterable[str]) -> Iterable[Row]:
    """The file system below each directory of data/ in ``names``: bytes in all, and free for whoever is not root.

    None of them is mounted here: an empty directory of the same disk tells as much. Those on disks of their own are.
    """
    for name in sorted(names):
        own = root / "disks" / name
        found = os.statvfs(own if own.exists() else root / "disk")
        yield {
            "mount": name,
            "size_bytes": found.f_blocks * found.f_frsize,
            "avail_bytes": found.f_bavail * found.f_frsize,
        }


def _unix(text: str) -> float | None:
    """Unix time of Docker's ``2026-11-23T03:48:00.123456789Z``; None for a container that never started."""
    if not text or text.startswith("0001"):
        return None
    return datetime.fromisoformat(text[:19]).replace(tzinfo=UTC).timestamp()
