"""`docker compose` for one cluster: argument lists, nothing more."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from compose.console import Progress
from compose.engine.daemon import docker_host
from compose.home.paths import Home
from compose.process import follow, run


@dataclass(frozen=True, slots=True)
class Compose:
    """Runs Compose on a cluster's rendered file."""

    home: Home
    project: str

    def argv(self, *arguments: str) -> list[str]:
        """The command line for ``arguments``."""
        files = ["--project-directory", str(self.home.path), "--file", str(self.home.compose_file)]
        return ["docker", "compose", "--project-name", self.project, *files, "--progress", "plain", *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """The engine the SDK talks to is the one Compose talks to; the user's COMPOSE_* must not bend the stack."""
        return {"DOCKER_HOST": docker_host(), "COMPOSE_FILE": "", "COMPOSE_PROFILES": "", "COMPOSE_ANSI": "never"}

    @property
    def whole_environment(self) -> dict[str, str]:
        """That, and what this process has."""
        return {**os.environ, **self.environment}

    def follow(self, step: Progress, *arguments: str, stdin: str | None = None) -> str:
        """Run Compose, showing its last line in ``step``."""
        return follow(self.argv(*arguments), step, env=self.environment, stdin=stdin)

    def run(self, *arguments: str, stdin: str | None = None, timeout: float | None = None) -> str:
        """Run Compose quietly and return its stdout."""
        return run(self.argv(*arguments), env=self.environment, stdin=stdin, timeout=timeout)

    def job(self, service: str, command: Sequence[str], step: Progress, stdin: str | None = None) -> str:
        """Run ``command`` in a one-off container of ``service``, which has its mounts and secrets but no ports."""
        return self.follow(step, "run", "--rm", "--no-deps", "-T", service, *command, stdin=stdin)

    def replace_process(self, *arguments: str) -> None:
        """Become Compose, with this terminal: for psql, logs."""
        os.execvpe("docker", self.argv(*arguments), self.whole_environment)

    def exit_code(self, *arguments: str) -> int:
        """Run Compose with this terminal and return its exit code."""
        return subprocess.run(self.argv(*arguments), env=self.whole_environment, check=False).returncode
