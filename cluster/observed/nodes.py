"""One node as its statistics views have it: its own state, and on the primary its standbys and slots.

The rows are those that the exporter makes metrics of (server, standbys, slots): no face has other numbers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from cluster import queries
from cluster.postgres.connection import Access, connect
from cluster.postgres.failures import ConnectError, Failure, translated
from cluster.postgres.lsn import Lsn
from cluster.postgres.ssl_request import answers_ssl_request

if TYPE_CHECKING:
    import psycopg

Row = Mapping[str, Any]
"""A row of one of the queries, by column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standby:
    """A standby as its upstream sees it."""

    node: str
    state: str
    sync_state: str

    @classmethod
    def of(cls, row: Row) -> Self:
        """Of a row of standbys.sql."""
        return cls(node=row["standby"], state=row["state"], sync_state=row["sync_state"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A replication slot, of a node or of somebody else's. Sizes in bytes, age in seconds."""

    name: str
    type: str
    active: bool
    wal_status: str | None
    safe_wal_size: int | None
    invalidation_reason: str | None
    inactive_seconds: float | None
    retained_bytes: int | None

    @classmethod
    def of(cls, row: Row) -> Self:
        """Of a row of slots.sql, in which ``none`` is a label's word for what is not there."""
        return cls(
            name=row["slot_name"],
            type=row["slot_type"],
            active=row["active"],
            wal_status=_unless_none(row["wal_status"]),
            safe_wal_size=row["safe_wal_size"],
            invalidation_reason=_unless_none(row["reason"]),
            inactive_seconds=None if row["active"] else row["inactive_seconds"],
            retained_bytes=row["retained_bytes"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """One running server. Ages and lag in seconds; ``connections`` are its clients, this reading itself left out.

    ``altered`` are parameters that ALTER SYSTEM set; ``waiting_commits`` wait for synchronous replicas, the one that
    waits longest for ``longest_commit`` seconds.
    """

    in_recovery: bool
    system_identifier: str
    timeline: int
    lsn: Lsn
    received_lsn: Lsn | None
    receiver_status: str | None
    receiver_silence: float | None
    lag_seconds: float
    io_method: str
    uptime: float
    pending_restart: tuple[str, ...]
    connections: int
    altered: tuple[str, ...] = ()
    waiting_commits: int = 0
    longest_commit: float = 0.0

    @classmethod
    def of(cls, server: Row) -> Self:
        """Of the row of server.sql."""
        received = server["received_lsn"]
        return cls(
            in_recovery=server["in_recovery"],
            system_identifier=server["system_identifier"],
            timeline=server["timeline"],
            lsn=Lsn((server["replayed_lsn"] if server["in_recovery"] else server["written_lsn"]) or 0),
            received_lsn=None if received is None else Lsn(received),
            receiver_status=server["receiver_status"],
            receiver_silence=server["receiver_silence"],
            lag_seconds=server["lag_seconds"],
            io_method=server["io_method"],
            uptime=server["uptime"],
            pending_restart=tuple(server["pending_restart"]),
            connections=server["connections"],
            altered=tuple(server["altered"]),
            waiting_commits=server["waiting_commits"],
            longest_commit=server["longest_commit"],
        )


def _unless_none(label: str) -> str | None:
    return None if label == "none" else label


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReading:
    """One node at one moment: facts, or in words why there are none.

    ``speaks``: there is a server, but a login takes longer than it may. ``away``: nothing on its host answers.
    """

    name: str
    facts: NodeFacts | None = None
    error: str = ""
    speaks: bool = False
    away: bool = False
    standbys: tuple[Standby, ...] = field(default=())
    slots: tuple[Slot, ...] = field(default=())

    @classmethod
    def of(cls, name: str, rows: Mapping[str, Iterable[Row]]) -> Self:
        """Of the rows of one server, by query; a replica's own standbys and slots are not read."""
        (server,) = rows["server"]
        standbys = tuple(Standby.of(row) for row in rows.get("standbys", ()))
        slots = tuple(Slot.of(row) for row in rows.get("slots", ()))
        return cls(name=name, facts=NodeFacts.of(server), standbys=standbys, slots=slots)


def read_node(name: str, access: Access) -> NodeReading:
    """Read one node; an unreachable one is a reading too."""
    connected = False
    try:
        with translated(), connect(access) as connection:
            connected = True
            rows = {"server": _rows(connection, "server")}
            if not rows["server"][0]["in_recovery"]:
                rows |= {query: _rows(connection, query) for query in ("standbys", "slots")}
    except ConnectError as error:
        hangs = not connected and error.kind is Failure.TIMEOUT
        return NodeReading(
            name=name, error=error.message, speaks=hangs and answers_ssl_request(access.host, access.port)
        )
    return NodeReading.of(name, rows)


def read_slots(connection: "psycopg.Connection[Any]") -> tuple[Slot, ...]:
    """The physical slots of the server at the other end."""
    return tuple(slot for row in _rows(connection, "slots") if (slot := Slot.of(row)).type == "physical")


def _rows(connection: "psycopg.Connection[Any]", query: str) -> list[Row]:
    return list(connection.execute(queries.get(query)).fetchall())
