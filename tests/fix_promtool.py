"""Prometheus' own tool, from the image that `inv up` runs: one container for all questions of a run."""

import secrets
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.fix_images import images
from tests.fix_lanes import run_label
from tests.unit.dashboards.alert_rules import ROOM

Promtool = Callable[..., str]
"""Its output to some arguments; ``stdin`` is what it reads, its exit code must be among ``accept``."""


@pytest.fixture(scope="session")
def promtool_sees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory whose files the tool sees under their own paths, beside those of the rules."""
    return tmp_path_factory.mktemp("promtool")


@pytest.fixture(scope="session")
def promtool(built: None, promtool_sees: Path) -> Iterator[Promtool]:
    """Asks the tool."""
    name = f"pods-test-promtool-{secrets.token_hex(3)}"
    seen = [part for path in (ROOM, promtool_sees) for part in ("--volume", f"{path}:{path}:ro")]
    # as root: this checkout may lie where nobody else may go
    run = ["docker", "run", "--detach", "--rm", "--init", "--name", name, "--network", "none", "--user", "0"]
    program = ["--entrypoint", "tail", images().prometheus, "-f", "/dev/null"]
    subprocess.run([*run, *run_label(), *seen, *program], check=True, capture_output=True)

    def ask(*arguments: str, stdin: str = "", accept: Iterable[int] = (0,)) -> str:
        command = ["docker", "exec", "--interactive", name, "promtool", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert done.returncode in accept, done.stdout + done.stderr
        return done.stdout + done.stderr

    yield ask
    subprocess.run(["docker", "rm", "--force", name], check=False, capture_output=True)
