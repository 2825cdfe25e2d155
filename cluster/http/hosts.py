"""Check of the Host header, so that no other site's page reaches a service by DNS rebinding.

A page of evil.example whose name is made to lead to 127.0.0.1 (DNS rebinding) is, to the browser, of the same origin as
our pages: it may read them. The browser cannot lie about one thing, the Host header. Plain ASGI, for every service.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from cluster.config.mounted import MountedConfig
from cluster.config.settings import Settings

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PROBLEM_JSON = "application/problem+json"
"""RFC 9457."""
_ANY = "0.0.0.0"  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True)
class Hosts:
    """The names, in small letters, and whether every address is one of ours."""

    names: frozenset[str] = frozenset()
    any_address: bool = False

    def allow(self, host: str, local: str = "") -> bool:
        """Whether a Host header, with or without a port, names this service.

        ``local`` is the address at which the connection came in. An address cannot be rebound; still only those are
        ours that can lead here.
        """
        name = _without_port(host.strip().lower())
        if name is None:
            return False
        address = _address(name)
        if address is None:
            return name.removesuffix(".") in self.names
        return address.is_loopback or self.any_address or str(address) in {*self.names, local}


def allowed_hosts(settings: Settings, service: str, *binds: str) -> Hosts:
    """Loopback, the service's names in its networks, the addresses it is published on, and PODS_TLS_NAMES."""
    ours = {"localhost", service, f"{settings.project}-{service}-1"}
    return Hosts(
        names=frozenset(name.lower().removesuffix(".") for name in {*ours, *binds, *settings.tls_names}),
        any_address=_ANY in binds,
    )


def read_hosts(mounted: MountedConfig, service: str, binds: Callable[[Settings], tuple[str, ...]]) -> Hosts:
    """As the service's settings say now; without settings, loopback and its own name."""
    from cluster.errors import PodsError

    try:
        settings = mounted.read().settings
    except PodsError:
        return Hosts(names=frozenset({"localhost", service}))
    return allowed_hosts(settings, service, *binds(settings))


class HostCheck:
    """An application that answers only who addresses it by one of its names; anybody else gets 421.

    Who sends no Host at all (HTTP/1.0, such as HAProxy's checks) is no browser and passes.
    """

    def __init__(self, application: Application, hosts: Callable[[], Hosts]) -> None:
        self._application, self._hosts = application, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse."""
        if scope["type"] == "http" and not self._allowed(scope):
            return await _misdirected(scope, send)
        await self._application(scope, receive, send)

    def _allowed(self, scope: Scope) -> bool:
        given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        local = (scope.get("server") or ("",))[0]
        return not given or (len(given) == 1 and self._hosts().allow(given[0], local))


async def _misdirected(scope: Scope, send: Send) -> None:
    body = problem_body(421, "not a name of this service; PODS_WEB_TLS_NAMES or PODS_HEALTH_TLS_NAMES has its others")
    headers = [
        (b"content-type", PROBLEM_JSON.encode()),
        (b"cache-control", b"no-store"),
        (b"content-length", b"%d" % len(body)),
    ]
    await send({"type": "http.response.start", "status": 421, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal as RFC 9457 words it."""

    type: str
    title: str
    status: int
    detail: str


def problem_body(status: int, detail: str) -> bytes:
    """The JSON of a refusal."""
    return json.dumps(asdict(Problem("about:blank", HTTPStatus(status).phrase, status, detail))).encode()


def _without_port(host: str) -> str | None:
    """The name; None where what follows it is no port."""
    if host.startswith("["):
        name, bracket, port = host[1:].partition("]")
        separator, port = port[:1], port[1:]
        well = bool(bracket) and separator in ("", ":")
    else:
        name, separator, port = host.partition(":")
        well = True
    return name if well and ((port.isascii() and port.isdigit()) or not (separator or port)) else None


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(name)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
