"""Session parameters that PODS sets at login, so that no ALTER … SET changes what its SQL does or returns. Pure.

What is set at login wins over ALTER DATABASE … SET and ALTER ROLE … SET, so that nobody who may set something there
can run code in such a session, stop it, or change the form of its answers.
Source: PostgreSQL 18, src/include/utils/guc.h (GucSource); kept by tests/integration/test_32_owner.py.
"""

from cluster import roles

_OF_NOBODY = {
    "search_path": "pg_catalog,pg_temp",
    "role": "none",
    "local_preload_libraries": "",
    "default_transaction_read_only": "off",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "lock_timeout": "0",
    "transaction_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "row_security": "on",
    "exit_on_error": "off",
}
"""Where names lead, whose rights count, and what could end or refuse a statement."""
_PLAIN = {
    # no view and no foreign table that somebody made is ever read, as in pg_dump since CVE-2024-7348
    "restrict_nonsystem_relation_kind": "view,foreign-table",
    "client_min_messages": "warning",
    "DateStyle": "ISO,MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    "array_nulls": "on",
    "check_function_bodies": "on",
    "default_tablespace": "",
    "jit": "off",
    # What PODS itself does must not wait for a replica that `up` is about to start.
    "synchronous_commit": "local",
}
"""How answers look and what expressions mean."""
_SUPERUSERS = {
    "event_triggers": "off",
    "session_preload_libraries": "",
    "session_replication_role": "origin",
    "lc_messages": "C",
}
"""Parameters that only a superuser may set at login."""


def pinned(user: str, *, statement_timeout: float) -> dict[str, str]:
    """Parameters of a session in which PODS runs its own SQL as ``user``; the timeout in seconds, 0 for none."""
    return (
        _OF_NOBODY
        | _PLAIN
        | (_SUPERUSERS if user == roles.SUPERUSER else {})
        | roles.session_of(user)
        | {"statement_timeout": str(int(statement_timeout * 1000))}
    )


def guarded() -> dict[str, str]:
    """Parameters of a session in which a person is superuser: nobody's code, nobody's limits, their own formats."""
    return (
        _OF_NOBODY
        | {name: _SUPERUSERS[name] for name in ("event_triggers", "session_preload_libraries")}
        | {"statement_timeout": "0"}
    )


def options(parameters: dict[str, str]) -> str:
    """libpq's ``options`` with ``parameters``; a space within a value is escaped as the server wants it."""
    return " ".join(f"-c {name}={_escaped(value)}" for name, value in parameters.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
