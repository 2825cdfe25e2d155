"""The one place where a task's errors become a clean line and a documented exit code."""

import os
import sys
import traceback
from typing import Any

from invoke.exceptions import Exit, ParseError, UnexpectedExit
from invoke.executor import Executor

from cluster.errors import EXIT_BUG, EXIT_ENVIRONMENT, EXIT_INTERRUPTED, PodsError


class PodsExecutor(Executor):
    """Invoke's executor, with every error told the way users need it."""

    def execute(self, *tasks: Any) -> Any:
        """Run the tasks; a PodsError ends with its own exit code and without a traceback."""
        try:
            return super().execute(*tasks)
        except PodsError as error:
            hint = f"\n  → {error.hint}" if error.hint else ""
            raise Exit(f"✗ {error.message}{hint}", error.exit_code) from None
        except KeyboardInterrupt:
            raise Exit("✗ interrupted; the next `inv up` repairs what is half done", EXIT_INTERRUPTED) from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise Exit("", 0) from None
        except OSError as error:
            if error.errno in (28, 30, 122):  # ENOSPC, EROFS, EDQUOT: the disk's fault
                what = f"✗ {error.strerror}: {error.filename or 'while writing'}"
                hint = "free some space or mend the file system, then run this again"
                raise Exit(f"{what}\n  → {hint}", EXIT_ENVIRONMENT) from None
            self._bug()
        except (Exit, ParseError, UnexpectedExit):
            raise
        except Exception:  # noqa: BLE001 - the boundary: what nobody foresaw is a bug, and says so
            self._bug()
        return {}

    @staticmethod
    def _bug() -> None:
        traceback.print_exc()
        raise Exit("✗ this is an error of PODS itself; please report it with the lines above", EXIT_BUG) from None
