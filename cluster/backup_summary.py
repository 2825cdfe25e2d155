"""The backup service's own summary, which the status, the health page and the API show."""

from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Annotated, Self

from cluster.documents import parse_json, read_as


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSummary:
    """``last_success`` is Unix time; the lag is how long ago the oldest WAL was received that a store lacks."""

    last_success: float | None = None
    last_backup: str | None = None
    archive_lag_seconds: Annotated[float, "seconds"] | None = None

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """From the service's file; a field of another type counts as unknown, so that a broken one hides no other.

        Raises:
            ValueError: it is no JSON object.
        """
        raw = parse_json(text)
        if not isinstance(raw, dict):
            raise ValueError("it is no JSON object")  # noqa: TRY004 - what every reader of documents raises
        known = {}
        for name in {each.name for each in fields(cls)} & raw.keys():
            with suppress(ValueError):
                known[name] = getattr(read_as(cls, {name: raw[name]}), name)
        return cls(**known)
