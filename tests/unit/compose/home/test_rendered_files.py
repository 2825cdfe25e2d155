import os
from dataclasses import replace

import pytest

from cluster.config.mounted import MountedConfig
from cluster.errors import UsageError
from cluster.topology import Topology
from cluster.topology_file import save
from compose.home.paths import Home, service_user
from compose.home.rendered_files import accepted_user_files, changes, read_user_files, write
from compose.render.alertmanager_yml import RECEIVERS
from compose.render.config_files import UserFiles, render_files
from compose.render.monitoring import GRAFANA, PROMETHEUS, RECEIVERS_PATH
from tests.fix_settings import CONCRETE, settings_of, topology_of

SETTINGS = settings_of()
TOPOLOGY = topology_of(SETTINGS)
WATCHING = ("rendered/prometheus/", "rendered/alertmanager/", "rendered/grafana/", "rendered/pages/")


def _render(topology: Topology = TOPOLOGY, user: UserFiles | None = None) -> dict[str, str]:
    return render_files(SETTINGS, topology, CONCRETE, user or UserFiles())


def test_every_node_has_its_files() -> None:
    names = {
        f"rendered/nodes/{node}/{file}"
        for node in TOPOLOGY.names
        for file in (
            "postgresql.conf",
            "pg_hba.conf",
            "pg_ident.conf",
            "user.conf",
            "user_hba.conf",
            "role",
            "identity",
            "logs",
        )
    }
    stack = {"compose.yaml", "rendered/passwd", "rendered/haproxy/haproxy.cfg"}
    stack |= {f"rendered/pgbouncer/{file}" for file in ("pgbouncer.ini", "logs")}
    services = {"rendered/services/.env", "rendered/services/databases.json"}
    assert {name for name in _render() if not name.startswith(WATCHING)} == {*stack, *services, *names}


def test_what_watches_the_cluster_has_its_files_and_only_where_it_runs() -> None:
    assert {
        "rendered/prometheus/prometheus.yml",
        "rendered/prometheus/rules/alerts.yml",
        "rendered/prometheus/rules/compat.yml",
        "rendered/alertmanager/alertmanager.yml",
    } <= set(_render())
    unwatched = render_files(settings_of(monitoring="off"), TOPOLOGY, CONCRETE, UserFiles())
    assert [name for name in unwatched if name.startswith(WATCHING)] == []


def test_grafana_s_files_are_those_of_this_checkout_and_only_where_it_runs() -> None:
    kept = {
        f"rendered/grafana/{path.relative_to(GRAFANA)}": path.read_text()
        for room in ("provisioning", "dashboards")
        for path in (GRAFANA / room).rglob("*")
        if path.is_file()
    }
    assert {name: text for name, text in _render().items() if name.startswith("rendered/grafana/")} == kept
    without = _render(replace(TOPOLOGY, image_source="debian"))
    assert [name for name in without if name.startswith("rendered/grafana/")] == []


def test_services_see_the_settings_and_the_topology_as_they_are(bare_home: Home) -> None:
    write(bare_home, changes(bare_home, _render()))
    save(bare_home.topology, bare_home.topology_copy, TOPOLOGY)
    seen = MountedConfig(root=bare_home.rendered / "services").read()
    assert (seen.settings, seen.topology) == (SETTINGS, TOPOLOGY)


def test_whom_alerts_go_to_is_the_user_s_to_say() -> None:
    text = "route: { receiver: me }\nreceivers: [{ name: me }]\n"
    assert _render(user=UserFiles(receivers=text))[RECEIVERS_PATH] == text
    assert _render()[RECEIVERS_PATH] == (PROMETHEUS / RECEIVERS).read_text()


@pytest.mark.parametrize("path", [RECEIVERS_PATH, f"rendered/.trial/{RECEIVERS}"])
def test_whom_alerts_go_to_may_hold_a_token_and_is_closed_to_others(bare_home: Home, path: str) -> None:
    before = os.umask(0)
    try:
        write(bare_home, {path: ("", "token\n")})
    finally:
        os.umask(before)
    written = (bare_home.path / path).stat()
    assert (written.st_mode & 0o777, written.st_uid) == (0o600, service_user()[0])


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
    closed = bare_home.path / RECEIVERS_PATH
    for path in bare_home.rendered.rglob("*"):
        assert path == closed or path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644), path


def test_writing_leaves_the_home_itself_as_it_was(bare_home: Home) -> None:
    bare_home.path.chmod(0o700)
    write(bare_home, changes(bare_home, _render()))
    assert bare_home.path.stat().st_mode & 0o777 == 0o700


def test_without_files_of_the_user_s_own_there_is_nothing_to_include(bare_home: Home) -> None:
    assert read_user_files(bare_home) == UserFiles("", "", "")


def test_the_user_s_own_files_are_read(bare_home: Home) -> None:
    bare_home.user_config.mkdir()
    (bare_home.user_config / "postgresql.conf").write_text("work_mem = '8MB' # für uns\n", encoding="utf-8")
    (bare_home.user_config / "pg_hba.conf").write_text("# mine\n")
    (bare_home.user_config / "alertmanager.yml").write_text("route: {}\n")
    assert read_user_files(bare_home) == UserFiles("work_mem = '8MB' # für uns\n", "# mine\n", "route: {}\n")


def test_the_user_s_files_as_they_were_accepted_are_those_that_were_rendered(bare_home: Home) -> None:
    user = UserFiles("work_mem = '8MB'\n", "# mine\n", "route: {}\n")
    write(bare_home, changes(bare_home, _render(user=user)))
    assert accepted_user_files(bare_home, "primary") == user


def test_a_user_s_file_that_is_not_utf_8_is_refused_by_its_name(bare_home: Home) -> None:
    bare_home.user_config.mkdir()
    (bare_home.user_config / "postgresql.conf").write_bytes("# für uns\n".encode("latin-1"))
    with pytest.raises(UsageError, match=r"postgresql\.conf"):
        read_user_files(bare_home)
