import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster.errors import MachineError
from compose.engine import apt
from compose.engine.apt import System, accepts_stale, archive_of, expired_releases, has, require_root, this_system

DEBIAN = """\
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
ID=debian
HOME_URL="https://www.debian.org/?a=b"
"""

UBUNTU = """\
# made by hand
PRETTY_NAME='Ubuntu 24.04.1 LTS'

ID=ubuntu
VERSION_ID='24.04'
ID_LIKE=debian
"""


@pytest.mark.parametrize(
    ("text", "system"),
    [
        (DEBIAN, System("debian", "12", "Debian GNU/Linux 12 (bookworm)")),
        (UBUNTU, System("ubuntu", "24.04", "Ubuntu 24.04.1 LTS")),
        ("ID=arch\nPRETTY_NAME=Arch\n", System("arch", "", "Arch")),
        ("", System("", "", "an unknown system")),
        ("garbage\n", System("", "", "an unknown system")),
    ],
)
def test_a_system_says_what_it_is(tmp_path: Path, text: str, system: System) -> None:
    (tmp_path / "os-release").write_text(text)
    assert this_system(tmp_path / "os-release") == system


def test_a_system_that_says_nothing_is_unknown(tmp_path: Path) -> None:
    assert this_system(tmp_path / "os-release") == System("", "", "an unknown system")


TARGETS = """\
Debian bookworm-security http://mirror.example/debian-security/
Debian bookworm-updates http://mirror.example/debian/
Debian bookworm http://mirror.example/debian/
Debian bookworm http://other.example/debian/
"""


def test_the_archive_is_the_main_one_not_security_or_updates() -> None:
    assert archive_of(TARGETS) == "http://mirror.example/debian"


@pytest.mark.parametrize(
    "targets",
    [
        "",
        "Debian bookworm-security http://mirror.example/debian-security/\n",
        "Ubuntu noble http://archive.example/ubuntu/\n",
        "Docker bookworm https://download.example/\n",
        "bookworm http://mirror.example/debian/\n",
        "garbage\n\n",
    ],
)
def test_without_a_debian_archive_there_is_none(targets: str) -> None:
    assert archive_of(targets) is None


def _fake_apt(directory: Path, name: str, answer: str) -> None:
    script = directory / name
    script.write_text(f'#!/bin/sh\necho "{answer}"\n')
    script.chmod(0o755)


def test_the_host_s_apt_is_asked_for_its_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_apt(tmp_path, "apt-get", "Debian trixie http://mirror.example/debian/")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert apt.debian_archive() == "http://mirror.example/debian"


def test_an_apt_without_a_debian_archive_is_told_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fake_apt(tmp_path, "apt-get", "Ubuntu noble http://archive.example/ubuntu/")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError) as refusal:
        apt.debian_archive()
    assert "PODS_DEBIAN_MIRROR" in refusal.value.hint


@pytest.mark.parametrize(("setting", "accepted"), [("true", True), ("false", False)])
def test_a_stale_archive_is_accepted_as_it_was_said(setting: str, accepted: bool) -> None:
    assert accepts_stale(setting) is accepted


@pytest.mark.parametrize(("answer", "accepted"), [("checks='false'", True), ("checks='true'", False), ("", False)])
def test_a_stale_archive_is_else_accepted_as_the_host_s_apt_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, accepted: bool
) -> None:
    _fake_apt(tmp_path, "apt-config", answer)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert accepts_stale("auto") is accepted


def test_a_host_without_apt_accepts_no_stale_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not has("apt-config")
    assert accepts_stale("auto") is False


def _release(lists: Path, suite: str, valid_until: str, *, signed: bool = True) -> None:
    head = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n" if signed else ""
    text = (
        f"{head}Origin: Debian\nCodename: {suite}\nDate: Sat, 01 Feb 2020 10:00:00 UTC\n{valid_until}SHA256:\n a 1 b\n"
    )
    (lists / f"mirror.example_debian_dists_{suite}_InRelease").write_text(text)


def test_suites_past_their_valid_until_are_found(tmp_path: Path) -> None:
    _release(tmp_path, "bookworm-updates", "Valid-Until: Sat, 08 Feb 2020 10:00:00 UTC\n")
    _release(tmp_path, "bookworm-security", "Valid-Until: Sun, 09 Feb 2020 10:00:00 UTC\n", signed=False)
    _release(tmp_path, "trixie-updates", "Valid-Until: Sat, 08 Feb 2220 10:00:00 UTC\n")
    _release(tmp_path, "bookworm", "")
    assert expired_releases(tmp_path) == [
        ("bookworm-security", datetime(2020, 2, 9, 10, tzinfo=UTC)),
        ("bookworm-updates", datetime(2020, 2, 8, 10, tzinfo=UTC)),
    ]


def test_a_list_that_is_damaged_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "x_InRelease").write_bytes(b"\xff\xfe\0: \n" * 10)
    assert expired_releases(tmp_path) == []


def test_a_valid_until_that_is_no_date_says_nothing(tmp_path: Path) -> None:
    _release(tmp_path, "bookworm", "Valid-Until: soon\n")
    assert expired_releases(tmp_path) == []


def test_a_host_without_lists_has_no_expired_ones(tmp_path: Path) -> None:
    assert expired_releases(tmp_path / "nowhere") == []


def test_only_root_installs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(MachineError, match="installing needs root"):
        require_root("installing")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    require_root("installing")
