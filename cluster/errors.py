"""The one error tree: failures that a user or the environment can cause, each one line and a hint.

Each face (task executor, HTTP handler, collector, scheduler) translates ``PodsError`` at one place.
Anything else that escapes is a bug and exits with ``EXIT_BUG``.
"""

from typing import ClassVar

EXIT_OK = 0
EXIT_USAGE = 1
EXIT_DEGRADED = 2
EXIT_REFUSED = 3
EXIT_ENVIRONMENT = 4
EXIT_TIMEOUT = 5
EXIT_BUG = 70
EXIT_INTERRUPTED = 130

EXIT_CODES: dict[int, str] = {
    EXIT_OK: "done; for `status` and `doctor`: healthy; for `images.check`: no security update waits",
    EXIT_USAGE: "the command line, `.env` or a configuration file is wrong; nothing was changed",
    EXIT_DEGRADED: "`status`, `doctor` or `images.check` ran, and something is not as it should be: a node, a pool, "
    "the archive, a backup, a service; for `alerts.test`: a receiver did not take it",
    EXIT_REFUSED: "refused because it is unsafe, not confirmed, or another operation holds the lock",
    EXIT_ENVIRONMENT: "the machine lacks something: an engine, a port, disk space, a package archive",
    EXIT_TIMEOUT: "it did not happen within the time allowed; run the same command again",
    EXIT_BUG: "an error of PODS itself; please report it with the traceback",
    EXIT_INTERRUPTED: "interrupted with Ctrl-C; the message says whether `inv up` has something to repair",
}


class PodsError(Exception):
    """What went wrong with which object, and what to do next.

    Args:
        message: one line: what, and which.
        hint: one line: what to do next; may be empty.
    """

    exit_code: ClassVar[int] = EXIT_REFUSED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} — {self.hint}" if self.hint else self.message


class UsageError(PodsError):
    """The command line or a file the user wrote is wrong."""

    exit_code = EXIT_USAGE


class RefusedError(PodsError):
    """Doing it would be unsafe, or nobody confirmed it."""

    exit_code = EXIT_REFUSED


class MachineError(PodsError):
    """The machine lacks something PODS needs."""

    exit_code = EXIT_ENVIRONMENT


class TimedOutError(PodsError):
    """Something did not happen within the time allowed."""

    exit_code = EXIT_TIMEOUT
