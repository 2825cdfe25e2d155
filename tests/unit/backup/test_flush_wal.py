"""The present is archived through whoever takes writes; a server that takes none has no new segment to begin."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import psycopg
import pytest

from backup.service import flush_wal
from cluster.backup_status import ArchiveStatus


def test_who_became_a_standby_this_moment_archives_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def connect(_: object) -> Iterator[None]:
        yield None

    def fetch_one(*_: object) -> NoReturn:
        raise psycopg.errors.InternalError_("cannot assign TransactionIds during recovery")

    running = SimpleNamespace(archive=ArchiveStatus(streaming=True, updated=time.time()))
    monkeypatch.setattr(flush_wal, "read_status", lambda _: running)
    monkeypatch.setattr(flush_wal, "connect", connect)
    monkeypatch.setattr(flush_wal, "fetch_one", fetch_one)
    context: Any = SimpleNamespace(
        state=Path("state"), access=lambda _: None, inside=SimpleNamespace(topology=SimpleNamespace(primary="alpha"))
    )
    assert flush_wal.archive_now(context, "local") is None
