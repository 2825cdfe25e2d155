"""Whether the services that watch the cluster listen, as seen from the health service's network.

The gate and the backup service listen nowhere: of the one only the host can say (`inv status`), of the other its status
does. A service that starts anew is not down: only one that has not listened for a while is.
"""

import socket
import ssl
import time
from collections.abc import Callable, Mapping
from functools import partial

from cluster.observed.poller import Poller
from cluster.services import LISTENING
from cluster.units import human_seconds
from cluster.waiting import Clock, Every

_PERIOD = 10.0
_DEADLINE = 0.1
"""Seconds that a poll waits for them all."""
_CONNECT = 3.0
PATIENCE = 30.0
"""Seconds without listening from which on a service counts as down; starting takes some."""


def listening_error(service: str, port: int, secure: bool) -> str:
    """Why nobody listens there; "" where somebody does.

    Where TLS is spoken it is begun, since a server complains of whoever only comes and goes; nothing is read or sent.
    """
    try:
        with socket.create_connection((service, port), _CONNECT) as connection:
            if secure:
                _unverified().wrap_socket(connection, server_hostname=service).close()
            return ""
    except socket.gaierror:
        return f"there is no {service} in the network"
    except OSError as error:
        return f"nothing listens at {service}:{port}: {error.strerror or error}"


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class ServiceProbe:
    """Connects to each service now and then, and remembers since when one has not listened."""

    def __init__(
        self,
        attempt: Callable[[str, int, bool], str] = listening_error,
        clock: Clock = time.monotonic,
        period: float = _PERIOD,
    ) -> None:
        self._attempt, self._clock = attempt, clock
        self._due = Every(period, clock=clock)
        self._poller = Poller()
        self._errors: dict[str, str] = {}
        self._since: dict[str, float] = {}

    def down(self, services: Mapping[str, bool]) -> dict[str, str]:
        """Those of ``services`` (by name: whether it speaks TLS) that have not listened for a while, and why."""
        wanted = {name: secure for name, secure in services.items() if name in LISTENING}
        if self._due.due():
            self._probe(wanted)
        now = self._clock()
        lost = {name: now - self._since[name] for name in wanted if name in self._since}
        return {
            name: f"{self._errors[name]}, for {human_seconds(silence)}"
            for name, silence in lost.items()
            if silence > PATIENCE
        }

    def _probe(self, services: Mapping[str, bool]) -> None:
        work = {name: partial(self._attempt, name, LISTENING[name], secure) for name, secure in services.items()}
        for name, error in self._poller.run(work, _DEADLINE).items():
            if error:
                self._errors[name] = error
                self._since.setdefault(name, self._clock())
            else:
                self._since.pop(name, None)
