import pytest

from compose.engine.compose_cli import Compose
from compose.home.paths import Home


def test_compose_is_run_on_this_home_s_file_under_the_project_s_name(bare_home: Home) -> None:
    argv = Compose(bare_home, "shop").argv("up", "--detach")
    assert argv[:4] == ["docker", "compose", "--project-name", "shop"]
    assert argv[argv.index("--file") + 1] == str(bare_home.compose_file)
    assert argv[argv.index("--project-directory") + 1] == str(bare_home.path)
    assert argv[-2:] == ["up", "--detach"]


@pytest.mark.parametrize("host", ["unix:///run/user/1000/docker.sock", ""])
def test_compose_talks_to_the_same_engine_and_is_not_bent_by_the_user_s_environment(
    bare_home: Home, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    monkeypatch.setenv("COMPOSE_FILE", "/elsewhere.yaml")
    environment = Compose(bare_home, "shop").environment
    assert environment["DOCKER_HOST"] == (host or "unix:///var/run/docker.sock")
    assert environment["COMPOSE_FILE"] == ""
    assert environment["COMPOSE_PROFILES"] == ""
