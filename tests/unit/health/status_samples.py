"""Views made by hand for the health service: a cluster as it should be, judged, and a watcher that has polled it."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from cluster.config.mounted import MountedConfig
from cluster.config.settings import Settings
from cluster.observed.snapshot import Snapshot
from cluster.pools import pools
from cluster.topology import Topology
from cluster.view import View, make_view
from health.app import HealthService
from health.auth import Authentication
from health.dashboards.prometheus import Prometheus
from health.insight.statement_recorder import StatementRecorder
from health.responses import make_response_table
from health.watcher import ClusterWatcher
from tests.fix_settings import settings_of, topology_of
from tests.unit.snapshot_samples import NOW, as_wanted

SETTINGS = settings_of()
TOPOLOGY = topology_of(SETTINGS)
WELL = as_wanted(TOPOLOGY, pools(SETTINGS, TOPOLOGY))


def view_of(
    snapshot: Snapshot = WELL, *, topology: Topology = TOPOLOGY, settings: Settings = SETTINGS, **more: Any
) -> View:
    """What the watcher makes of a snapshot."""
    return make_view(settings, topology, snapshot, **{"written": NOW, **more})


class Still(ClusterWatcher):
    """A watcher that does not run: what it polled stays as it is."""

    def start(self) -> None:
        """Nothing."""


def polled(view: View | None = None, *, age: float = 0.0, config: MountedConfig | None = None) -> ClusterWatcher:
    """A watcher that does not run, and has polled once, ``age`` seconds ago."""
    watcher = Still(config or MountedConfig())
    watcher.error = ""
    chosen = view or view_of()
    watcher.latest = make_response_table(chosen, time.monotonic() - age, watcher.history.add(chosen))
    return watcher


@dataclass
class Client:
    """Asks the service without a server between."""

    watcher: ClusterWatcher
    secret: bytes = b""
    everywhere: bool = True
    recorder: StatementRecorder | None = None
    prometheus: Prometheus | None = None

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """GET."""
        return self.request("GET", path, headers)

    def request(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """One request."""
        return asyncio.run(self._request(method, path, headers or {}))

    async def _request(self, method: str, path: str, headers: Mapping[str, str]) -> httpx.Response:
        transport = httpx.ASGITransport(
            HealthService(
                self.watcher,
                Authentication(self.secret, everywhere=self.everywhere),
                self.recorder,
                prometheus=self.prometheus,
            ),
            raise_app_exceptions=False,
        )
        async with httpx.AsyncClient(transport=transport, base_url="http://health") as client:
            return await client.request(method, path, headers=headers)
