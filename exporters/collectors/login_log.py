"""Logins that were refused, counted from what nodes and PgBouncer append to their logs.

What was written before the first look does not count; from then on every line does, also of a file that was ended
since. Of a file that grows faster than it is read, the rest is read the next time.
"""

import os
import stat
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cluster.endpoints import POOLER
from cluster.failed_logins import (
    OTHER,
    FailedLogin,
    Network,
    networks_of,
    pooler_refusal,
    role_label,
    server_refusal,
    source_label,
)
from cluster.log_entries import LONGEST
from exporters.declarations import Row

LOGS = Path("/var/log/pods")
_ROUTES = Path("/proc/net/route")
_CHUNK = 1 << 18
_AT_ONCE = 1 << 26
"""Bytes of one file that one scrape reads."""
_MOST_ROLES = 100


@dataclass(slots=True)
class _Tail:
    """One open file, and the beginning of a line that has not come to its end."""

    descriptor: int
    inode: int
    begun: bytes = b""
    cut: bool = False

    def lines(self) -> Iterator[bytes]:
        """The whole lines that came since; one that is too long is left out."""
        left = _AT_ONCE
        while left > 0 and (chunk := os.read(self.descriptor, _CHUNK)):
            left -= len(chunk)
            *whole, rest = chunk.split(b"\n")
            for line in whole:
                if not self.cut:
                    yield self.begun + line
                self.begun, self.cut = b"", False
            self.begun += rest
            if len(self.begun) > LONGEST:
                self.begun, self.cut = b"", True


@dataclass(slots=True)
class LoginLog:
    """Counts by server, role and kind of source, for as long as the exporter runs."""

    root: Path = LOGS
    routes: Path = _ROUTES
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _open: dict[str, _Tail] = field(default_factory=dict)
    _begun: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, nodes: Collection[str], known: Collection[str]) -> list[Row]:
        """The counts after what was written since the last time; ``known`` are the roles that have their own."""
        with self._lock:
            here = self._networks()
            for server in (*nodes, POOLER):
                self._read(server, known, here)
            for gone in self._open.keys() - {*nodes, POOLER}:
                os.close(self._open.pop(gone).descriptor)
            self._begun = True
            return [
                {"server": server, "role": role, "source": source, "failed_logins_total": count}
                for (server, role, source), count in sorted(self.counts.items())
            ]

    def _networks(self) -> tuple[Network, ...]:
        try:
            return networks_of(self.routes.read_text())
        except OSError:
            return ()

    def _read(self, server: str, known: Collection[str], here: tuple[Network, ...]) -> None:
        pooler = server == POOLER
        path = self.root / server / ("pgbouncer.log" if pooler else "server.json")
        refusal: Callable[[bytes], FailedLogin | None] = pooler_refusal if pooler else server_refusal
        for tail in self._tails(server, path):
            for line in tail.lines():
                if (found := refusal(line)) is not None:
                    role = self._bounded(role_label(found.role, known))
                    self.counts[server, role, source_label(found.source, here)] += 1

    def _tails(self, server: str, path: Path) -> Iterator[_Tail]:
        """The file that was open, to its end; then the one that took its name."""
        before = self._open.get(server)
        if before is not None:
            yield before
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            found = os.fstat(descriptor)
            inode = found.st_ino
            if (before is not None and before.inode == inode) or not stat.S_ISREG(found.st_mode):
                os.close(descriptor)
                return
            if before is not None:
                yield before  # it may have got lines until the moment in which it was replaced
                os.close(before.descriptor)
            elif not self._begun:
                os.lseek(descriptor, 0, os.SEEK_END)
            self._open[server] = _Tail(descriptor, inode)
            yield self._open[server]

    def _bounded(self, role: str) -> str:
        named = {name for _, name, _ in self.counts}
        return role if role in named or len(named) < _MOST_ROLES else OTHER
