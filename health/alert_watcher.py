"""Reads Alertmanager every few seconds, in a thread of its own: no request and no poll of the cluster waits for it."""

import logging
import threading
import time
from dataclasses import dataclass, replace
from typing import Self

from cluster.alerts import AlertList, AlertStatus, parse_alerts, parse_silences
from cluster.config.mounted import ClusterConfig, MountedConfig
from cluster.errors import PodsError
from cluster.http.client import network_access, request_json

_SERVICE = "alertmanager"
PERIOD = 5.0
"""Seconds from the end of one reading to the beginning of the next."""
FORGOTTEN = 30.0
"""Seconds after which a reading no longer counts as knowledge."""

log = logging.getLogger("health")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertReading:
    """What Alertmanager had at ``taken`` (monotonic clock). ``error``: why it is unknown; ``off``: nobody watches."""

    alerts: tuple[AlertStatus, ...] = ()
    error: str = "it has not been read yet"
    off: bool = False
    taken: float = float("-inf")

    def aged(self, now: float) -> Self:
        """The same, with an error where it is too old; at first there is no news yet."""
        age = now - self.taken
        known = not self.error and not self.off
        return replace(self, error=f"no news for {age:.0f} s") if known and age > FORGOTTEN else self


class AlertWatcher:
    """``latest`` is what is known."""

    def __init__(self, config: MountedConfig) -> None:
        self.latest = AlertReading()
        self._config = config
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to read, until ``stop``."""
        threading.Thread(target=self._run, name="alerts", daemon=True).start()

    def stop(self) -> None:
        """End after the reading that runs."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self.read()
            self._stopped.wait(PERIOD)

    def read(self) -> None:
        """Read once; an error is kept in its place."""
        try:
            self.latest = _reading(self._config.read())
        except PodsError as error:
            self.latest = AlertReading(error=error.message)
        except Exception:
            # a bug here must be seen, and must not end the thread
            log.exception("alerts were not read")
            self.latest = AlertReading(error="they were not read; see the log of the health service")


def _reading(config: ClusterConfig) -> AlertReading:
    if config.settings.monitoring == "off":
        return AlertReading(error="PODS_MONITORING is off", off=True)
    found = _alerts(config)
    return AlertReading(alerts=found.alerts, error=found.error, taken=time.monotonic())


def _alerts(config: ClusterConfig) -> AlertList:
    access = network_access(config.settings, _SERVICE, config.secret(_SERVICE), config.ca)
    silences = parse_silences(request_json(access, "/api/v2/silences"))
    return parse_alerts(request_json(access, "/api/v2/alerts"), silences)
