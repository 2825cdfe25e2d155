"""`python -m exporters`: serve until told to stop."""

import asyncio

from cluster.http_hosts import HostCheck, read_hosts
from cluster.http_server import Bounds, make_server, serve
from cluster.inside import Window
from exporters.server import app

PORT = 9187
BOUNDS = Bounds(connections=1000, idle=90)
"""An idle connection stays longer than Prometheus' usual interval."""


def main() -> None:
    """Listen inside the cluster's network."""
    window = Window()
    hosts = HostCheck(app(window), lambda: read_hosts(window, "exporter", lambda settings: (settings.web_bind,)))
    asyncio.run(serve(make_server(hosts, port=PORT, bounds=BOUNDS), BOUNDS))


if __name__ == "__main__":
    main()
