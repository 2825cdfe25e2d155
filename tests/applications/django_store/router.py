"""Reads go to the replicas' pool, writes to the primary's."""

from typing import Any


class Router:
    """Django's, as its documentation has it for one primary and its replicas."""

    def db_for_read(self, _model: Any, **_hints: Any) -> str:
        """Of the pool of all readers."""
        return "replica"

    def db_for_write(self, _model: Any, **_hints: Any) -> str:
        """Of the primary."""
        return "default"

    def allow_relation(self, _one: Any, _other: Any, **_hints: Any) -> bool:
        """Both are one database."""
        return True

    def allow_migrate(self, db: str, _app: str, **_hints: Any) -> bool:
        """Only where one can write."""
        return db == "default"
