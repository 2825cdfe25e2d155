import pytest

from cluster.errors import UsageError
from cluster.topology import Topology
from compose.home import Home
from compose.render.files import UserFiles, changes, read_user_files, render, write
from tests.fix_settings import CONCRETE, settings_of, topology_of

SETTINGS = settings_of()
TOPOLOGY = topology_of(SETTINGS)


def _render(topology: Topology = TOPOLOGY, user: UserFiles | None = None) -> dict[str, str]:
    return render(SETTINGS, topology, CONCRETE, user or UserFiles())


def test_every_node_has_its_files() -> None:
    names = {
        f"rendered/nodes/{node}/{file}"
        for node in TOPOLOGY.names
        for file in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf", "user.conf", "user_hba.conf", "role")
    }
    assert set(_render()) == {"compose.yaml", "rendered/passwd", "rendered/pgbouncer/pgbouncer.ini", *names}


def test_every_node_is_told_its_role() -> None:
    files = _render()
    assert files["rendered/nodes/primary/role"] == "primary\n"
    assert files["rendered/nodes/replica1/role"] == "replica\n"


def test_the_user_s_files_reach_every_node_unchanged() -> None:
    files = _render(user=UserFiles(parameters="work_mem = '$1'\n", hba="# mine\n"))
    for node in TOPOLOGY.names:
        assert files[f"rendered/nodes/{node}/user.conf"] == "work_mem = '$1'\n"
        assert files[f"rendered/nodes/{node}/user_hba.conf"] == "# mine\n"


def test_rendering_the_same_twice_gives_the_same() -> None:
    assert _render() == _render()


def test_in_an_empty_home_everything_is_to_be_written_even_what_is_empty(bare_home: Home) -> None:
    files = _render()
    assert changes(bare_home, files) == {name: ("", text) for name, text in files.items()}
    assert "rendered/nodes/primary/user.conf" in changes(bare_home, files)


def test_once_written_nothing_differs(bare_home: Home) -> None:
    files = _render()
    write(bare_home, changes(bare_home, files))
    assert changes(bare_home, files) == {}
    assert {name: (bare_home.path / name).read_text() for name in files} == files


def test_only_what_differs_is_written(bare_home: Home) -> None:
    files = _render()
    write(bare_home, changes(bare_home, files))
    before = {name: (bare_home.path / name).stat().st_ino for name in files}
    (bare_home.path / "rendered/nodes/primary/role").write_text("replica\n")
    found = changes(bare_home, files)
    assert found == {"rendered/nodes/primary/role": ("replica\n", "primary\n")}
    write(bare_home, found)
    after = {name: (bare_home.path / name).stat().st_ino for name in files}
    assert {name for name in files if before[name] != after[name]} == {"rendered/nodes/primary/role"}


def test_a_damaged_generated_file_is_written_anew(bare_home: Home) -> None:
    files = _render()
    write(bare_home, changes(bare_home, files))
    (bare_home.path / "rendered/nodes/primary/role").write_bytes(b"\xff\xfe")
    write(bare_home, changes(bare_home, files))
    assert changes(bare_home, files) == {}


def test_containers_of_another_user_can_read_what_is_written(bare_home: Home, narrow_umask: None) -> None:
    write(bare_home, changes(bare_home, _render()))
    for path in bare_home.rendered.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644), path


def test_writing_leaves_the_home_itself_as_it_was(bare_home: Home) -> None:
    bare_home.path.chmod(0o700)
    write(bare_home, changes(bare_home, _render()))
    assert bare_home.path.stat().st_mode & 0o777 == 0o700


def test_without_files_of_the_user_s_own_there_is_nothing_to_include(bare_home: Home) -> None:
    assert read_user_files(bare_home) == UserFiles("", "")


def test_the_user_s_own_files_are_read(bare_home: Home) -> None:
    bare_home.user_config.mkdir()
    (bare_home.user_config / "postgresql.conf").write_text("work_mem = '8MB' # für uns\n", encoding="utf-8")
    (bare_home.user_config / "pg_hba.conf").write_text("# mine\n")
    assert read_user_files(bare_home) == UserFiles("work_mem = '8MB' # für uns\n", "# mine\n")


def test_a_user_s_file_that_is_not_utf_8_is_refused_by_its_name(bare_home: Home) -> None:
    bare_home.user_config.mkdir()
    (bare_home.user_config / "postgresql.conf").write_bytes("# für uns\n".encode("latin-1"))
    with pytest.raises(UsageError, match=r"postgresql\.conf"):
        read_user_files(bare_home)
