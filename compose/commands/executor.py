"""The one place where a task's errors become a clean line and a documented exit code."""

import errno
import os
import pwd
import sys
import traceback
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit, ParseError, UnexpectedExit
from invoke.executor import Executor

from cluster.errors import EXIT_BUG, EXIT_INTERRUPTED, MachineError, PodsError
from compose.console import COMMAND
from compose.home.operation_lock import OperationInterrupted
from compose.operations.steps import TAKEN_BACK

_FILE_SYSTEM = frozenset(
    {errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EXDEV, errno.EBUSY, errno.ESTALE}
)
"""What the disk, its mount or its owners can say to a write."""


def one_line(error: Exception) -> str:
    """The first line of a message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def discard_output() -> None:
    """Write no more to a closed pipe: Python would complain of it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class PodsExecutor(Executor):
    """Invoke's executor, with every error as one line, a hint and an exit code."""

    def execute(self, *tasks: Any) -> Any:
        """Run the tasks; a PodsError ends with its own exit code and without a traceback."""
        try:
            return super().execute(*tasks)
        except (Exit, ParseError, UnexpectedExit):
            raise
        except BrokenPipeError:  # whoever read the output has gone
            discard_output()
            raise Exit("", 0) from None
        except KeyboardInterrupt as interruption:
            raise Exit(COMMAND.in_words(f"✗ interrupted{_what_is_left(interruption)}"), EXIT_INTERRUPTED) from None
        except Exception as error:  # noqa: BLE001 - the boundary: what nobody foresaw is a bug, and says so
            known = foreseen(error)
            if known is None:
                traceback.print_exc()
                raise Exit(
                    "✗ this is an error of PODS itself; please report it with the lines above", EXIT_BUG
                ) from None
            hint = f"\n  → {known.hint}" if known.hint else ""
            raise Exit(COMMAND.in_words(f"✗ {known.message}{hint}"), known.exit_code) from None


def _what_is_left(interruption: KeyboardInterrupt) -> str:
    """Of an operation that changed something; whoever only looked or talked left nothing."""
    notes = getattr(interruption, "__notes__", ())
    if TAKEN_BACK in notes:
        return "; what was begun was taken back"
    return "; the next `inv up` repairs what is half done" if isinstance(interruption, OperationInterrupted) else ""


def foreseen(error: Exception) -> PodsError | None:
    """What an error means to the user; None for one that only a mistake of ours explains."""
    if isinstance(error, PodsError):
        return error
    if type(error).__module__.split(".")[0] in ("docker", "requests", "urllib3"):
        return MachineError(
            f"the Docker engine did not do it: {one_line(error)}", "see inv doctor, then run this again"
        )
    psycopg = sys.modules.get("psycopg")
    if psycopg is not None and isinstance(error, psycopg.OperationalError):
        return MachineError(f"a server ended the conversation: {one_line(error)}", "see inv status, then run inv up")
    if isinstance(error, OSError) and error.errno in _FILE_SYSTEM:
        what = f"{error.strerror}: {error.filename or 'while writing'}"
        return MachineError(what, _cure(error))
    return None


def _cure(error: OSError) -> str:
    """What to do about a disk, or about files of somebody else."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some space, then run this again"
    if error.errno == errno.EROFS:
        return "mount it to be written to, then run this again"
    owner = _other_owner(Path(str(error.filename))) if error.filename else ""
    return f"{owner}: run this as that user, or as root" if owner else "mend owner or mode, then run this again"


def _other_owner(path: Path) -> str:
    """Whose the nearest thing on the way to ``path`` is that we may not enter, if it is not ours."""
    for there in (path, *path.parents):
        try:
            owner = there.stat().st_uid
        except OSError:
            continue
        return f"{there} belongs to {_user_name(owner)}" if owner != os.geteuid() else ""
    return ""


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
