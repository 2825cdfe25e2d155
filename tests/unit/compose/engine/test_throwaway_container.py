from pathlib import Path

from compose.engine.containers import one_off_labels
from compose.engine.throwaway_container import Mount, ThrowawayContainer


def test_a_throwaway_container_has_no_network_no_rights_and_nothing_to_write_to_unless_it_is_given() -> None:
    argv = ThrowawayContainer(image="pods/postgres:1", command=("postgres", "--version"), user=(999, 998)).argv("x")
    walls = {"--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--user=999:998"}
    assert walls | {"--rm", "--pull=never", "--name=x", "--tmpfs=/tmp"} <= set(argv)
    assert argv[-3:] == ["pods/postgres:1", "postgres", "--version"]
    assert not [word for word in argv if word.startswith(("--volume", "--env", "--entrypoint", "--label"))]


def test_mounts_are_read_only_labels_let_up_remove_it_and_a_secret_is_no_argument() -> None:
    container = ThrowawayContainer(
        image="i",
        project="shop",
        entrypoint="sh",
        mounts=(Mount(source=Path("/a"), target="/b"), Mount(source=Path("/c"), target="/d", writable=True)),
        environment={"LC_ALL": "C", "https_proxy": None},
        network=True,
    )
    argv = container.argv("x")
    assert [word for word in argv if word.startswith("--volume")] == ["--volume=/a:/b:ro", "--volume=/c:/d"]
    assert [word for word in argv if word.startswith("--env")] == ["--env=LC_ALL=C", "--env=https_proxy"]
    assert {f"--label={name}={value}" for name, value in one_off_labels("shop").items()} <= set(argv)
    assert "--network=none" not in argv
