"""A container for one command: without network, capabilities or a writable file system, and removed when it ends."""

import contextlib
import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from compose.engine.containers import one_off_labels
from compose.engine.daemon import docker_host

_PIDS = 1024
"""Processes and threads, unless said otherwise: more than a PostgreSQL that nobody uses has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A path of this host, and where the container has it."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrowawayContainer:
    """What runs, and the little it may touch.

    Args:
        image: never pulled.
        command: its arguments.
        project: the cluster whose `up` removes the container, should this process be killed.
        entrypoint: the program, where it is not the image's own.
        user: uid and gid; None for the image's own.
        mounts: read-only unless ``writable``.
        tmpfs: directories in memory, with options as `docker run --tmpfs` has them.
        environment: None takes the value from the environment of `docker`, so that it is in no argument list.
        network: only what fetches something has one.
        pids: processes and threads at most.
    """

    image: str
    command: tuple[str, ...] = ()
    project: str = ""
    entrypoint: str = ""
    user: tuple[int, int] | None = None
    mounts: tuple[Mount, ...] = ()
    tmpfs: tuple[str, ...] = ("/tmp",)
    environment: Mapping[str, str | None] = field(default_factory=dict)
    network: bool = False
    pids: int = _PIDS

    def argv(self, name: str) -> list[str]:
        """The command line that runs it under ``name``."""
        return [
            *_docker("run", "--rm", "--interactive", "--pull=never", f"--name={name}"),
            *self._labels(),
            *("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", f"--pids-limit={self.pids}"),
            *(() if self.network else ("--network=none",)),
            *(() if self.user is None else (f"--user={self.user[0]}:{self.user[1]}",)),
            *(f"--tmpfs={directory}" for directory in self.tmpfs),
            *(f"--volume={m.source}:{m.target}{'' if m.writable else ':ro'}" for m in self.mounts),
            *(f"--env={key}" if value is None else f"--env={key}={value}" for key, value in self.environment.items()),
            *((f"--entrypoint={self.entrypoint}",) if self.entrypoint else ()),
            self.image,
            *self.command,
        ]

    def _labels(self) -> Iterator[str]:
        for name, value in one_off_labels(self.project).items() if self.project else ():
            yield f"--label={name}={value}"

    def run(
        self, *, stdin: str = "", timeout: float | None = None, environment: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run it to its end; exit code and output are the caller's to judge.

        Args:
            stdin: what the program reads.
            timeout: seconds.
            environment: added to that of `docker`.

        Raises:
            subprocess.TimeoutExpired: it took longer than ``timeout``, and was removed.
        """
        name = f"{self.project or 'pods'}-trial-{secrets.token_hex(4)}"
        try:
            return subprocess.run(
                self.argv(name),
                env={**os.environ, **(environment or {})},
                input=stdin,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
                check=False,
            )
        except BaseException:  # it would outlive the client that was to show its end
            _remove(name)
            raise


def _docker(*arguments: str) -> list[str]:
    return ["docker", "--host", docker_host(), *arguments]


def _remove(name: str) -> None:
    with contextlib.suppress(OSError):
        subprocess.run(_docker("rm", "--force", name), capture_output=True, check=False)
