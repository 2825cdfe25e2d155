"""What goes over the socket: frames of a kind, a length and so many bytes; messages are frames of JSON.

Every length is bounded before anything is read, on both sides.
"""

import json
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from backup.store import DamagedError, MissingError, StoreError
from cluster.errors import MachineError, PodsError, RefusedError, TimedOutError, UsageError

PIECE = 1 << 20
"""Most bytes of a frame of an object's content."""
MESSAGE = 1 << 20
"""Most bytes of a message, unless the reader expects a longer one."""
_HEAD = struct.Struct("!cI")
_MESSAGE, _DATA, _END, _ERROR = b"M", b"D", b".", b"E"
_KINDS: Mapping[str, type[PodsError]] = {
    kind.__name__: kind
    for kind in (MissingError, DamagedError, StoreError, UsageError, RefusedError, TimedOutError, MachineError)
}


class ClosedError(MachineError):
    """The other side is gone, or says what no one of ours would."""


def send(connection: socket.socket, message: Mapping[str, Any]) -> None:
    """Send one message."""
    _send(connection, _MESSAGE, json.dumps(message).encode())


def receive(connection: socket.socket, longest: int = MESSAGE) -> dict[str, Any]:
    """Take one message.

    Raises:
        ClosedError: the other side is gone, or it is none.
        TimeoutError: nothing came within the connection's timeout.
    """
    kind, body = _receive(connection, longest)
    if kind != _MESSAGE:
        raise ClosedError("there came something that is no message")
    return _parse(body)


def send_content(connection: socket.socket, pieces: Iterable[bytes]) -> None:
    """Send pieces and their end; an error among them is told to the other side."""
    try:
        for piece in pieces:
            view = memoryview(piece)
            for start in range(0, len(view), PIECE):
                _send(connection, _DATA, view[start : start + PIECE])
    except PodsError as error:
        _send(connection, _ERROR, json.dumps(describe(error)).encode())
    else:
        _send(connection, _END, b"")


def receive_content(connection: socket.socket) -> Iterator[bytes]:
    """Take pieces up to their end.

    Raises:
        PodsError: what the other side says went wrong, or it is gone.
    """
    while True:
        kind, body = _receive(connection, PIECE)
        if kind == _END:
            return
        if kind == _ERROR:
            raise revived(_parse(body))
        yield body


def describe(error: PodsError) -> dict[str, str]:
    """An error as a message."""
    kind = next((known for known in type(error).__mro__ if known.__name__ in _KINDS), RefusedError)
    return {"error": kind.__name__, "message": error.message, "hint": error.hint}


def revived(message: Mapping[str, Any]) -> PodsError:
    """An error of the other side, of a kind of ours."""
    kind = _KINDS.get(str(message.get("error")), MachineError)
    return kind(printable(message.get("message"), 2000), printable(message.get("hint"), 500))


def printable(text: object, longest: int) -> str:
    """What a stranger says, on one line and no longer than that."""
    kept = text[: longest + 1] if isinstance(text, str) else ""
    clean = "".join(letter if letter.isprintable() else " " for letter in kept)
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"


def hang_up(connection: socket.socket) -> None:
    """End a conversation, whoever waits in it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _send(connection: socket.socket, kind: bytes, body: bytes | memoryview) -> None:
    connection.sendall(_HEAD.pack(kind, len(body)))
    if body:
        connection.sendall(body)


def _receive(connection: socket.socket, longest: int) -> tuple[bytes, bytes]:
    kind, length = _HEAD.unpack(_exactly(connection, _HEAD.size))
    if kind not in (_MESSAGE, _DATA, _END, _ERROR) or length > longest:
        raise ClosedError("there came something that is too long, or of no known kind")
    return kind, _exactly(connection, length)


def _exactly(connection: socket.socket, length: int) -> bytes:
    body = bytearray(length)
    view, got = memoryview(body), 0
    while got < length:
        try:
            count = connection.recv_into(view[got:])
        except TimeoutError:
            raise
        except OSError as error:
            raise ClosedError(f"the other side is gone: {error.strerror}") from None
        if not count:
            raise ClosedError("the other side is gone")
        got += count
    return bytes(body)


def _parse(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise ClosedError("there came something that is no message") from None
    if not isinstance(message, dict):
        raise ClosedError("there came something that is no message")
    return message
