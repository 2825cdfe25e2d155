"""What `up` ends with: addresses of pools and pages, and where the passwords are."""

from cluster.config.settings import Settings
from cluster.http.pages import EVERYWHERE, USER, pages
from compose.console import COMMAND
from compose.home.passwords import ALERTMANAGER, APP, GRAFANA, HEALTH, PROMETHEUS, password_file
from compose.report.connection.choice import chosen_details
from compose.report.connection.forms import connection_summary
from compose.stack import Stack


def connection_help(stack: Stack) -> str:
    """How to connect to the application's database, without the password."""
    lines = [
        f"{stack.topology.project} is up. {connection_summary(chosen_details(stack)).rstrip()}",
        *_others(stack.settings),
        *_from_outside(stack.settings),
        f"Or simply: {COMMAND.name} psql. The password itself is in {password_file(stack.home, APP)}.",
        *_pages(stack),
    ]
    return "\n".join(lines)


def _others(settings: Settings) -> list[str]:
    """Some of the other databases."""
    names = [each.name for each in settings.declared.databases[1:]]
    more = ", …" if len(names) > _SHOWN else ""
    return [f"Other databases: {', '.join(names[:_SHOWN])}{more}: {COMMAND.name} connect NAME"] if names else []


_SHOWN = 5
"""Names of other databases at most."""


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
        if name == "health" and {name, "prometheus"} <= {*stack.optional_services}:
            secret_file = password_file(stack.home, HEALTH)
            shown.append(f"  {'dashboards':<14} {page.url}dashboards (health; {secret_file})")
    return ["Look at it:", *shown] if shown else []
