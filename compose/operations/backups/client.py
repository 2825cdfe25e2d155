"""Client of the backup service: `docker compose exec` in its container, progress on stderr, JSON on stdout."""

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from cluster.errors import MachineError, PodsError, RefusedError, TimedOutError, UsageError
from compose.console import Console, Progress
from compose.home.store_directory import check_store
from compose.operations.home_identity import check_no_copy
from compose.process import last_words
from compose.stack import Stack

SERVICE = "backup"
_KINDS: dict[int, type[PodsError]] = {
    kind.exit_code: kind for kind in (UsageError, RefusedError, MachineError, TimedOutError)
}


def _always(_: Any) -> bool:
    return True


def call(stack: Stack, console: Console, title: str, *arguments: str, good: Callable[[Any], bool] = _always) -> Any:
    """Run a command of the backup service, in its container or, if that is down, in a one-off one; its JSON result.

    The step is done when the result is known: ``good`` says whether it ends with ✓.

    Raises:
        RefusedError: this cluster has no backups.
        PodsError: the service's own error.
    """
    if SERVICE not in stack.optional_services:
        raise RefusedError("this cluster has no backups: PODS_BACKUP is off", "set PODS_BACKUP=on in .env, then inv up")
    check_no_copy(stack)
    container = stack.containers().get(SERVICE)
    if container is None or container.status != "running":
        check_store(stack.home, stack.settings, stack.topology.system_identifier if arguments[0] != "adopt" else "")
    with console.step(title) as step:
        if container is None or container.status != "running":
            result = run_one_off(stack, step, OneOffContainer(), *arguments)
        else:
            result = _run(stack, step, ["exec", "-T", SERVICE, "python3", "-m", SERVICE, *arguments])
        step.failed = not good(result)
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOffContainer:
    """A one-off container of the backup service: extra mounts (host path, container path), a name, its stdin."""

    mounts: tuple[tuple[Path, str], ...] = ()
    name: str = ""
    stdin: str = field(default="", repr=False)

    @property
    def arguments(self) -> list[str]:
        """For `docker compose`."""
        volumes = [part for host, inside in self.mounts for part in ("--volume", f"{host}:{inside}")]
        return ["run", "--rm", "--no-deps", "-T", *(("--name", self.name) if self.name else ()), *volumes, SERVICE]


def run_one_off(stack: Stack, step: Progress, container: OneOffContainer, *arguments: str) -> Any:
    """Run a command of the backup service in a one-off container, showing its progress in ``step``; its JSON result."""
    return _run(stack, step, [*container.arguments, SERVICE, *arguments], container.stdin)


def _run(stack: Stack, step: Progress, arguments: list[str], stdin: str = "") -> Any:
    code, printed, messages = _follow(stack, arguments, step, stdin)
    try:
        result = json.loads(printed)
    except ValueError:
        last = last_words("\n".join(messages), 1)
        raise MachineError(f"the backup service gave no answer: {last}", "see inv logs --service backup") from None
    if code and isinstance(result, dict) and "error" in result:
        raise _KINDS.get(code, MachineError)(result["error"], result.get("hint", ""))
    return result


def _follow(stack: Stack, arguments: list[str], step: Progress, stdin: str) -> tuple[int, str, list[str]]:
    """Exit code, stdout, lines of stderr; the last of which is what the step shows."""
    argv = stack.compose.argv(*arguments)
    environment = {**os.environ, **stack.compose.environment}
    with subprocess.Popen(
        argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        with contextlib.suppress(BrokenPipeError), process.stdin:
            process.stdin.write(stdin)
        output: list[str] = []
        reader = threading.Thread(target=_collect, args=(process.stdout, output))
        reader.start()
        messages = []
        for line in process.stderr:
            if line.strip():
                messages.append(line.strip())
                step.update(line.strip()[:100])
        reader.join()
    return process.returncode, "".join(output), messages


def _collect(stream: IO[str], into: list[str]) -> None:
    into.extend(stream)
