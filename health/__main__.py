"""`python -m health`: the service in its container. Settings and topology in /etc/pods, secrets in /run."""

import asyncio
import logging
import sys
from dataclasses import dataclass
from pathlib import Path

from cluster.config.mounted import SECRETS, MountedConfig
from cluster.config.settings import Settings
from cluster.errors import PodsError
from cluster.http.hosts import HostCheck, read_hosts
from cluster.http.pages import health_address
from cluster.http.server import serve
from cluster.http.sockets import sockets
from cluster.json_log import choose_log_format
from health.app import HealthService
from health.auth import Authentication
from health.insight.finding_recorder import FindingRecorder
from health.insight.insight_reports import InsightReports
from health.insight.report_maker import ReportMaker
from health.insight.statement_recorder import StatementRecorder
from health.readers import ReadPoolKeeper
from health.server import BOUNDS, PORT, make_server
from health.watcher import ClusterWatcher

TLS = Path("/run/tls")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ListenerConfig:
    """Secret of the listener, whether all its paths ask for it, and its certificate, empty where it needs none."""

    secret: bytes
    everywhere: bool
    certificate: bytes

    @property
    def tls(self) -> tuple[Path, Path] | tuple[None, None]:
        """Certificate and key."""
        return (TLS / "server.crt", TLS / "server.key") if self.certificate else (None, None)


def read_listener(config: MountedConfig) -> ListenerConfig:
    """From the mounted files.

    Raises:
        PodsError: there are no settings.
        OSError: a file that the settings ask for is missing.
    """
    settings = config.read().settings
    secret = (SECRETS / "health_password").read_bytes().strip()
    if not secret:
        raise OSError(f"{SECRETS}/health_password is empty")
    return ListenerConfig(
        secret=secret,
        everywhere=settings.health_auth == "on",
        certificate=(TLS / "server.crt").read_bytes() if settings.health_tls == "on" else b"",
    )


def _names(settings: Settings) -> tuple[str, ...]:
    return (health_address(settings), *settings.health_tls_names)


def main() -> None:
    """Serve; the engine starts it anew when it ends because secret, certificate or settings of its listener changed."""
    choose_log_format("health")
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    config = MountedConfig()
    try:
        listener = read_listener(config)
    except (PodsError, OSError) as error:
        sys.exit(f"the health service cannot start: {error}")

    def changed() -> bool:
        try:
            return read_listener(config) != listener
        except (PodsError, OSError):
            return False  # half written, perhaps; it is read again soon

    authentication = Authentication(listener.secret, everywhere=listener.everywhere)
    watcher = ClusterWatcher(MountedConfig(), readers=ReadPoolKeeper())
    recorder = StatementRecorder(MountedConfig())
    reports = InsightReports(ReportMaker(MountedConfig(), recorder))
    service = HealthService(watcher, authentication, recorder, reports)
    FindingRecorder(MountedConfig()).start()
    hosts = HostCheck(service, lambda: read_hosts(config, "health", _names))
    listening = sockets(config.read().settings.project, "health", PORT)
    asyncio.run(serve(make_server(hosts, *listener.tls), BOUNDS, changed, listening))


if __name__ == "__main__":
    main()
