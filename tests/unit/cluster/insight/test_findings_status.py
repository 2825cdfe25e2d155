"""The count of findings: what comes out is what went in, and no text of anybody's is in it."""

from pathlib import Path

from cluster.insight.findings_status import (
    FRESH_SECONDS,
    STATUS_FILE,
    FindingsStatus,
    counted,
    read_status,
    write_status,
)
from cluster.insight.judgement import KINDS, judge
from cluster.insight.readings import TransactionMark
from exporters.metrics.findings import finding_metrics
from tests.unit.cluster.insight.readings_samples import NOW, inside, invalid, pair, reading

FOUND = judge(reading(inside(pairs=(pair(),), invalid=(invalid(), invalid(oid=1, name="public.other")))))
STATUS = FindingsStatus(
    updated=NOW, databases=1, unread=2, counts=counted(FOUND), marks=(TransactionMark(at=NOW, xid=1 << 40),)
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_status(tmp_path, STATUS)
    assert read_status(tmp_path) == STATUS
    assert "public" not in (tmp_path / STATUS_FILE).read_text()


def test_what_is_no_count_is_none(tmp_path: Path) -> None:
    assert read_status(tmp_path) is None
    for text in ("", "{}", "[1]", "x" * (1 << 17), '{"updated": "now"}'):
        (tmp_path / STATUS_FILE).write_text(text)
        assert read_status(tmp_path) is None


def test_every_kind_has_series_and_what_is_old_has_none() -> None:
    rows = finding_metrics(STATUS, NOW + 60)["findings"]
    values = {(row["kind"], row["severity"]): row["findings"] for row in rows}
    assert len(values) == 3 * len(KINDS)
    assert {key: value for key, value in values.items() if value} == {
        ("duplicate_index", "warn"): 1,
        ("invalid_index", "warn"): 2,
    }
    old = finding_metrics(STATUS, NOW + FRESH_SECONDS + 1)
    assert (old["findings"], old["findings_read"][0]["databases_unread"]) == ([], 2)
