"""What the log of a server that did not come up is made into: our words, and what to do."""

from pathlib import Path

import pytest

from backup.restore.temporary_server import TargetMissedError, explain
from cluster.errors import MachineError

SEGMENT = "000000010000000000000008"
FAILED = MachineError("the restored server did not start")


def explained(tmp_path: Path, *lines: str) -> MachineError:
    log = tmp_path / "server.log"
    log.write_text("".join(f"{line}\n" for line in lines))
    return explain(FAILED, log)


@pytest.mark.parametrize(
    ("line", "early"),
    [
        ("FATAL:  recovery ended before configured recovery target was reached", False),
        ("FATAL:  requested recovery stop point is before consistent recovery point", True),
    ],
)
def test_a_target_that_did_not_come_by_is_an_error_of_its_own(tmp_path: Path, line: str, early: bool) -> None:
    error = explained(tmp_path, "LOG:  redo done", f"2026-11-27 00:38:58.531 GMT [38] {line}")
    assert isinstance(error, TargetMissedError)
    assert (error.early, "FATAL" in error.message) == (early, False)


def test_wal_that_does_not_come_is_named_without_what_postgresql_makes_of_it(tmp_path: Path) -> None:
    error = explained(
        tmp_path,
        f"{SEGMENT}: the frame is broken",
        f'[38] FATAL:  could not restore file "{SEGMENT}" from archive: command not executable',
    )
    assert error.message == (f"the archive does not give the WAL that recovery needs: {SEGMENT}: the frame is broken")
    assert "inv backup.verify --wal" in error.hint


def test_whatever_else_it_says_is_kept(tmp_path: Path) -> None:
    error = explained(tmp_path, "[1] FATAL:  could not map anonymous shared memory", "[2] LOG:  over")
    assert error.message == f"{FAILED.message} / [1] FATAL:  could not map anonymous shared memory"
    assert explain(FAILED, tmp_path / "none").message == FAILED.message
