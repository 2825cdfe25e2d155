"""What the bench wants of a cluster, whoever runs it; and the engine's command line."""

import subprocess
from collections.abc import Callable
from typing import Protocol


class Contestant(Protocol):
    """A cluster of a primary and two replicas behind one address that leads to the primary."""

    @property
    def name(self) -> str:
        """As it stands in tables."""

    @property
    def conninfo(self) -> str:
        """libpq's connection string for clients on this host."""

    @property
    def network(self) -> str:
        """The Docker network of its clients in containers."""

    @property
    def inside(self) -> str:
        """libpq's connection string for those."""

    def switch_over(self) -> None:
        """Make another node the primary by its own command; returns when that does."""

    def kill_primary(self) -> float:
        """SIGKILL the primary's container; the moment before, on the monotonic clock."""

    def fail_over(self) -> None:
        """What an operator does now; nothing where the cluster does it by itself."""

    def restore(self) -> None:
        """Bring back who was killed, and wait until everybody follows and clients are led right."""

    def rows(self) -> set[tuple[int, int]]:
        """The writers' rows, read from the primary itself."""


def docker(*arguments: str, check: bool = True) -> str:
    """Plain docker; what it prints, and what it complains of."""
    done = subprocess.run(
        ["docker", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if check and done.returncode:
        raise RuntimeError(f"docker {' '.join(arguments)}: {done.stdout}")
    return done.stdout


def remove(label: str, unwanted: Callable[[int], bool]) -> None:
    """Remove containers, then networks, whose ``label`` is the pid of a bench that is ``unwanted``."""
    for kind, every, away in (
        ("container", "--all", ["rm", "--force", "--volumes"]),
        ("network", "--no-trunc", ["rm"]),
    ):
        form = f'{{{{.ID}}}} {{{{.Label "{label}"}}}}'
        for line in docker(kind, "ls", every, "--filter", f"label={label}", "--format", form).splitlines():
            identity, pid = line.split()
            if unwanted(int(pid)):
                docker(kind, *away, identity, check=False)
