"""How a setting is declared: its default as text, the check that reads it, what people are told of it."""

from collections.abc import Callable
from dataclasses import field
from typing import TypeVar, cast

T = TypeVar("T")
CLUSTER, PORTS, POSTGRESQL, PGBOUNCER, FAILOVER, LOGS, MONITORING, HEALTH, ALERTS, BACKUPS, IMAGES, TIMEOUTS = (
    "The cluster",
    "Where it listens",
    "PostgreSQL",
    "PgBouncer",
    "Failover",
    "Logs",
    "Monitoring",
    "Health",
    "Alerts",
    "Backups",
    "Images",
    "Patience",
)
"""Sections of `.env.example` and of the reference page, in their order."""


def setting(
    default: str, parse: Callable[[str], T], text: str, section: str, *, variable: str = "", secret: bool = False
) -> T:
    """A field of the settings. ``variable`` is its name in the environment where that does not follow from its own."""
    metadata = {
        "default": default,
        "parse": parse,
        "help": text,
        "section": section,
        "variable": variable,
        "secret": secret,
    }
    return cast("T", field(metadata=metadata, repr=not secret))
