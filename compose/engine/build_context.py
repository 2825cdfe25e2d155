"""What goes into the image of our own services: this checkout's code, and packages put together by the host's own pip.

The host's pip reaches the package index already (it made .venv), with whatever proxy, mirror or CA that takes; it
checks the hashes of the requirements and picks wheels for the Python of the image. So a build needs no index,
and no layer knows of one.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cluster.config.env_file import PROJECT_ROOT
from cluster.errors import MachineError
from compose.console import Progress
from compose.engine.throwaway_container import ThrowawayContainer
from compose.process import follow, last_words


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What goes into an image: packages of the index, and files and folders of this checkout, where they are in it."""

    requirements: str
    parts: tuple[str, ...]


ROOMS = ("cluster", "dashboards", "exporters", "guide", "health", "backup")
"""Packages of this checkout that services run."""
SERVICES = Payload(requirements="requirements/services.txt", parts=ROOMS)
OPERATIONS = Payload(
    requirements="requirements/run.txt",
    parts=(*ROOMS, "compose", "docs/how-to/alerts", "requirements/run.txt", "requirements/services.txt"),
)
"""All that renders a cluster, hashed images included."""
_UNWANTED = shutil.ignore_patterns("__pycache__", ".*")
_WHEELS = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")


@cache
def code_files(payload: Payload = SERVICES) -> tuple[Path, ...]:
    """Every file that goes into the image, in a fixed order."""
    roots = [PROJECT_ROOT / part for part in payload.parts]
    found = {path for root in roots for path in (root, *root.rglob("*")) if path.is_file()}
    requirements = PROJECT_ROOT / payload.requirements
    return (requirements, *sorted(path for path in found - {requirements} if "__pycache__" not in path.parts))


@contextmanager
def staged(payload: Payload, python: str, step: Progress) -> Iterator[tuple[Path, Path]]:
    """Two directories to build from: site-packages for the Python in image ``python``, and the code."""
    with tempfile.TemporaryDirectory(prefix="pods-build-") as name:
        site, code = Path(name) / "site", Path(name) / "code"
        step.update("fetching the services' packages")
        follow(_pip_argv(payload, site, *_python_of(python)), step)
        for part in payload.parts:
            _copy(PROJECT_ROOT / part, code / part)
        for directory in (site, code):
            open_to_all(directory)
        yield site, code


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        shutil.copyfile(source, target)
    else:
        shutil.copytree(source, target, ignore=_UNWANTED)


def open_to_all(directory: Path) -> None:
    """Let everybody read what is in it, whatever the umask of the checkout and of who builds: an image keeps modes."""
    for path in (directory, *directory.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _python_of(image: str) -> tuple[str, str]:
    """Version (``3.14``) and machine (``x86_64``) of the Python in ``image``."""
    script = "import platform, sys; print('%d.%d' % sys.version_info[:2], platform.machine())"
    done = ThrowawayContainer(image=image, entrypoint="python3", command=("-c", script)).run()
    if done.returncode:
        reason = last_words(done.stderr or done.stdout, 1)
        raise MachineError(f"the image of the services has no working Python: {reason}")
    version, machine = done.stdout.split()
    return version, machine


def _pip_argv(payload: Payload, site: Path, version: str, machine: str) -> list[str]:
    wheels = [f"--platform={kind}_{machine}" for kind in _WHEELS]
    fixed = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip", "install", "-q", *fixed, f"--target={site}"]
    return [*pip, f"--python-version={version}", *wheels, "-r", str(PROJECT_ROOT / payload.requirements)]
