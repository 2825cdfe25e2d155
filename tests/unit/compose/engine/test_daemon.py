import os
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from cluster.errors import MachineError
from compose.console import Console
from compose.engine import apt, daemon
from compose.engine.apt import System
from compose.engine.daemon import (
    RECIPES,
    EnginePackages,
    borrowed_pins,
    borrowed_source,
    check_versions,
    recipe_for,
    version_tuple,
)
from tests.fix_settings import settings_of


@pytest.mark.parametrize(
    ("system", "compose"),
    [
        (System("debian", "12", "Debian 12"), "docker-compose"),
        (System("debian", "13", "Debian 13"), "docker-compose"),
        (System("ubuntu", "24.04", "Ubuntu 24.04"), "docker-compose-v2"),
        (System("ubuntu", "26.04", "Ubuntu 26.04"), "docker-compose-v2"),
    ],
)
def test_a_known_system_gets_engine_compose_and_buildx(system: System, compose: str) -> None:
    packages = recipe_for(system).packages
    assert {"docker.io", compose, "docker-buildx"} <= set(packages)


@pytest.mark.parametrize(
    "system",
    [
        System("debian", "11", "Debian 11"),
        System("debian", "", "Debian sid"),
        System("fedora", "41", "Fedora 41"),
        System("", "", "an unknown system"),
    ],
)
def test_an_unknown_system_is_left_alone_and_told_so(system: System) -> None:
    with pytest.raises(MachineError) as refusal:
        recipe_for(system)
    assert system.name in refusal.value.message
    assert "yourself" in refusal.value.hint


def test_only_debian_12_borrows_and_only_what_it_installs_or_that_needs() -> None:
    borrowing = {system for system, recipe in RECIPES.items() if recipe.borrowed}
    assert borrowing == {("debian", "12")}
    recipe = RECIPES[("debian", "12")]
    assert {p for p in recipe.packages if p.startswith("docker")} <= set(recipe.borrowed)


def _stanzas(text: str) -> list[dict[str, str]]:
    lines = [part.splitlines() for part in text.strip().split("\n\n")]
    return [dict(line.split(": ", 1) for line in part if not line.startswith("#")) for part in lines]


RECIPE = EnginePackages(("docker.io", "iptables"), suite="testing", borrowed=("docker.io", "containerd"))


def test_a_borrowed_suite_is_a_signed_source_of_the_same_archive() -> None:
    (source,) = _stanzas(borrowed_source(RECIPE, "http://mirror.example/debian"))
    assert (source["Types"], source["URIs"]) == ("deb", "http://mirror.example/debian")
    assert (source["Suites"], source["Components"]) == ("testing", "main")
    assert source["Signed-By"].endswith("debian-archive-keyring.gpg")


def test_nothing_but_the_engine_ever_comes_from_a_borrowed_suite() -> None:
    engine_pin, everything = _stanzas(borrowed_pins(RECIPE))
    assert engine_pin["Package"].split() == ["docker.io", "containerd"]
    assert everything["Package"] == "*"
    assert engine_pin["Pin"] == everything["Pin"] == "release a=testing"
    assert int(engine_pin["Pin-Priority"]) > 500
    assert int(everything["Pin-Priority"]) < 0


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("28.5.2+dfsg1", (28, 5)),
        ("28.5.2", (28, 5)),
        ("2.20", (2, 20)),
        ("5.0.0-rc.1", (5, 0)),
        ("26.1+dfsg1", (26, 1)),
        ("2.19-rc1", (2, 19)),
        ("dev", (0, 0)),
        ("28", (0, 0)),
        ("", (0, 0)),
        ("..", (0, 0)),
    ],
)
def test_a_version_is_its_major_and_minor(text: str, version: tuple[int, int]) -> None:
    assert version_tuple(text) == version


@dataclass
class _Engine:
    """An engine that knows its version."""

    number: str

    def version(self) -> dict[str, str]:
        return {"Version": self.number}


