"""What `up` ends with: addresses of pools, nodes and pages, and where the passwords are."""

from urllib.parse import quote

from cluster.config.settings import Settings
from cluster.endpoints import POOLER, PROXY, client_host, host_endpoint
from cluster.http.pages import EVERYWHERE, USER, pages
from compose.console import COMMAND
from compose.home.passwords import ALERTMANAGER, APP, GRAFANA, HEALTH, PROMETHEUS, password_file
from compose.stack import Stack


def connection_help(stack: Stack) -> str:
    """How to connect, without the password."""
    settings, topology = stack.settings, stack.topology
    lines = [f"{topology.project} is up. Connect as {settings.user}:"]
    targets = [
        ("writes", POOLER, f"{settings.database}_write"),
        ("reads", POOLER, f"{settings.database}_read"),
        ("direct", PROXY, settings.database),
    ]
    targets += [(name, name, settings.database) for name in topology.names]
    for label, service, database in targets:
        host, port = host_endpoint(settings, topology, service)
        host = client_host(settings) if service in (POOLER, PROXY) else host
        uri = f"postgresql://{settings.user}@{host}:{port}/{database}?sslmode=verify-full&sslrootcert={quote(str(stack.home.ca))}"
        lines.append(f"  {label:<10} {uri}")
    lines += [
        "direct is whichever node is the primary; the nodes keep their ports whatever they are.",
        f"The password is in {password_file(stack.home, APP)};",
        f"any libpq client takes it with PGREQUIREAUTH=scram-sha-256 PGPASSFILE={stack.home.app_pgpass}.",
        *_from_outside(settings),
        f"Or simply: {COMMAND.name} psql",
        *_pages(stack),
    ]
    return "\n".join(lines)


def _from_outside(settings: Settings) -> list[str]:
    """What clients on other machines still need: a name that the certificates are good for."""
    if settings.bind == EVERYWHERE and not settings.tls_names:
        return ["Other machines reach it by a name of this host that PODS_TLS_NAMES lists, and check it with ca.crt."]
    return []


_LOGINS = {"grafana": ("admin", GRAFANA), "prometheus": (USER, PROMETHEUS), "alertmanager": (USER, ALERTMANAGER)}
"""Who logs in to a page, and the secret with the password."""


def _pages(stack: Stack) -> list[str]:
    """Addresses of the web pages, and who logs in to each."""
    logins = dict(_LOGINS)
    if stack.settings.health_auth == "on":
        logins["health"] = ("health", HEALTH)
    shown = []
    for name, page in pages(stack.settings).items():
        if name in stack.optional_services and name != "exporter":
            user, secret = logins.get(name, ("", ""))
            login = f" ({user}; {password_file(stack.home, secret)})" if secret else ""
            shown.append(f"  {name:<14} {page.url}{login}")
    return ["Look at it:", *shown] if shown else []
