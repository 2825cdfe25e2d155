"""The health service's server: one port for balancers, people and their pages."""

from pathlib import Path

import uvicorn

from cluster.http import server
from cluster.http.hosts import Application
from cluster.http.server import Bounds

PORT = 8080
BOUNDS = Bounds()


def make_server(
    application: Application,
    certificate: Path | None = None,
    key: Path | None = None,
    *,
    port: int = PORT,
    bounds: Bounds = BOUNDS,
) -> uvicorn.Server:
    """A server on every address of the container; over TLS with a certificate."""
    return server.make_server(application, port=port, bounds=bounds, lifespan=True, certificate=certificate, key=key)
