"""Fixtures: drivers that the gate does not download, of npm and of Debian."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fix_connect import DRIVERS, DRIVERS_IMAGE

PACKAGED = frozenset({"node", "prisma"})
"""Forms whose drivers npm has."""


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """node-postgres and Prisma, as their lock has them."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("no node, no npm")
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(DRIVERS / "node" / name, folder)
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="session")
def debian(built: None) -> None:
    """Java and Ruby with their drivers."""
    subprocess.run(["docker", "build", "--quiet", "--tag", DRIVERS_IMAGE, str(DRIVERS)], check=True)
