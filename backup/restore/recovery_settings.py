"""The parameters a restored cluster recovers with, and which of those it brought along must not stay. Pure.

They go into postgresql.auto.conf, which is in the data directory wherever the rest of the configuration is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from backup.restore.plan import Plan
from cluster.postgres.data_directory import standby_minimums

_SETTING = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_.]*)")
_STALE = (
    "recovery_target",
    "restore_command",
    "archive_",
    "recovery_end_command",
    "recovery_min_apply_delay",
    "primary_conninfo",
    "primary_slot_name",
    "synchronous_standby_names",
)
"""Beginnings of parameters that belong to the cluster it was, not to the one it becomes."""
FROM_RESTORE = "# From the restore:"
"""What follows this line in postgresql.auto.conf is the recovery's, and no longer wanted when it is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """How to recover.

    ``restore_command`` fetches one file, with PostgreSQL's %f and %p; ``action`` is done at the target; ``parameters``
    are written beside; ``floor``: also write the primary's own values of what must not be smaller than there. A cluster
    that has a whole configuration of its own elsewhere (``in place``) wants no floor, which would outlive the recovery.
    """

    restore_command: str
    action: Literal["promote", "pause", "shutdown"] = "promote"
    parameters: Mapping[str, str] = field(default_factory=dict)
    floor: bool = True


def settings(plan: Plan, recovery: Recovery, controldata: str) -> dict[str, str]:
    """Parameters to recover ``plan`` with; ``controldata`` is what pg_controldata said in English."""
    return {
        **(standby_minimums(controldata) if recovery.floor else {}),
        # Tablespaces are folders in the data directory after a restore, which is then whole by itself wherever it is
        # mounted. Without this PostgreSQL takes them for what a dropped tablespace left and stops.
        **({"allow_in_place_tablespaces": "on"} if plan.backup.tablespaces else {}),
        # A copy that archived would put a timeline of its own into the cluster's archive.
        "archive_mode": "off",
        "restore_command": recovery.restore_command,
        **plan.target.settings(),
        "recovery_target_timeline": "current" if plan.target.kind == "immediate" else str(plan.timeline),
        "recovery_target_action": recovery.action,
        **recovery.parameters,
    }


def rewrite(text: str, chosen: Mapping[str, str]) -> str:
    """postgresql.auto.conf without what is stale and with ``chosen`` at the end."""
    kept = [line for line in text.splitlines() if not _goes(line, chosen)]
    lines = [f"{name} = {_quoted(value)}" for name, value in chosen.items()]
    return "\n".join([*kept, FROM_RESTORE, *lines]) + "\n"


def _goes(line: str, chosen: Mapping[str, str]) -> bool:
    match = _SETTING.match(line)
    name = match[1].lower() if match else ""
    return name.startswith(_STALE) or name in chosen


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
