"""Looking at the cluster about once a second, in a thread: no request ever waits for a database."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cluster.config.mounted import ClusterConfig, MountedConfig
from cluster.documents import parse_json
from cluster.errors import PodsError
from cluster.observed.poller import Poller
from cluster.observed.snapshot import Snapshot, read_snapshot
from cluster.postgres.lsn import Lsn
from cluster.status import make_view
from health.history import History
from health.responses import ResponseTable, make_board

PERIOD = 1.0
"""Seconds from the beginning of one look to that of the next."""
DEADLINE = 2.0
"""Seconds that one server may take in a look. One that hangs is waited for in every few looks only: Rounds."""
PATIENCE = 6
"""Seconds after which a connection attempt to a server that hangs is given up."""
TOO_OLD = 10.0
"""Seconds after which a look no longer counts as knowledge."""
BACKUP_STATE = Path("/run/backup/state.json")
"""What the backup service says of itself, where there is one."""

log = logging.getLogger("health")


class ClusterWatcher:
    """Looks, judges, remembers; ``board`` is the latest look, ``trouble`` why there is no newer one."""

    def __init__(
        self, window: MountedConfig, *, backup_state: Path = BACKUP_STATE, told: Callable[[], None] = lambda: None
    ) -> None:
        self.board: ResponseTable | None = None
        self.trouble = "it has not looked yet"
        self.history = History()
        self.told = told
        self._window, self._backup_state = window, backup_state
        self._poller = Poller()
        self._written: Lsn | None = None
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin looking, until ``stop``."""
        threading.Thread(target=self._run, name="looking", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    @property
    def age(self) -> float:
        """Seconds since the latest look; infinite before the first."""
        board = self.board
        return time.monotonic() - board.looked if board else float("inf")

    def _run(self) -> None:
        while not self._stopped.is_set():
            began = time.monotonic()
            self.look()
            self._stopped.wait(max(0.1, PERIOD - (time.monotonic() - began)))

    def look(self) -> None:
        """Look once, and tell. What goes wrong is remembered; the age of the last look says the rest."""
        try:
            self._look()
            self.trouble = ""
        except PodsError as error:
            self.trouble = str(error)
        except Exception:
            # a bug here must be seen, and must not end the service: without looks it says 503 by itself
            log.exception("a look failed")
            self.trouble = "a look failed; see the log of the health service"
        self.told()

    def _look(self) -> None:
        inside = self._window.read()
        looked = time.monotonic()
        snapshot = self._read(inside)
        if snapshot.primary and snapshot.primary.facts:
            self._written = snapshot.primary.facts.lsn
        backup = read_backup_state(self._backup_state)
        view = make_view(inside.settings, inside.topology, snapshot, written=self._written, backup=backup)
        self.history.add(view)
        self.board = make_board(view, looked)

    def _read(self, inside: ClusterConfig) -> Snapshot:
        nodes = {name: replace(inside.node(name), connect_timeout=PATIENCE) for name in inside.topology.names}
        pooler = replace(inside.pooler(), connect_timeout=PATIENCE)
        return read_snapshot(nodes, pooler, deadline=DEADLINE, poller=self._poller)


def read_backup_state(path: Path) -> Mapping[str, Any] | None:
    """What the backup service says: last_success (Unix time), last_backup, archive_lag_seconds; None where nothing."""
    try:
        told = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(told, dict):
        return None
    kinds: dict[str, type | tuple[type, ...]] = {
        "last_success": (int, float),
        "last_backup": str,
        "archive_lag_seconds": (int, float),
    }
    return {name: told[name] if isinstance(told.get(name), kind) else None for name, kind in kinds.items()}
