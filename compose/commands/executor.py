"""The one place where a task's errors become a clean line and a documented exit code."""

import errno
import os
import sys
import traceback
from typing import Any

from invoke.exceptions import Exit, ParseError, UnexpectedExit
from invoke.executor import Executor

from cluster.errors import EXIT_BUG, EXIT_INTERRUPTED, MachineError, PodsError
from compose.home.operation_lock import OperationInterrupted

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
            if not isinstance(interruption, OperationInterrupted):  # a query, a log: nothing is half done
                raise Exit("✗ interrupted", EXIT_INTERRUPTED) from None
            raise Exit("✗ interrupted; the next `inv up` repairs what is half done", EXIT_INTERRUPTED) from None
        except Exception as error:  # noqa: BLE001 - the boundary: what nobody foresaw is a bug, and says so
            known = foreseen(error)
            if known is None:
                traceback.print_exc()
                raise Exit(
                    "✗ this is an error of PODS itself; please report it with the lines above", EXIT_BUG
                ) from None
            hint = f"\n  → {known.hint}" if known.hint else ""
            raise Exit(f"✗ {known.message}{hint}", known.exit_code) from None


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
        return MachineError(what, "free some space, or mend owner, mode or mount, then run this again")
    return None
