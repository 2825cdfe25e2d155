"""A socket here behind which is a server's own Unix socket, in a container of an engine that may be another machine's.

Each connection is one `docker exec` there, whose input and output it is: no port, no password, no file on that machine.
"""

import contextlib
import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import PodsError
from compose.process import last_words

NAME = ".s.PGSQL.5432"
"""As libpq has it, by a directory and a port."""
_RELAY = """
import os, socket, threading
server = socket.socket(socket.AF_UNIX)
server.connect("/var/run/postgresql/.s.PGSQL.5432")
def send():
    while data := os.read(0, 65536):
        server.sendall(data)
    server.shutdown(socket.SHUT_WR)
threading.Thread(target=send, daemon=True).start()
while data := server.recv(65536):
    while data:
        data = data[os.write(1, data):]
"""
_ENDING_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class ContainerAddress:
    """A running container, and what the command line needs in its environment to find its engine."""

    container: str
    environment: Mapping[str, str]

    def command(self, *words: str, terminal: bool = False) -> list[str]:
        """The command line that runs ``words`` there, as the user of the container's own program."""
        return ["docker", "exec", "--interactive", *(["--tty"] if terminal else []), self.container, *words]


@contextlib.contextmanager
def serving(find: Callable[[], ContainerAddress]) -> Iterator[Path]:
    """A directory with the socket in it, ours alone, while the body runs.

    Args:
        find: where a connection leads to, asked at each one; its PodsError is what the client is refused with. One
            thread asks, and lives as long as the body.
    """
    with tempfile.TemporaryDirectory(prefix="pods-") as name, socket.socket(socket.AF_UNIX) as listener:
        folder = Path(name)
        listener.bind(str(folder / NAME))
        listener.listen(16)
        ended = threading.Event()
        thread = threading.Thread(target=_accept, args=(listener, find, ended), name="socket", daemon=True)
        thread.start()
        try:
            yield folder
        finally:
            ended.set()
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(_ENDING_SECONDS)


def _accept(listener: socket.socket, find: Callable[[], ContainerAddress], ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            client, _ = listener.accept()
        except OSError:
            return
        try:
            address = find()
        except PodsError as error:
            refuse(client, error.message)
            client.close()
        else:
            threading.Thread(target=_relay, args=(client, address), daemon=True).start()


def _relay(client: socket.socket, address: ContainerAddress) -> None:
    """Until one of the two ends. In a session of its own: Ctrl-C is ours to handle, and ends no statement half-way."""
    with client:
        try:
            done = subprocess.run(
                address.command("/usr/bin/python3", "-I", "-S", "-c", _RELAY),
                stdin=client.fileno(),
                stdout=client.fileno(),
                stderr=subprocess.PIPE,
                env={**os.environ, **address.environment},
                start_new_session=True,
                check=False,
            )
        except OSError as error:
            refuse(client, f"docker cannot be run: {error.strerror}")
            return
        if done.returncode:
            refuse(client, last_words(done.stderr.decode(errors="replace"), 1))


def refuse(client: socket.socket, reason: str) -> None:
    """Answer as a server does that lets nobody in (ErrorResponse of the protocol), so that the client says why.

    Source: PostgreSQL documentation, "Message Formats".
    """
    with contextlib.suppress(OSError):
        client.sendall(refusal_message(reason))
        client.shutdown(socket.SHUT_WR)


def refusal_message(reason: str) -> bytes:
    """The bytes of it."""
    parts: Sequence[str] = ("SFATAL", "VFATAL", "C08006", f"M{reason.splitlines()[0] if reason else 'it is gone'}")
    body = b"".join(part.encode().replace(b"\0", b"") + b"\0" for part in parts) + b"\0"
    return b"E" + (len(body) + 4).to_bytes(4, "big") + body
