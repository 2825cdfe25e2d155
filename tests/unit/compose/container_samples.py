"""Containers made by hand: one that runs as it should, and ways to spoil it."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from compose.engine.containers import Container


def container(service: str, **changes: Any) -> Container:
    """A container that is well."""
    well = Container(
        service=service,
        name=f"pods-{service}-1",
        id=f"id-of-{service}",
        status="running",
        health="healthy",
        exit_code=0,
        restarts=0,
        oom_killed=False,
        started=datetime(2026, 1, 1, tzinfo=UTC),
        definition="",
        one_off=False,
        directory="",
    )
    return replace(well, **changes)


def engine_without_containers() -> Any:
    """An engine on which nothing runs: what the reader's own has is none of a unit test's business."""
    return SimpleNamespace(api=SimpleNamespace(containers=lambda **_: []))
