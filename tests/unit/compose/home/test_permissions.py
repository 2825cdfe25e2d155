"""Whose a home is, who else may write there, and who may read or replace what is in secrets/."""

import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.errors import RefusedError
from cluster.files import write_atomically
from cluster.topology_file import dump, load
from compose.home import certificates, passwords, permissions, pgpass
from compose.home.operation_lock import exclusive
from compose.home.paths import Home
from compose.home.permissions import check_home, check_secrets
from compose.stack import open_home, open_stack
from tests.fix_settings import settings_of, topology_of

SETTINGS = settings_of()
root = pytest.mark.skipif(os.geteuid() != 0, reason="root gives files away")
STRANGER = 54321


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with everything in it that is looked at."""
    home = Home(tmp_path / "home")
    for directory in (home.path, home.data, home.user_config, home.rendered, home.rendered / "services", home.secrets):
        directory.mkdir(mode=0o700 if directory == home.secrets else 0o755)
    for path in (
        home.path / ".env",
        home.user_config / "databases.toml",
        home.compose_file,
        home.topology,
        home.topology_copy,
    ):
        path.write_text("")
    monkeypatch.setenv("PODS_HOME", str(home.path))
    return home


PARTS: dict[str, Callable[[Home], Path]] = {
    "home": lambda home: home.path,
    "data": lambda home: home.data,
    "config": lambda home: home.user_config,
    "rendered": lambda home: home.rendered,
    "secrets": lambda home: home.secrets,
    ".env": lambda home: home.path / ".env",
    "databases.toml": lambda home: home.user_config / "databases.toml",
    "compose.yaml": lambda home: home.compose_file,
    "topology.json": lambda home: home.topology,
    "its copy": lambda home: home.topology_copy,
}


def test_a_home_of_one_s_own_is_fine_and_so_is_an_empty_one(home: Home, bare_home: Home) -> None:
    check_home(home)
    check_home(bare_home)
    assert open_home()[0] == home


@root
@pytest.mark.parametrize("part", PARTS)
def test_what_belongs_to_somebody_else_is_refused(home: Home, part: str) -> None:
    path = PARTS[part](home)
    os.chown(path, STRANGER, STRANGER)
    for opened in (open_home, open_stack):
        with pytest.raises(RefusedError, match=f"{path} belongs to uid {STRANGER}") as refusal:
            opened()
        assert refusal.value.hint == f"run as uid {STRANGER}, or, if it is yours: chown 0 {path}"


@pytest.mark.parametrize("mode", [0o777, 0o757, 0o1777, 0o702])
@pytest.mark.parametrize("part", PARTS)
def test_what_everybody_can_write_is_refused(home: Home, part: str, mode: int) -> None:
    path = PARTS[part](home)
    path.chmod(mode)
    with pytest.raises(RefusedError, match=f"{path} can be written by other users \\(mode {mode:04o}\\)") as refusal:
        check_home(home)
    assert refusal.value.hint == f"chmod go-w {path}"


@root
@pytest.mark.parametrize("part", PARTS)
def test_a_link_that_somebody_else_put_there_is_refused(home: Home, tmp_path: Path, part: str) -> None:
    path = PARTS[part](home)
    if part == "home":
        return  # what leads to the home is the administrator's business
    path.rename(tmp_path / "mine")
    path.symlink_to(tmp_path / "mine")
    check_home(home)
    os.chown(path, STRANGER, STRANGER, follow_symlinks=False)
    with pytest.raises(RefusedError, match=f"{path} belongs to uid {STRANGER}"):
        check_home(home)


@root
def test_a_link_of_one_s_own_to_somebody_else_s_directory_is_refused(home: Home, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", STRANGER, STRANGER)
    home.data.rename(tmp_path / "mine")
    home.data.symlink_to(tmp_path / "theirs")
    with pytest.raises(RefusedError, match="data belongs to"):
        check_home(home)


@root
def test_the_owner_of_the_code_that_root_runs_is_trusted_with_the_home(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`sudo ./pods.sh up` in a clone of one's own."""
    for path in (home.path, home.path / ".env"):
        os.chown(path, STRANGER, STRANGER)
    os.chown(tmp_path, STRANGER, STRANGER)
    monkeypatch.setattr(permissions, "PROJECT_ROOT", tmp_path)
    check_home(home)


