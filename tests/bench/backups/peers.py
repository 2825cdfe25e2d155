"""The two that are compared: each takes a full backup, an incremental one on it, and restores the newest."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.bench.backups.box import BENCH, Box, Cost
from tests.bench.backups.world import CONFIGURATION_FILE, LEVEL, WORKERS

RESTORED = f"{BENCH}/restored"


class Peer(Protocol):
    """One of them."""

    @property
    def name(self) -> str:
        """For tables."""

    def clear(self) -> None:
        """Forget every backup."""

    def take(self, kind: str) -> Cost:
        """Take a backup, ``full`` or ``incremental``."""

    def restore(self) -> Cost:
        """Restore the newest backup into RESTORED, which is empty."""

    def stored(self) -> float:
        """MB in the store."""


@dataclass(frozen=True, slots=True)
class Ours:
    """PODS, over the replication protocol and TLS; ``place`` is a folder, or a bucket."""

    box: Box
    name: str = "PODS"
    place: dict[str, Any] = field(default_factory=lambda: {"store": f"{BENCH}/ours/store"})

    def clear(self) -> None:
        """See `Peer`."""
        self.box.sh(f"rm -rf {BENCH}/ours && mkdir -p {BENCH}/ours/store")

    def take(self, kind: str) -> Cost:
        """See `Peer`."""
        asked = self.box.ours("take", kind=kind, level=LEVEL, workers=WORKERS, **self.place)
        return self.box.measure(*asked)

    def restore(self) -> Cost:
        """See `Peer`."""
        return self.box.measure(*self.box.ours("restore", into=RESTORED, **self.place))

    def stored(self) -> float:
        """See `Peer`."""
        return _size(self.box, f"{BENCH}/ours/store")


@dataclass(frozen=True, slots=True)
class Theirs:
    """pgBackRest, reading the data directory itself; ``options`` of its backups beside its configuration."""

    box: Box
    name: str = "pgBackRest"
    options: tuple[str, ...] = ()
    conf: str = CONFIGURATION_FILE

    def clear(self) -> None:
        """See `Peer`."""
        self.box.sh(f"rm -rf {BENCH}/theirs/*")
        self.box.run(*self.command("stanza-create"))

    def take(self, kind: str) -> Cost:
        """See `Peer`."""
        return self.box.measure(*self.command("backup", *self.options, f"--type={kind[:4]}"))

    def restore(self) -> Cost:
        """See `Peer`."""
        return self.box.measure(*self.command("restore", f"--pg1-path={RESTORED}", "--type=immediate"))

    def stored(self) -> float:
        """See `Peer`."""
        return _size(self.box, f"{BENCH}/theirs/repo")

    def command(self, *words: str) -> tuple[str, ...]:
        """A command line of it."""
        return ("pgbackrest", f"--config={self.conf}", "--stanza=bench", *words)


def _size(box: Box, directory: str) -> float:
    return float(box.sh(f"du -sb {directory}").split()[0]) / 1e6
