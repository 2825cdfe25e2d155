"""One `ssh` per host for the length of a task: the host's engine listens on a socket here, as long as it runs.

Source: OpenSSH, ssh(1) -L local_socket:remote_socket; setpriv(1) --pdeathsig. Decision 0065.
"""

import contextlib
import shutil
import socket
import subprocess
from pathlib import Path

from cluster.config.docker_hosts import Host
from cluster.errors import MachineError, PodsError
from cluster.waiting import attempts
from compose.engine.hosts.ssh_command import (
    CONNECT_SECONDS,
    ENGINE_SCRIPT,
    forward_argv,
    last_line,
    refusal,
    ssh_argv,
    unusable_engine,
)

_OPEN_SECONDS = CONNECT_SECONDS + 10.0
_PING_SECONDS = 10.0


class SocketForward:
    """The forward to one host.

    Args:
        host: not a local one.
        known_hosts: file with the pinned keys.
        folder: ours alone, where the socket is made.
    """

    def __init__(self, host: Host, known_hosts: Path, folder: Path) -> None:
        self.host = host
        self.socket = folder / f"{host.name}.sock"
        self._known_hosts = known_hosts
        self._log = folder / f"{host.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start `ssh`, which ends with this process, however it ends; Ctrl-C is ours to handle, not its.

        Raises:
            MachineError: there is no `ssh`.
        """
        argv = forward_argv(self.host, self._known_hosts, self.socket)
        with_us = ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []
        if not shutil.which("ssh"):
            raise MachineError("ssh is not installed here", "install openssh-client; hosts are reached by it")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*with_us, *argv],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Until the engine answers.

        Raises:
            PodsError: it does not; says in which way.
        """
        assert self._process is not None
        for _ in attempts(_OPEN_SECONDS, pause=0.05):
            if self._process.poll() is not None:
                raise refusal(self.host, self.complaint)
            if self.socket.exists():
                break
        else:
            raise refusal(self.host, self.complaint or "timed out")
        if not _answers(self.socket):
            raise self._unusable()

    @property
    def complaint(self) -> str:
        """What `ssh` printed."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def lost(self) -> PodsError | None:
        """That the connection ended while it was needed; None where it did not."""
        if self._process is None or self._process.poll() is None:
            return None
        return MachineError(
            f"the connection to host {self.host.name} was lost: {last_line(self.complaint)}",
            "when it is back, run the same command again: it goes on from what it finds",
        )

    def close(self) -> None:
        """End it."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with contextlib.suppress(FileNotFoundError):
            self.socket.unlink()

    def _unusable(self) -> PodsError:
        try:
            done = subprocess.run(
                [*ssh_argv(self.host, self._known_hosts), "sh", "-s"],
                input=ENGINE_SCRIPT,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_OPEN_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return unusable_engine(self.host, "")
        return unusable_engine(self.host, done.stdout.strip())


def _answers(path: Path) -> bool:
    """Whether there is an engine behind a socket."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_PING_SECONDS)
            connection.connect(str(path))
            connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            return b" 200 " in connection.recv(4096).partition(b"\r\n")[0]
    except OSError:
        return False
