"""What goes into the image of our own services."""

import compileall
import re
import sys
from pathlib import Path

import pytest

from cluster.config.env_file import PROJECT_ROOT
from compose.engine import build_context, image_build
from compose.engine.build_context import OPERATIONS, ROOMS, SERVICES, Payload, code_files, open_to_all
from compose.render.compose_file import BASE
from compose.render.monitoring import GRAFANA, PROMETHEUS
from compose.render.runbooks import RUNBOOKS
from compose.render.seccomp import WITH_IO_URING


def test_the_image_holds_every_room_that_a_service_runs_and_the_list_of_its_packages() -> None:
    files = set(code_files())
    assert {PROJECT_ROOT / SERVICES.requirements, *(PROJECT_ROOT / room / "__init__.py" for room in ROOMS)} <= files
    assert PROJECT_ROOT / "cluster" / "queries" / "server.sql" in files


def test_what_python_leaves_behind_is_no_input() -> None:
    compileall.compile_dir(PROJECT_ROOT / "cluster", quiet=1, maxlevels=0)  # so that there is something to leave out
    assert not [path for path in code_files() if "__pycache__" in path.parts or path.suffix == ".pyc"]


def test_files_have_one_order() -> None:
    assert list(code_files()[1:]) == sorted(code_files()[1:])


@pytest.mark.parametrize("payload", [SERVICES, OPERATIONS])
def test_what_is_hashed_is_what_is_copied(tmp_path: Path, payload: Payload) -> None:
    for part in payload.parts:
        build_context._copy(PROJECT_ROOT / part, tmp_path / part)
    copied = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    hashed = {path.relative_to(PROJECT_ROOT) for path in code_files(payload)}
    assert copied | {Path(payload.requirements)} == hashed


def test_who_operates_has_all_that_renders_a_cluster_where_this_code_has_it() -> None:
    """Images are hashed from these files: what one lacks would be another image, and containers were made anew."""
    files = set(code_files(OPERATIONS))
    assert set(code_files()) <= files
    needed = (image_build.ROOT, RUNBOOKS, PROMETHEUS, GRAFANA / "dashboards", BASE, WITH_IO_URING)
    for path in needed:
        assert {
            each for each in (path, *path.rglob("*")) if each.is_file() and "__pycache__" not in each.parts
        } <= files


def test_packages_are_wheels_for_the_image_s_python_with_their_hashes_checked(tmp_path: Path) -> None:
    argv = build_context._pip_argv(SERVICES, tmp_path, "3.14", "aarch64")
    assert argv[:4] == [sys.executable, "-m", "pip", "install"]
    assert {"--require-hashes", "--no-deps", "--only-binary=:all:", "--python-version=3.14"} <= set(argv)
    assert f"--target={tmp_path}" in argv
    assert {word for word in argv if word.startswith("--platform=")} == {
        f"--platform={kind}_aarch64" for kind in ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
    }
    assert argv[-2:] == ["-r", str(PROJECT_ROOT / SERVICES.requirements)]


@pytest.mark.parametrize("payload", [SERVICES, OPERATIONS])
def test_every_package_of_an_image_has_a_version_and_a_hash(payload: Payload) -> None:
    lines = re.sub(r"\\\n", " ", (PROJECT_ROOT / payload.requirements).read_text()).splitlines()
    packages = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    assert packages
    assert [line for line in packages if "==" not in line or "--hash=sha256:" not in line] == []


def test_modes_in_an_image_are_not_those_of_a_careful_checkout(tmp_path: Path, narrow_umask: None) -> None:
    (tmp_path / "site" / "package").mkdir(parents=True)
    (tmp_path / "site" / "package" / "module.py").touch()
    (tmp_path / "site" / "program").touch(0o700)
    open_to_all(tmp_path / "site")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "site", *(tmp_path / "site").rglob("*"))}
    assert modes == {"site": 0o755, "package": 0o755, "program": 0o755, "module.py": 0o644}
