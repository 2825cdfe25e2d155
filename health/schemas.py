"""The shapes of every answer, as JSON Schema: what the OpenAPI document refers to, and tests hold the answers to."""

from typing import Any

_NULL = {"type": "null"}
TEXT = {"type": "string"}
_WHOLE = {"type": "integer"}
_NUMBER = {"type": "number"}
_FLAG = {"type": "boolean"}
_TEXTS = {"type": "array", "items": TEXT}


def _or_null(kind: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [kind, _NULL]}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def ref(name: str) -> dict[str, Any]:
    """A reference to one of SCHEMAS."""
    return {"$ref": f"#/components/schemas/{name}"}


def _many(name: str) -> dict[str, Any]:
    return {"type": "array", "items": ref(name)}


_BYTES, _SECONDS = _or_null({**_WHOLE, "description": "bytes"}), _or_null({**_NUMBER, "description": "seconds"})
_TAKEN = {**_NUMBER, "description": "Unix time of the look"}
_AGE = {**_NUMBER, "minimum": 0, "description": "seconds since the look"}
_ROLE = {"enum": ["primary", "replica"]}

_NODE = {
    "name": TEXT,
    "role": _ROLE,
    "wanted_role": _ROLE,
    "member": _FLAG,
    "state": TEXT,
    "healthy": _FLAG,
    "reasons": _TEXTS,
    "port": _WHOLE,
    "timeline": _or_null(_WHOLE),
    "lsn": _or_null(TEXT),
    "received_lsn": _or_null(TEXT),
    "lag_bytes": _BYTES,
    "lag_seconds": _SECONDS,
    "sync": _or_null(TEXT),
    "slot": _or_null(TEXT),
    "wal_status": _or_null(TEXT),
    "retained_bytes": _BYTES,
    "io_method": _or_null(TEXT),
    "uptime": _SECONDS,
    "connections": _or_null(_WHOLE),
    "pending_restart": _TEXTS,
    "error": TEXT,
}
_POOL = {
    "name": TEXT,
    "target": _TEXTS,
    "clients": _or_null(_WHOLE),
    "waiting": _or_null(_WHOLE),
    "max_wait": _SECONDS,
    "servers_active": _or_null(_WHOLE),
    "servers_idle": _or_null(_WHOLE),
    "size": _or_null(_WHOLE),
    "paused": _or_null(_FLAG),
}
_SLOT = {
    "name": TEXT,
    "node": _or_null(TEXT),
    "active": _FLAG,
    "wal_status": _or_null(TEXT),
    "safe_wal_size": _BYTES,
    "invalidation_reason": _or_null(TEXT),
    "inactive_seconds": _SECONDS,
    "retained_bytes": _BYTES,
}
_MEMBER = {
    "name": TEXT,
    "role": {"enum": ["leader", "replica", "sync_standby", "quorum_standby"]},
    "state": TEXT,
    "host": TEXT,
    "port": _WHOLE,
    "timeline": _or_null(_WHOLE),
}
SCHEMAS: dict[str, Any] = {
    "Node": _object(**_NODE),
    "NodeAnswer": _object(**_NODE, age=_AGE),
    "Pool": _object(**_POOL),
    "Slot": _object(**_SLOT),
    "Backup": _object(last_success=_or_null(_NUMBER), last_backup=_or_null(TEXT), archive_lag_seconds=_SECONDS),
    "Overview": _object(
        project=TEXT,
        status={"enum": ["healthy", "degraded"]},
        healthy=_FLAG,
        reasons=_TEXTS,
        notes=_TEXTS,
        primary=_or_null(TEXT),
        nodes=_many("Node"),
        pools=_many("Pool"),
        slots=_many("Slot"),
        backup=_or_null(ref("Backup")),
        taken=_TAKEN,
        age=_AGE,
    ),
    "Replication": _object(
        healthy=_FLAG,
        primary=_or_null(TEXT),
        written=_or_null(TEXT),
        replicas=_many("Node"),
        slots=_many("Slot"),
        taken=_TAKEN,
        age=_AGE,
    ),
    "Member": {
        **_object(**_MEMBER),
        "properties": {**_MEMBER, "lag": {"anyOf": [_WHOLE, {"const": "unknown"}]}},
    },
    "Cluster": _object(scope=TEXT, members=_many("Member"), taken=_TAKEN, age=_AGE),
    "Passing": _object(nodes=_TEXTS, age=_AGE),
    "Alive": _object(alive={"const": True}, age=_AGE),
    "Point": _object(
        taken=_NUMBER,
        written=_BYTES,
        lag={"type": "object", "additionalProperties": _BYTES},
        healthy=_FLAG,
    ),
    "History": _object(points=_many("Point")),
    "Problem": _object(type=TEXT, title=TEXT, status=_WHOLE, detail=TEXT),
}
