"""The container that the server, pgBackRest and our own code share, and how one program in it is measured."""

import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.config.env_file import PROJECT_ROOT

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A running container; ``path`` is outside what BENCH is inside."""

    name: str
    path: Path

    def run(self, *argv: str, check: bool = True, user: str = "999", env: Mapping[str, str] | None = None) -> str:
        """Run a program; its output."""
        given = [part for name, text in (env or {}).items() for part in ("-e", f"{name}={text}")]
        command = ["docker", "exec", "-u", user, *given, self.name, *argv]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(argv)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout

    def sh(self, script: str, *, check: bool = True, user: str = "999") -> str:
        """Run a script."""
        return self.run("sh", "-ec", script, check=check, user=user)

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
    name = f"pods-bench-backups-{uuid.uuid4().hex[:8]}"
    run = ["docker", "run", "--detach", "--init", "--name", name, "--user", "0", "--shm-size", "1g"]
    run += ["--volume", f"{path}:{BENCH}", "--env", f"PYTHONPATH={BENCH}/code:{_SITE}", "--env", "LC_ALL=C"]
    try:
        _copy_code(path / "code")
        subprocess.run(
            [*run, "--workdir", BENCH, "--entrypoint", "sleep", IMAGE, "infinity"], check=True, capture_output=True
        )
        made = Box(name=name, path=path)
        made.sh(f"python3 -m compileall -q {BENCH}/code && chown -R 999:999 {BENCH}", user="0")
        yield made
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", name], check=False, capture_output=True)
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
