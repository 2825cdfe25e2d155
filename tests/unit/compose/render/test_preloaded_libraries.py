"""What nodes preload for extensions, beside what the user's own file says."""

import pytest

from cluster.sizing import derive
from compose.render.postgresql_conf import postgresql_conf
from compose.render.preloaded_libraries import left_out_libraries
from tests.fix_settings import SIZING, settings_of, topology_of


def _conf(words: str, node: str) -> str:
    settings = settings_of(extensions=words)
    return postgresql_conf(settings, topology_of(settings), derive(settings, SIZING), node)


def test_nobody_who_asks_for_none_is_given_a_line() -> None:
    assert "PODS_EXTENSIONS" not in _conf("", "primary")
    assert _conf("", "primary") == _conf(" ,", "primary")


@pytest.mark.parametrize("node", ["primary", "replica1"])
def test_every_node_has_what_the_primary_needs_since_it_may_become_it(node: str) -> None:
    lines = _conf("cron,pgaudit,hll", node).splitlines()
    chosen = [line for line in lines if line.startswith(("shared_preload_libraries", "cron."))]
    assert chosen == [
        "shared_preload_libraries = 'pg_stat_statements'",
        "shared_preload_libraries = 'pg_stat_statements, pg_cron, pgaudit'",
        "cron.use_background_workers = on",
        "cron.database_name = 'appdb'",
    ]


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("", ()),
        ("work_mem = 4MB", ()),
        ("shared_preload_libraries = 'pg_stat_statements'", ("pg_cron", "pgaudit")),
        ("shared_preload_libraries = 'pgaudit,auto_explain'", ("pg_cron",)),
        ("shared_preload_libraries = 'x'\nshared_preload_libraries = 'pg_cron, pgaudit'", ()),
        ("shared_preload_libraries = 'pgauditlogtofile, pg_cron'", ("pgaudit",)),
    ],
)
def test_what_a_file_of_the_user_s_leaves_out_is_known(text: str, missing: tuple[str, ...]) -> None:
    assert left_out_libraries(settings_of(extensions="cron,pgaudit"), text) == missing
