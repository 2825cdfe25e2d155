import re
from pathlib import Path

import pytest

from cluster import queries
from cluster.settings import PROJECT_ROOT

FILES = sorted(Path(queries.__file__).parent.glob("*.sql"))
CODE = "\n".join(
    path.read_text(encoding="utf-8")
    for room in ("cluster", "exporters", "health", "compose", "backup")
    for path in (PROJECT_ROOT / room).rglob("*.py")
)


def test_there_are_queries() -> None:
    assert FILES


@pytest.mark.parametrize("name", [path.stem for path in FILES])
def test_a_query_is_read_by_its_name_and_used_by_it(name: str) -> None:
    assert queries.get(name).strip()
    assert f'"{name}"' in CODE


def test_a_query_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        queries.get("no_such_query")


def test_sql_is_nowhere_else() -> None:
    statement = re.compile(r'"\s*(SELECT \w+.* FROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM|CREATE|ALTER|DROP) \w', re.I)
    lines = [line for line in CODE.splitlines() if statement.search(line)]
    # PgBouncer wants the statement it asks PostgreSQL with in its own configuration
    assert [line for line in lines if '"auth_query"' not in line] == []
