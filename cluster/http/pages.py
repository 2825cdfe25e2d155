"""The web pages of a cluster: on which address each listens, whether over TLS, and under which host names. Pure."""

from dataclasses import dataclass

from cluster.config.settings import Settings
from cluster.config.validators import on_loopback

EVERYWHERE = "0.0.0.0"  # noqa: S104 - compared, not bound
_LOOPBACK = ("localhost", "127.0.0.1")
USER = "pods"
"""Who logs in to Prometheus, Alertmanager and exporter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Where people and programs outside find one of the services; ``names``: what else it is called there."""

    service: str
    bind: str
    port: int
    secure: bool
    names: tuple[str, ...]

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""
        return "https" if self.secure else "http"

    @property
    def address(self) -> str:
        """Where a browser on this host finds it."""
        return "127.0.0.1" if self.bind == EVERYWHERE else self.bind

    @property
    def url(self) -> str:
        """As a browser on this host has it."""
        return f"{self.scheme}://{self.address}:{self.port}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every name it may be asked by, its service's own first; a certificate of it is good for these alone."""
        here = _LOOPBACK if self.bind in (*_LOOPBACK, EVERYWHERE) else (self.bind,)
        return tuple(dict.fromkeys((self.service, *here, *self.names)))


def pages(settings: Settings) -> dict[str, Page]:
    """Every page there may be, by service; whether it runs, ``cluster.pools`` says."""
    watching = {
        service: Page(
            service=service,
            bind=settings.web_bind,
            port=getattr(settings, f"{service}_port"),
            secure=web_over_tls(settings),
            names=settings.web_tls_names,
        )
        for service in ("exporter", "prometheus", "alertmanager", "grafana")
    }
    health = Page(
        service="health",
        bind=health_address(settings),
        port=settings.health_port,
        secure=settings.health_tls == "on",
        names=settings.health_tls_names,
    )
    return {"health": health, **watching}


def web_over_tls(settings: Settings) -> bool:
    """Whether Prometheus, Alertmanager, exporter and Grafana speak TLS."""
    return settings.web_tls == "on" or (settings.web_tls == "auto" and not on_loopback(settings.web_bind))


def health_address(settings: Settings) -> str:
    """The address of this host on which the health service listens."""
    return settings.health_bind or (settings.web_bind if on_loopback(settings.web_bind) else "127.0.0.1")
