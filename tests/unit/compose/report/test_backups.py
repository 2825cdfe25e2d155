"""What a drill is reported as."""

import pytest

from cluster.documents import to_json
from compose.report.backups import print_drill
from tests.unit.backup.test_drill import GOOD


@pytest.mark.parametrize(
    ("count", "line"),
    [
        (1, "1 database opened and checked: d0"),
        (8, "8 databases opened and checked: d0, d1, d2, d3, d4, d5, d6, d7"),
        (300, "300 databases opened and checked: d0, d1, d2, d3, d4, d5, d6, d7 and 292 more"),
    ],
)
def test_a_drill_names_its_databases_and_counts_those_beyond(
    count: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_drill({**to_json(GOOD), "ok": True, "databases": [f"d{n}" for n in range(count)]})
    assert capsys.readouterr().out.splitlines()[1].strip() == line
