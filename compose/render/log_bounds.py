"""What becomes of the lines that servers write: bounds of the files that are kept, and what pgaudit records. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

from cluster.config.settings import Settings
from cluster.json_log import VARIABLE
from cluster.services import GUIDE, SUPERVISOR
from compose.render.compose_types import Service, VolumeMount
from compose.render.service_definition import mount

POOLER_LOG = "/run/pods/pgbouncer.log"
"""In memory, from where pods-logs takes it: PgBouncer ends where it cannot open its log file."""
_CLASSES: Mapping[str, str] = MappingProxyType(
    {"ddl": "ddl, role", "write": "ddl, role, write", "all": "ddl, role, write, read, function"}
)
"""Of pgaudit's classes; `misc` and `misc_set` are what PgBouncer sends after every transaction."""


def audit_parameters(settings: Settings) -> dict[str, str]:
    """pgaudit's parameters: only a superuser can set them otherwise, for a session, a role or a database.

    A line per relation, since that alone names it. Parameters of statements are left out: they are what people typed.
    """
    if settings.audit == "off":
        return {}
    return {
        "pgaudit.log": f"'{_CLASSES[settings.audit]}'",
        "pgaudit.log_catalog": "off",
        "pgaudit.log_level": "'log'",
        "pgaudit.log_client": "off",
        "pgaudit.log_statement": "on",
        "pgaudit.log_statement_once": "off",
        "pgaudit.log_parameter": "off",
        "pgaudit.log_relation": "on",
    }


def log_bounds(settings: Settings) -> str:
    """What pods-logs reads: the format, days and bytes of the log, days and bytes of the audit."""
    return f"{settings.log} {settings.log_days} {settings.log_size} {settings.audit_days} {settings.audit_size}\n"


def kept_log(service: str) -> VolumeMount:
    """Where a server writes what is kept of its log."""
    return mount(f"./data/logs/{service}", "/var/log/pods", read_only=False)


_OURS = frozenset({"gate", "exporter", "health", "backup", GUIDE, SUPERVISOR})


def with_log_format(name: str, service: Service, settings: Settings) -> Service:
    """A service of our own code that prints JSON, where it is asked for; else as it is."""
    if settings.log == "text" or name not in _OURS:
        return service
    return {**service, "environment": {**service.get("environment", {}), VARIABLE: settings.log}}