class _Groups:
    """A host's users and groups."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **primary: tuple[int, int]) -> None:
        import grp

        users = [pwd.struct_passwd((name, "x", uid, gid, "", "/", "/bin/sh")) for name, (uid, gid) in primary.items()]
        self.members: list[str] = []
        monkeypatch.setattr(pwd, "getpwall", lambda: users)
        monkeypatch.setattr(pwd, "getpwnam", lambda name: next(user for user in users if user.pw_name == name))
        monkeypatch.setattr(grp, "getgrgid", lambda gid: grp.struct_group(("g", "x", gid, self.members)))


def test_a_group_with_nobody_else_in_it_may_write_as_with_umask_0002(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.path.chmod(0o775)
    groups = _Groups(monkeypatch, me=(os.geteuid(), os.getegid()), eve=(STRANGER, STRANGER))
    check_home(home)
    groups.members.append("me")
    check_home(home)
    groups.members.append("eve")
    with pytest.raises(RefusedError, match=r"can be written by other users \(mode 0775\)"):
        check_home(home)


def test_a_group_that_is_somebody_else_s_primary_one_may_not_write(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.data.chmod(0o775)
    _Groups(monkeypatch, me=(os.geteuid(), os.getegid()), eve=(STRANGER, os.getegid()))
    with pytest.raises(RefusedError, match="data can be written by other users"):
        check_home(home)


def test_the_lock_is_never_a_link(home: Home, tmp_path: Path) -> None:
    """`data/.lock → /etc/shadow` was truncated."""
    (tmp_path / "shadow").write_text("root:*:1::::::\n")
    home.lock.symlink_to(tmp_path / "shadow")
    with pytest.raises(RefusedError, match=r"\.lock is a link") as refusal, exclusive(home.lock, "up"):
        pass
    assert refusal.value.hint == f"remove it: rm {home.lock}"
    home.lock.unlink()
    home.lock.symlink_to(tmp_path / "nothing")
    with pytest.raises(RefusedError, match=r"\.lock is a link"), exclusive(home.lock, "up"):
        pass
    assert (tmp_path / "shadow").read_text().startswith("root")
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("there", [True, False])
def test_no_copy_of_a_corrupt_topology_is_written_through_a_link(home: Home, tmp_path: Path, there: bool) -> None:
    """`topology.corrupt.json → /etc/cron.d/x` was made with the text of topology.json."""
    target = tmp_path / "cron"
    if there:
        target.write_text("theirs")
    (home.data / "topology.corrupt.json").symlink_to(target)
    home.topology.write_text("* * * * * root touch /tmp/x\n")
    with pytest.raises(RefusedError, match="is corrupt"):
        load(home.topology)
    assert target.exists() == there
    assert not there or target.read_text() == "theirs"


def test_no_rendered_file_is_written_through_a_link(home: Home, tmp_path: Path) -> None:
    (home.path / ".compose.yaml.new").symlink_to(tmp_path / "new")
    write_atomically(home.compose_file, "services: {}\n")
    assert not (tmp_path / "new").exists()


@pytest.fixture
def made(home: Home) -> Home:
    """With all that the first `up` puts into secrets/."""
    passwords.ensure(home, SETTINGS, first=True)
    pgpass.ensure(home, SETTINGS, topology_of(SETTINGS))
    certificates.ensure_all(home, SETTINGS, topology_of(SETTINGS))
    home.topology.write_text(dump(topology_of(SETTINGS)))
    return home


def test_what_up_makes_it_accepts(made: Home) -> None:
    check_secrets(made)
    assert passwords.read(made)["app"]
    assert len(list(made.secrets.rglob("*"))) > 20


def _secret_paths() -> list[str]:
    """One of each kind."""
    files = ["superuser_password", "monitor_password", "pgpass", "s3_secret_key", "tls/ca.key", "tls/ca.crt"]
    return [".", "tls", "tls/primary", *files, "tls/primary/server.key", "tls/primary/server.crt", "tls/health/ca.crt"]


def _uses(home: Home) -> list[Callable[[], object]]:
    return [
        lambda: passwords.read(home),
        lambda: passwords.ensure(home, SETTINGS, first=False),
        lambda: certificates.ensure_all(home, SETTINGS, topology_of(SETTINGS)),
    ]


@pytest.mark.parametrize("name", _secret_paths())
@pytest.mark.parametrize("bits", [0o002, 0o020])
def test_what_others_could_replace_is_refused_wherever_it_lies(made: Home, name: str, bits: int) -> None:
    path = made.secrets / name
    path.chmod(path.stat().st_mode | bits)
    for use in _uses(made):
        with pytest.raises(RefusedError, match=f"{path} is open to other users") as refusal:
            use()
        assert f" {path}" in refusal.value.hint
        assert refusal.value.hint.startswith("chmod ")


@pytest.mark.parametrize("name", [name for name in _secret_paths() if not name.endswith(".crt")])
@pytest.mark.parametrize("bits", [0o004, 0o040, 0o001])
def test_what_others_could_read_is_refused_wherever_it_lies(made: Home, name: str, bits: int) -> None:
    path = made.secrets / name
    path.chmod(path.stat().st_mode | bits)
    with pytest.raises(RefusedError, match=f"{path} is open to other users"):
        passwords.read(made)


@pytest.mark.parametrize("name", _secret_paths()[1:])
@pytest.mark.parametrize("dangling", [True, False])
def test_no_link_is_followed_in_secrets(made: Home, tmp_path: Path, name: str, dangling: bool) -> None:
    path = made.secrets / name
    path.rename(tmp_path / "away")
    path.symlink_to(tmp_path / ("nothing" if dangling else "away"))
    for use in _uses(made):
        with pytest.raises(RefusedError, match=f"{path} is no regular file"):
            use()


@root
@pytest.mark.parametrize("name", _secret_paths())
def test_a_secret_of_somebody_else_s_is_refused(made: Home, name: str) -> None:
    path = made.secrets / name
    os.chown(path, STRANGER, STRANGER)
    with pytest.raises(RefusedError, match=f"{path} belongs to uid {STRANGER}, who could replace it") as refusal:
        passwords.read(made)
    assert f"chown 0 {path}" in refusal.value.hint


@root
@pytest.mark.parametrize("name", ["tls/ca.key", "superuser_password", "app_password", "tls", "."])
def test_what_no_container_reads_is_not_the_containers_either(made: Home, name: str) -> None:
    path = made.secrets / name
    os.chown(path, 999, 999)
    with pytest.raises(RefusedError, match=f"{path} belongs to"):
        passwords.read(made)


def test_a_pipe_among_the_secrets_stops_nobody_for_long(made: Home) -> None:
    os.mkfifo(made.secrets / "new_password", 0o600)
    with pytest.raises(RefusedError, match="new_password is no regular file"):
        passwords.read(made)


def test_certificates_may_be_read_by_everybody(made: Home) -> None:
    for path in made.tls.rglob("*.crt"):
        assert path.stat().st_mode & 0o777 == 0o644
    check_secrets(made)
