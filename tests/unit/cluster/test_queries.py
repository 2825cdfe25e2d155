import re
from pathlib import Path

import pytest

from cluster import queries
from cluster.config.env_file import PROJECT_ROOT
from tests.unit.sql_names import unqualified

FILES = sorted(Path(queries.__file__).parent.glob("*.sql"))
CODE = "\n".join(
    path.read_text(encoding="utf-8")
    for room in ("cluster", "exporters", "guide", "health", "compose", "backup")
    for path in (PROJECT_ROOT / room).rglob("*.py")
)


def test_there_are_queries() -> None:
    assert FILES


@pytest.mark.parametrize("name", [path.stem for path in FILES])
def test_a_query_is_read_by_its_name_and_used_by_it(name: str) -> None:
    assert queries.get(name).strip()
    assert f'"{name}"' in CODE


@pytest.mark.parametrize("name", [path.stem for path in FILES])
def test_no_comment_of_ours_reaches_a_server_and_nothing_else_is_lost(name: str) -> None:
    """Its log and pg_stat_statements keep the text of a statement as it came."""
    plain = queries.get(name)
    assert "--" not in plain
    code = [line for line in queries.source(name).splitlines() if not line.lstrip().startswith("--")]
    assert plain.splitlines() == code


def test_a_query_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        queries.get("no_such_query")


def test_sql_is_nowhere_else() -> None:
    own = (PROJECT_ROOT / "health" / "insight" / "statement_tables.py").read_text(
        encoding="utf-8"
    )  # SQLite's, in a file of ours
    statement = re.compile(r'"\s*(SELECT \w+.* FROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM|CREATE|ALTER|DROP) \w', re.I)
    lines = [line for line in CODE.replace(own, "").splitlines() if statement.search(line)]
    # PgBouncer wants the statement it asks PostgreSQL with in its own configuration
    assert [line for line in lines if '"auth_query"' not in line] == []


@pytest.mark.parametrize("name", [path.stem for path in FILES])
def test_a_query_names_the_schema_of_everything_it_uses(name: str) -> None:
    """Whoever may put a schema first must not decide what our SQL means."""
    assert unqualified(queries.get(name)) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SELECT rolname FROM pg_authid", ["relation pg_authid"]),
        ("SELECT 1 FROM pg_catalog.pg_class c JOIN pg_roles r ON true", ["relation pg_roles"]),
        ("SELECT 1 FROM pg_catalog.pg_class c, pg_roles r", ["relation pg_roles"]),
        ("SELECT now()", ["function now"]),
        ("SELECT helper.now()", ["function helper.now"]),
        ("SELECT extract(epoch FROM now())::float8", ["function now", "type float8"]),
        ("SELECT '0/0'::pg_lsn", ["type pg_lsn"]),
        ("SELECT 1 WHERE EXISTS (SELECT FROM pg_roles)", ["relation pg_roles"]),
        ("SELECT pg_catalog.to_regprocedure('pods.user_lookup(text)')", ["in a string: pods.user_lookup(text)"]),
        ("WITH a AS (SELECT 1) SELECT coalesce(x, 1)::int FROM a -- FROM pg_roles", []),
        ("SELECT extract(epoch FROM pg_catalog.now())::pg_catalog.float8 FROM pg_catalog.pg_class", []),
    ],
)
def test_what_lacks_its_schema_is_seen(text: str, found: list[str]) -> None:
    assert sorted(unqualified(text)) == sorted(found)
