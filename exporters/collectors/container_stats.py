"""Rows of containers and disks, read from the gate's Unix socket."""

import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

from cluster.documents import parse_json
from exporters.declarations import Row

SOCKET = Path("/run/gate/gate.sock")
_MOST = 8 << 20
"""Bytes of a document; a hundred containers need a tenth of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReading:
    """Rows by source, or why there are none."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    error: str = ""


def read_gate(path: Path = SOCKET, *, deadline: float = 3.0) -> GateReading:
    """Ask the gate, for at most ``deadline`` seconds; one that does not answer is a reading too."""
    try:
        found = parse_json(_receive(path, time.monotonic() + deadline))
    except (OSError, ValueError) as error:
        return GateReading(error=str(error) or type(error).__name__)
    if not isinstance(found, dict):
        return GateReading(error="the gate's answer is no document")
    return GateReading(error=str(found["error"])) if "error" in found else GateReading(rows=found)


def _receive(path: Path, until: float) -> bytes:
    body = bytearray()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(_left(until))
        asking.connect(str(path))
        while part := asking.recv(1 << 16):
            body += part
            if len(body) > _MOST:
                raise OSError("the gate's answer is too long")
            asking.settimeout(_left(until))
    return bytes(body)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("the gate's answer takes too long")
    return left
