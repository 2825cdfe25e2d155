"""`python -m exporters`: serve until told to stop."""

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

from cluster.config.mounted import SECRETS, MountedConfig
from cluster.errors import PodsError
from cluster.http.hosts import HostCheck, read_hosts
from cluster.http.pages import pages
from cluster.http.server import Bounds, make_server, serve
from cluster.http.sockets import sockets
from cluster.json_log import choose_log_format
from exporters.auth import PasswordGate
from exporters.server import app

PORT = 9187
BOUNDS = Bounds(connections=1000, idle=90)
"""An idle connection stays longer than Prometheus' usual interval."""
TLS = Path("/run/tls")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ExporterConfig:
    """Password that requests must carry, and the TLS certificate; empty where it speaks no TLS."""

    secret: bytes
    certificate: bytes


def read_config(mounted: MountedConfig, secrets: Path = SECRETS, tls: Path = TLS) -> ExporterConfig:
    """As the files say now.

    Raises:
        PodsError: there are no settings.
        OSError: a file is missing, or the password empty.
    """
    secure = pages(mounted.read().settings)["exporter"].secure
    secret = (secrets / "exporter_password").read_bytes().strip()
    if not secret:
        raise OSError(f"{secrets}/exporter_password is empty")
    return ExporterConfig(secret=secret, certificate=(tls / "server.crt").read_bytes() if secure else b"")


def main() -> None:
    """Serve the exporter; it ends when its certificate changes, and the engine starts it again."""
    choose_log_format("exporter")
    mounted = MountedConfig()
    try:
        config = read_config(mounted)
    except (PodsError, OSError) as error:
        sys.exit(f"the exporter cannot start: {error}")

    def changed() -> bool:
        try:
            return read_config(mounted) != config
        except (PodsError, OSError):
            return False  # half written, perhaps; it is read again at the next sweep

    page = pages(mounted.read().settings)["exporter"]
    guarded = HostCheck(
        PasswordGate(app(mounted), config.secret),
        lambda: read_hosts(mounted, "exporter", lambda settings: (settings.web_bind, *settings.web_tls_names)),
    )
    pair = (TLS / "server.crt", TLS / "server.key") if page.secure else (None, None)
    server = make_server(guarded, port=PORT, bounds=BOUNDS, certificate=pair[0], key=pair[1])
    listening = sockets(mounted.read().settings.project, page.service, PORT)
    asyncio.run(serve(server, BOUNDS, changed, listening))


if __name__ == "__main__":
    main()
