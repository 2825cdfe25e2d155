import pytest

from cluster.errors import UsageError
from compose.home.paths import Home
from compose.operations import check_config
from tests.fix_settings import settings_of, topology_of

SETTINGS = settings_of()
TOPOLOGY = topology_of(SETTINGS)


def _overridden(home: Home, text: str) -> list[str]:
    home.user_config.mkdir()
    (home.user_config / "postgresql.conf").write_text(text, encoding="utf-8")
    return check_config._overridden(home, SETTINGS, TOPOLOGY)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("# fsync = off\n\n   # port = 1\n", []),
        ("work_mem = '8MB'\nshared_buffers=1GB\n", []),
        ("fsync = off\n", ["fsync"]),
        ("FSYNC=off\n  Port 5433\nssl off # really\n", ["fsync", "port", "ssl"]),
        ("data_directory = '/elsewhere'\nfsync = off\nfsync = off\n", ["data_directory", "fsync"]),
    ],
)
def test_parameters_of_the_user_s_that_have_no_effect_are_told(bare_home: Home, text: str, names: list[str]) -> None:
    assert _overridden(bare_home, text) == names


@pytest.mark.parametrize("text", ["= 5\n", "=\n", " = off"])
def test_a_line_postgresql_will_refuse_is_not_a_bug_of_ours(bare_home: Home, text: str) -> None:
    try:
        assert _overridden(bare_home, text) == []
    except UsageError as refusal:
        assert "postgresql.conf" in str(refusal)  # noqa: PT017
