"""The container that the server, pgBackRest and our own code share, and how one program in it is measured."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.config.env_file import PROJECT_ROOT
from tests.fix_postgres import Container, idle

IMAGE = "pods-bench/backups"
BENCH = "/bench"
"""The working directory, inside."""
_CODE = ("backup", "cluster", "tests")
_SITE = "/opt/pods/site"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one program took: wall seconds, CPU seconds of the whole container (the server's too), most memory (MB) of
    the program and its children at once; ``said``: what it printed.
    """

    seconds: float
    cpu: float
    rss: float
    said: str = ""


@dataclass(frozen=True, kw_only=True)
class Box(Container):
    """A running container; ``path`` is outside what BENCH is inside."""

    path: Path

    def start(self, *argv: str) -> "subprocess.Popen[str]":
        """Begin a program that goes on meanwhile."""
        command = ["docker", "exec", "-u", "999", self.name, *argv]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def measure(self, *argv: str) -> Cost:
        """Run a program and say what it took; what was written before is on the disk already."""
        self.run("sync")
        told = self.run("python3", "-m", "tests.bench.backups.meter", *argv)
        return Cost(**json.loads(told.splitlines()[-1]))

    def ours(self, what: str, **asked: Any) -> tuple[str, ...]:
        """The command that does ``what`` with our code (`inside`)."""
        return ("python3", "-m", "tests.bench.backups.inside", what, json.dumps(asked))


@contextmanager
def box() -> Iterator[Box]:
    """The container, with this checkout's code in it; removed with all it made."""
    _build()
    path = Path(tempfile.mkdtemp(prefix="pods-bench-", dir=os.environ.get("BENCH_DIR")))
    shared = ["--shm-size", "1g", "--volume", f"{path}:{BENCH}", "--workdir", BENCH]
    environment = ["--env", f"PYTHONPATH={BENCH}/code:{_SITE}", "--env", "LC_ALL=C"]
    try:
        _copy_code(path / "code")
        with idle("bench", IMAGE, *shared, *environment) as name:
            made = Box(name=name, path=path)
            made.sh(f"python3 -m compileall -q {BENCH}/code && chown -R 999:999 {BENCH}", user="0")
            yield made
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _build() -> None:
    base = subprocess.run(
        ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", "pods/services"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    if not base:
        raise RuntimeError("there is no pods/services image; inv up builds it")
    build = ["docker", "build", "--quiet", "--tag", IMAGE, "--build-arg", f"BASE={base[0]}"]
    subprocess.run([*build, str(Path(__file__).parent)], check=True, stdout=subprocess.DEVNULL)


def _copy_code(target: Path) -> None:
    for part in _CODE:
        shutil.copytree(PROJECT_ROOT / part, target / part, ignore=shutil.ignore_patterns("__pycache__"))
