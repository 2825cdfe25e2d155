"""What a data directory says about itself, read from its files without starting anything.

Source of the layout: PostgreSQL 18, src/include/catalog/pg_control.h, ``ControlFileData``: system_identifier (uint64),
pg_control_version (uint32), catalog_version_no (uint32), state (uint32), padding, time (int64), checkPoint (uint64),
then the checkpoint record: redo (uint64), ThisTimeLineID (uint32). Native byte order.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

from cluster.lsn import Lsn

MAJOR = "18"
PGDATA = Path(MAJOR) / "docker"
"""Where the data is below a node's directory: the official image's layout."""
_LAYOUT = struct.Struct("=QIII4xqQQI")
_CONTROL_VERSION = 1800
"""PG_CONTROL_VERSION of PostgreSQL 18."""
_STATES = (
    "starting up",
    "shut down",
    "shut down in recovery",
    "shutting down",
    "in crash recovery",
    "in archive recovery",
    "in production",
)


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """One node's data: major version, identity, state at the last write of pg_control, last checkpoint, timeline."""

    major: str
    system_identifier: str
    state: str
    checkpoint: Lsn
    timeline: int
    standby: bool


def read_data_directory(node_directory: Path) -> DataDirectory | None:
    """Read the data below ``node_directory``; None where there is none.

    Raises:
        ValueError: there is something, but it is not whole.
    """
    foreign = [p.parent.parent.name for p in node_directory.glob("*/*/PG_VERSION") if p.parent.parent.name != MAJOR]
    pgdata = node_directory / PGDATA
    if not pgdata.exists():
        return DataDirectory(foreign[0], "", "", Lsn(0), 0, standby=False) if foreign else None
    try:
        major = (pgdata / "PG_VERSION").read_text().strip()
        control = (pgdata / "global" / "pg_control").read_bytes()
        system, version, _, state, _, checkpoint, _, timeline = _LAYOUT.unpack_from(control)
        if major == MAJOR and version != _CONTROL_VERSION:
            raise ValueError(f"{pgdata}/global/pg_control is damaged")
        known = _STATES[state]
    except FileNotFoundError as error:
        raise ValueError(f"{error.filename} is missing") from None
    except (struct.error, IndexError):
        raise ValueError(f"{pgdata}/global/pg_control is damaged") from None
    return DataDirectory(
        major, str(system), known, Lsn(checkpoint), timeline, standby=(pgdata / "standby.signal").exists()
    )
