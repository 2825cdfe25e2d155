"""The metric of logins that were refused."""

from cluster.config.settings import Settings
from cluster.roles import CONSOLE_ADMIN, declared
from cluster.second_login import second_login
from exporters.declarations import Family, counter

FAMILIES = (
    Family(
        source="failed_logins",
        prefix="pods_",
        labels=("server", "role", "source"),
        metrics=(
            counter(
                "failed_logins_total",
                "Logins that a node or PgBouncer refused since the exporter began. role: one of the cluster's, or "
                "`other`. source: host, containers, primary_port (HAProxy, which hides who), socket, private, public.",
            ),
        ),
    ),
)


def known_roles(settings: Settings) -> frozenset[str]:
    """Roles whose names may be labels: the cluster's own and declared ones."""
    own = {role.name for role in declared(settings.user)} | {CONSOLE_ADMIN}
    named = {role.name for role in settings.declared.roles if role.login} | {settings.user}
    return frozenset(own | named | {second_login(name) for name in named})
