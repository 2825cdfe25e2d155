from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.config.env_file import load_settings
from cluster.errors import RefusedError, UsageError
from cluster.topology import Topology
from cluster.topology_file import save
from compose.console import Console
from compose.home.paths import Home
from compose.operations import sync_replication
from compose.operations.sync_replication import set_sync, with_setting
from compose.stack import Stack
from tests.fix_settings import settings_of, topology_of
from tests.unit.compose.container_samples import engine_without_containers


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "PODS_SYNC=any:1\n"),
        ("# mine\n", "# mine\nPODS_SYNC=any:1\n"),
        ("PODS_USER=me", "PODS_USER=me\nPODS_SYNC=any:1\n"),
        ("PODS_SYNC=off\nPODS_USER=me\n", "PODS_SYNC=any:1\nPODS_USER=me\n"),
        ("  PODS_SYNC = off # none\n", "PODS_SYNC=any:1\n"),
        ("PODS_SYNCH=1\n#PODS_SYNC=off\n", "PODS_SYNCH=1\n#PODS_SYNC=off\nPODS_SYNC=any:1\n"),
        ("PODS_USER=me\n\nPODS_SYNC=off\n", "PODS_USER=me\n\nPODS_SYNC=any:1\n"),
    ],
)
def test_a_setting_is_set_in_its_place_or_at_the_end_and_nothing_else_changes(before: str, after: str) -> None:
    assert with_setting(before, "PODS_SYNC", "any:1") == after


_lines = st.lists(
    st.sampled_from(
        [
            "",
            "# PODS_SYNC",
            "#PODS_SYNC=off",
            "PODS_SYNC=off",
            "export PODS_SYNC=first:2",
            "PODS_USER=me",
            "PODS_SYNC='off'",
        ]
    ),
    max_size=6,
)


@given(_lines, st.booleans())
def test_a_setting_that_was_set_is_what_is_loaded(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], ended: bool
) -> None:
    home = tmp_path_factory.getbasetemp()
    (home / ".env").write_text(with_setting("\n".join(lines) + "\n" * ended, "PODS_SYNC", "any:1"))
    settings = load_settings(home, {})
    assert settings.sync == "any:1"
    assert settings.user == ("me" if "PODS_USER=me" in lines else "app")


@pytest.fixture
def stack(bare_home: Home, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A cluster with two replicas whose servers take everything up."""

    def publish(stack: Stack, topology: Topology) -> Stack:
        return stack

    monkeypatch.setattr(sync_replication, "publish", publish)
    monkeypatch.delenv("PODS_SYNC", raising=False)
    made = Stack(bare_home, settings_of(), topology_of(settings_of()), engine_without_containers())
    save(bare_home.topology, bare_home.topology_copy, made.topology)
    return made


def _env(stack: Stack) -> Path:
    return stack.home.path / ".env"


def test_the_mode_is_kept_in_env(stack: Stack, console: Console) -> None:
    set_sync(stack, console, "any:2")
    assert load_settings(stack.home.path, {}).sync == "any:2"


def test_an_env_that_nobody_else_may_read_stays_so(stack: Stack, console: Console) -> None:
    _env(stack).write_text("PODS_PROXY=http://me:secret@proxy.example:3128\n")
    _env(stack).chmod(0o600)
    set_sync(stack, console, "any:1")
    assert _env(stack).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", ["any:3", "first:3"])
def test_more_replicas_than_there_are_cannot_be_waited_for(stack: Stack, console: Console, mode: str) -> None:
    with pytest.raises(RefusedError, match="needs 3 replicas and there are 2"):
        set_sync(stack, console, mode)
    assert not _env(stack).exists()


def test_an_unknown_mode_is_refused(stack: Stack, console: Console) -> None:
    with pytest.raises(UsageError, match="PODS_SYNC='all'"):
        set_sync(stack, console, "all")
    assert not _env(stack).exists()


def test_an_environment_that_would_win_is_told_of(
    stack: Stack, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PODS_SYNC", "off")
    with pytest.raises(RefusedError, match="environment"):
        set_sync(stack, console, "any:1")
    assert not _env(stack).exists()
