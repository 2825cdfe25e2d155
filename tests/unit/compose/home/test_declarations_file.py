"""The user's file: made once, changed whole or not at all, and never over what somebody else wrote."""

from pathlib import Path

import pytest

from cluster.config.databases_template import template
from cluster.config.databases_text import with_entry
from cluster.errors import RefusedError, UsageError
from compose.home.declarations_file import DeclarationsFile, ensure_template
from compose.home.paths import Home
from tests.fix_settings import settings_of


@pytest.fixture
def path(bare_home: Home) -> Path:
    """Where the file is."""
    return bare_home.user_config / "databases.toml"


def _added(text: str) -> str:
    return with_entry(text, "databases", "shop", {"pool_size": 2})


def test_the_template_is_made_where_there_is_nothing_and_only_there(bare_home: Home, path: Path) -> None:
    ensure_template(bare_home)
    assert path.read_text() == template()
    path.write_text("# mine\n")
    ensure_template(bare_home)
    assert path.read_text() == "# mine\n"
    path.unlink()
    path.symlink_to("nowhere.toml")
    ensure_template(bare_home)
    assert path.is_symlink()
    assert not path.exists()


def test_a_change_is_checked_with_all_settings_and_then_written(bare_home: Home, path: Path) -> None:
    file = DeclarationsFile(bare_home)
    text, settings = file.changed(settings_of(), _added)
    assert not path.exists(), "nothing is written before it is accepted"
    assert settings.declared.database("shop").pool_size == 2
    file.write(text)
    assert path.read_text() == _added(template())


@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_mode_link_and_line_ends_stay(bare_home: Home, path: Path, tmp_path: Path, mode: int) -> None:
    real = tmp_path / "elsewhere.toml"
    real.write_bytes(b"# mine\r\n")
    real.chmod(mode)
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(real)
    file = DeclarationsFile(bare_home)
    file.write(file.changed(settings_of(), _added)[0])
    assert path.is_symlink()
    assert real.read_bytes() == b"# mine\r\n\r\n[databases.shop]\r\npool_size = 2\r\n"
    assert real.stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("before", ["# old\n", None])
def test_what_somebody_wrote_meanwhile_is_not_overwritten(bare_home: Home, path: Path, before: str | None) -> None:
    path.parent.mkdir(exist_ok=True)
    if before is not None:
        path.write_text(before)
    file = DeclarationsFile(bare_home)
    text, _ = file.changed(settings_of(), _added)
    path.write_text("# new\n")
    with pytest.raises(RefusedError, match="was changed by somebody else meanwhile"):
        file.write(text)
    assert path.read_text() == "# new\n"


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("Shop", {}, "databases.Shop cannot be a name here"),
        ("postgres", {}, "is a name that the cluster needs itself"),
        ("appdb_read", {}, "is called like a pool of appdb"),
        ("shop", {"pool_size": 1000}, "have more pools than PODS_MAX_CONNECTIONS"),
        ("shop\n[roles.x]", {}, "cannot be a name here"),
        ("shop'; DROP", {}, "cannot be a name here"),
        ("žluť", {}, "cannot be a name here"),
        ("x" * 51, {}, "cannot be a name here"),
        ("", {}, "cannot be a name here"),
    ],
)
def test_what_would_not_be_accepted_is_not_written(
    bare_home: Home, path: Path, name: str, values: dict[str, int], reason: str
) -> None:
    ensure_template(bare_home)
    with pytest.raises(UsageError) as refusal:
        DeclarationsFile(bare_home).changed(settings_of(), lambda text: with_entry(text, "databases", name, values))
    assert reason in refusal.value.message
    assert "\n" not in str(refusal.value)
    assert path.read_text() == template()
