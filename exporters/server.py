"""The exporter's pages: one process for the whole cluster, whatever the number of replicas.

/probe?target=NODE   one node; a name that is no node's is refused, so that nobody is sent anywhere else
/metrics             PgBouncer, containers, disks, and the exporter itself
/sd                  the nodes, for Prometheus' HTTP service discovery
/-/healthy /-/ready  the process lives; it knows its cluster
"""

from typing import TYPE_CHECKING

from cluster.config.mounted import ClusterConfig, MountedConfig
from cluster.errors import PodsError
from cluster.single_flight import SingleFlight
from exporters.scrape import Scrape, Scraper

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

VERSION = "0.1.0"
PATIENCE = 3.0
"""Seconds a scrape may take, if Prometheus allows as much."""
THREADS = 64
"""More than there can be nodes, PgBouncer and gate."""
_MARGIN = 0.5
"""Seconds kept back from Prometheus' timeout for the response to travel."""
_LEAST = 0.5
_ENCODING = 0.3
"""Seconds in which what was read in time is written."""


def patience(header: str | None) -> float:
    """Seconds to spend on a scrape, from ``X-Prometheus-Scrape-Timeout-Seconds``."""
    try:
        allowed = float(header or "")
    except ValueError:
        return PATIENCE
    return min(PATIENCE, max(_LEAST, allowed - _MARGIN)) if allowed > 0 else PATIENCE


def service_discovery(config: ClusterConfig, address: str) -> list[dict[str, object]]:
    """The nodes as targets of an exporter at ``address``; each is an instance of its own."""
    return [
        {
            "targets": [address],
            "labels": {
                "__metrics_path__": "/probe",
                "__param_target": name,
                "instance": name,
                "cluster": config.topology.project,
            },
        }
        for name in config.topology.names
    ]


class Pages:
    """The handlers. Each reads the mounted files again, and so follows replicas as they come and go."""

    def __init__(self, mounted: MountedConfig) -> None:
        self._mounted = mounted
        self._running: SingleFlight[Scrape] = SingleFlight(THREADS, "scrape")
        self._scraper = Scraper(VERSION)

    async def probe(self, request: "Request") -> "Response":
        """One node."""
        from starlette.responses import PlainTextResponse

        config, target = self._mounted.read(), request.query_params.get("target", "")
        if target not in config.topology.names:
            known = ", ".join(config.topology.names)
            return PlainTextResponse(f"there is no node of that name; the nodes are: {known}\n", 400)
        limit, accept = _limits(request)
        scrape = await self._running.join(target, self._scraper.node(config, target, limit, accept), limit + _ENCODING)
        return _page(scrape or self._scraper.late_node(target, limit), accept)

    async def metrics(self, request: "Request") -> "Response":
        """All that is no node."""
        from starlette.responses import PlainTextResponse

        limit, accept = _limits(request)
        # a name with a space is no node's
        scrape = await self._running.join(
            "the stack", self._scraper.stack(self._mounted.read(), limit, accept), limit + _ENCODING
        )
        return PlainTextResponse("the stack did not answer in time\n", 503) if scrape is None else _page(scrape, accept)

    async def discover(self, request: "Request") -> "Response":
        """The nodes, at the address this request came to."""
        from starlette.responses import JSONResponse

        return JSONResponse(service_discovery(self._mounted.read(), request.url.netloc))

    async def healthy(self, _: "Request") -> "Response":
        """The process lives."""
        from starlette.responses import PlainTextResponse

        return PlainTextResponse("healthy\n")

    async def ready(self, _: "Request") -> "Response":
        """It knows its cluster."""
        from starlette.responses import PlainTextResponse

        self._mounted.read()
        return PlainTextResponse("ready\n")

    async def index(self, _: "Request") -> "Response":
        """What there is."""
        from starlette.responses import HTMLResponse

        nodes = "".join(
            f'<li><a href="/probe?target={name}">{name}</a></li>' for name in self._mounted.read().topology.names
        )
        links = '<li><a href="/metrics">the rest of the stack</a></li><li><a href="/sd">service discovery</a></li>'
        return HTMLResponse(
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>PODS exporter</title>'
            f"<h1>PODS exporter</h1><ul>{nodes}{links}</ul></html>"
        )


def _limits(request: "Request") -> tuple[float, str]:
    headers = request.headers
    return patience(headers.get("x-prometheus-scrape-timeout-seconds")), headers.get("accept", "")


def _page(scrape: Scrape, accept: str) -> "Response":
    from starlette.responses import Response

    body, content_type = scrape.page(accept)
    return Response(body, headers={"content-type": content_type})


async def _refused(_: "Request", error: Exception) -> "Response":
    from starlette.responses import PlainTextResponse

    assert isinstance(error, PodsError)
    return PlainTextResponse(f"{error.message}\n", 503)


def app(mounted: MountedConfig) -> "Starlette":
    """The exporter as an ASGI application."""
    from starlette.applications import Starlette
    from starlette.routing import Route

    pages = Pages(mounted)
    routes = {
        "/": pages.index,
        "/probe": pages.probe,
        "/metrics": pages.metrics,
        "/sd": pages.discover,
        "/-/healthy": pages.healthy,
        "/-/ready": pages.ready,
    }
    return Starlette(
        routes=[Route(path, handler) for path, handler in routes.items()], exception_handlers={PodsError: _refused}
    )
