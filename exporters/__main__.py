"""`python -m exporters`: serve until told to stop."""

import uvicorn

from cluster.inside import Window
from exporters.server import app

PORT = 9187
_KEPT_OPEN = 90
"""Seconds for which an idle connection stays: longer than Prometheus' usual interval."""


def main() -> None:
    """Listen inside the cluster's network."""
    config = uvicorn.Config(
        app(Window()),
        host="0.0.0.0",  # noqa: S104 - of its own container; the host's port is published on loopback
        port=PORT,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEPT_OPEN,
        timeout_graceful_shutdown=3,
        lifespan="off",
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
