"""What `inv backup.*` does: asks the backup service, in its own container, and passes on what it says."""

import contextlib
import json
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from cluster.errors import MachineError, PodsError, RefusedError, TimedOutError, UsageError
from compose.console import Console, Progress
from compose.stack import Stack

SERVICE = "backup"
_KINDS: dict[int, type[PodsError]] = {
    kind.exit_code: kind for kind in (UsageError, RefusedError, MachineError, TimedOutError)
}


def ask(stack: Stack, console: Console, title: str, *arguments: str) -> Any:
    """Run one of the service's commands, where it runs or, if it does not, in a container of its own; its result.

    Raises:
        RefusedError: this cluster has no backups.
        PodsError: what the service says.
    """
    if SERVICE not in stack.watchers:
        raise RefusedError("this cluster has no backups: PODS_BACKUP is off", "set PODS_BACKUP=on in .env, then inv up")
    container = stack.containers().get(SERVICE)
    if container is None or container.status != "running":
        return run_apart(stack, console, title, OneOffContainer(), *arguments)
    return _run(stack, console, title, ["exec", "-T", SERVICE, "python3", "-m", SERVICE, *arguments])


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOffContainer:
    """A container of its own: more mounts (host path, container path), a name, and what it is told on stdin."""

    mounts: tuple[tuple[Path, str], ...] = ()
    name: str = ""
    stdin: str = field(default="", repr=False)

    @property
    def arguments(self) -> list[str]:
        """For `docker compose`."""
        volumes = [part for host, inside in self.mounts for part in ("--volume", f"{host}:{inside}")]
        return ["run", "--rm", "--no-deps", "-T", *(("--name", self.name) if self.name else ()), *volumes, SERVICE]


def run_apart(stack: Stack, console: Console, title: str, apart: OneOffContainer, *arguments: str) -> Any:
    """Run one of the service's commands in a container of its own; its result."""
    return _run(stack, console, title, [*apart.arguments, SERVICE, *arguments], apart.stdin)


def _run(stack: Stack, console: Console, title: str, arguments: list[str], stdin: str = "") -> Any:
    with console.step(title) as step:
        code, output, told = _follow(stack, arguments, step, stdin)
    try:
        answer = json.loads(output)
    except ValueError:
        last = told[-1] if told else "it said nothing"
        raise MachineError(f"the backup service gave no answer: {last}", "see inv logs --service backup") from None
    if code and isinstance(answer, dict) and "error" in answer:
        raise _KINDS.get(code, MachineError)(answer["error"], answer.get("hint", ""))
    return answer


def _follow(stack: Stack, arguments: list[str], step: Progress, stdin: str) -> tuple[int, str, list[str]]:
    """Exit code, stdout, lines of stderr; the last of which is what the step shows."""
    import os

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
        answered: list[str] = []
        reader = threading.Thread(target=_collect, args=(process.stdout, answered))
        reader.start()
        told = []
        for line in process.stderr:
            if line.strip():
                told.append(line.strip())
                step.update(line.strip()[:100])
        reader.join()
    return process.returncode, "".join(answered), told


def _collect(stream: IO[str], into: list[str]) -> None:
    into.extend(stream)