def _check(monkeypatch: pytest.MonkeyPatch, number: str, compose: str | None) -> None:
    monkeypatch.setattr(daemon, "compose_version", lambda: compose)
    client: Any = _Engine(number)
    check_versions(client)


@pytest.mark.parametrize(
    ("number", "compose"), [("25.0.0", "2.20.2"), ("28.5.2+dfsg1", "2.40.3-1"), ("29.1.0", "5.0.0")]
)
def test_an_engine_new_enough_is_taken(monkeypatch: pytest.MonkeyPatch, number: str, compose: str) -> None:
    _check(monkeypatch, number, compose)


@pytest.mark.parametrize(
    ("number", "compose", "complaint"),
    [
        ("24.0.9", "2.40.0", "engine 24.0.9 is too old"),
        ("20.10.24+dfsg1", "2.40.0", "engine 20.10.24"),
        ("28.0.0", "2.19.1", "Compose 2.19.1 is too old"),
        ("28.0.0", "1.29.2", "Compose 1.29.2 is too old"),
        ("28.0.0", None, "Compose v2 is not installed"),
    ],
)
def test_an_engine_or_compose_too_old_is_refused_by_its_version(
    monkeypatch: pytest.MonkeyPatch, number: str, compose: str | None, complaint: str
) -> None:
    with pytest.raises(MachineError) as refusal:
        _check(monkeypatch, number, compose)
    assert complaint in refusal.value.message
    assert refusal.value.hint


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch, free_port: int) -> str:
    """An address where no engine answers."""
    address = f"tcp://127.0.0.1:{free_port}"
    monkeypatch.setenv("DOCKER_HOST", address)
    return address


def test_no_engine_is_one_clear_line_with_what_to_do(no_engine: str) -> None:
    with pytest.raises(MachineError) as refusal:
        daemon.connect()
    assert refusal.value.message == f"no Docker engine answers at {no_engine}"
    assert "./pods.sh up --install-engine" in refusal.value.hint


def test_an_engine_is_installed_only_where_asked(no_engine: str) -> None:
    with pytest.raises(MachineError, match="no Docker engine answers"):
        daemon.ensure(settings_of(), Console(StringIO()), install=False)


def test_an_engine_elsewhere_is_not_ours_to_install(no_engine: str) -> None:
    with pytest.raises(MachineError) as refusal:
        daemon.ensure(settings_of(), Console(StringIO()), install=True)
    assert refusal.value.message == f"DOCKER_HOST={no_engine} does not answer"


@pytest.mark.parametrize(
    ("text", "installed", "message", "hint"),
    [
        ("PermissionError(13, 'Permission denied')", True, "refuses this user", "docker group"),
        ("Connection refused", True, "no Docker engine answers", "systemctl start docker"),
        ("No such file or directory", False, "no Docker engine answers", "install Docker"),
    ],
)
def test_why_an_engine_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, text: str, installed: bool, message: str, hint: str
) -> None:
    monkeypatch.setattr(apt, "has", lambda program: installed)
    fault = daemon._why_not(text)
    assert message in fault.message
    assert hint in fault.hint


@pytest.mark.parametrize(("host", "address"), [("", "unix:///var/run/docker.sock"), ("tcp://h:1", "tcp://h:1")])
def test_docker_host_names_the_engine(monkeypatch: pytest.MonkeyPatch, host: str, address: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    assert daemon.docker_host() == address


def test_a_pid_file_of_another_program_is_forgotten_and_one_of_a_living_daemon_kept(tmp_path: Path) -> None:
    mine = Path("/proc/self/comm").read_text().strip()
    for text, program, kept in (
        (str(os.getpid()), mine, True),
        (str(os.getpid()), "dockerd", False),
        ("999999999", mine, False),
    ):
        file = tmp_path / "daemon.pid"
        file.write_text(text)
        daemon.forget_stale_pid(file, program)
        assert file.exists() == kept
        file.unlink(missing_ok=True)
    daemon.forget_stale_pid(tmp_path / "none.pid", "dockerd")
